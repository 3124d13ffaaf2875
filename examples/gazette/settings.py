"""Settings of the gazette: how much is generated and how hard it is."""

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class GazetteSettings:
    """Counts, and shares as probabilities in [0, 1]; README.md explains each hardness.

    Raises:
        ValueError: a count is below 1, or a share or the sum of shares is outside [0, 1].
    """

    seed: int = 7
    train: int = 4000
    dev_passages: int = 550
    test_passages: int = 1100
    annotated_passages: int = 6000

    knowledge_base_coverage: float = 0.70
    alias_coverage: float = 0.90
    broken_long_line_bytes: int = 2_000_000
    near_duplicates: float = 0.03
    exact_duplicates: float = 0.005

    # Kinds of sentences; the rest states single facts.
    double: float = 0.07
    many: float = 0.05
    cooccurrence: float = 0.12
    hedge: float = 0.05
    denial: float = 0.05
    predicate: float = 0.06
    filler: float = 0.07
    factless_documents: float = 0.08

    # Constructions that state a fact; the rest is nominal.
    active: float = 0.38
    passive: float = 0.17
    apposition: float = 0.17
    prenominal: float = 0.12

    # Cohesion and layout: keeping the subject, pronouns, short forms, openers, headings.
    continuity: float = 0.60
    pronoun: float = 0.75
    short_form: float = 0.70
    short_form_first: float = 0.08
    related_cooccurrence: float = 0.50
    opener: float = 0.12
    closer: float = 0.25
    tail: float = 0.40
    heading: float = 0.25
    named_heading: float = 0.40
    dateline: float = 0.15
    boilerplate: float = 0.25
    new_topic: float = 0.22

    # Ambiguity of names.
    shared_surname: float = 0.08
    company_named_after_city: float = 0.10
    acronym: float = 0.35

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "seed":
                continue
            if isinstance(value, float) and not 0 <= value <= 1:
                raise ValueError(f"gazette: {field.name} must be between 0 and 1, not {value}")
            if not isinstance(value, float) and value < 1:
                raise ValueError(f"gazette: {field.name} must be at least 1, not {value}")
        if self.double + self.many + self.cooccurrence + self.hedge + self.denial + self.predicate + self.filler > 1:
            raise ValueError("gazette: the shares of the kinds of sentences sum to more than 1")
        if self.active + self.passive + self.apposition + self.prenominal > 1:
            raise ValueError("gazette: the shares of the constructions sum to more than 1")

    @classmethod
    def smoke(cls, seed: int = 7) -> "GazetteSettings":
        """Return settings for a few dozen documents with every kind of content, for a quick check."""
        return cls(
            seed=seed,
            train=60,
            dev_passages=40,
            test_passages=60,
            annotated_passages=30,
            broken_long_line_bytes=200_000,
        )
