"""Every dial of the gazette: how much is written and how hard it is."""

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class GazetteSettings:
    """Counts and shares. A share is a probability in [0, 1]; README.md says what each hardness means.

    Raises ValueError for a count below 1 or a share outside [0, 1].
    """

    seed: int = 7
    train: int = 7000
    dev_passages: int = 550
    test_passages: int = 1100

    knowledge_base_coverage: float = 0.70
    alias_coverage: float = 0.90
    broken_long_line_bytes: int = 2_000_000
    near_duplicates: float = 0.03
    exact_duplicates: float = 0.005

    # What a sentence does; the rest states facts.
    double: float = 0.07
    many: float = 0.05
    cooccurrence: float = 0.12
    hedge: float = 0.05
    denial: float = 0.05
    predicate: float = 0.06
    filler: float = 0.07
    factless_documents: float = 0.08

    # How a fact is said; the rest is nominal.
    active: float = 0.38
    passive: float = 0.17
    apposition: float = 0.17
    prenominal: float = 0.12

    # How a text goes on: with its subject, and with a pronoun for it.
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

    # How ambiguous the names are.
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
            raise ValueError("gazette: the shares of what sentences do sum to more than 1")
        if self.active + self.passive + self.apposition + self.prenominal > 1:
            raise ValueError("gazette: the shares of how facts are said sum to more than 1")

    @classmethod
    def smoke(cls, seed: int = 7) -> "GazetteSettings":
        """A few dozen documents: every kind of content, no more than a quick check needs."""
        return cls(seed=seed, train=60, dev_passages=40, test_passages=60, broken_long_line_bytes=200_000)
