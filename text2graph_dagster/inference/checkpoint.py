"""The files that a checkpoint has beside the model, so that the directory alone is enough for extraction.

extraction.json                    the recipe: prompt, decoding, and how documents are split into passages
ontologies/<corpus>/ontology.yaml  the types of every corpus that the student was trained on
"""

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from text2graph_dagster.errors import UserError
from text2graph_dagster.grammar import AnswerForm, TypeRequest, make_forms, write_single_grammar
from text2graph_dagster.graph.wire import WireForm
from text2graph_dagster.inference.answer_format import choose_wire
from text2graph_dagster.ontology import Ontology, load_ontology
from text2graph_dagster.prompts import templates
from text2graph_dagster.prompts.rendering import Template
from text2graph_dagster.settings import (
    UNCONSTRAINED,
    CorpusSettings,
    DecodingSettings,
    QualitySettings,
    Settings,
)

RECIPE, ONTOLOGIES, ONTOLOGY = "extraction.json", "ontologies", "ontology.yaml"
_CORPUS = CorpusSettings()
# Every quality limit is off, because text that is not good enough for training may still contain useful facts.
_ANY_QUALITY = QualitySettings(
    min_document_tokens=0,
    max_repeated_lines=1,
    max_repeated_runs=1,
    max_list_lines=1,
    max_symbols=1,
    min_distinct_words=0,
)


class CheckpointRecipe(BaseModel):
    """How to prompt and decode a student. The defaults suit any instruction-tuned model that was not trained here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    template: Template = Field("extract", description="the prompt template that the student was trained with")
    prompt_version: str = Field("", description="version of the template; empty: unknown")
    passage_tokens: int = Field(256, ge=8)
    max_passage_characters: int = Field(_CORPUS.max_passage_characters, ge=200)
    overlap_sentences: int = Field(_CORPUS.overlap_sentences, ge=0)
    max_new_tokens: int = Field(512, ge=1)
    decoding: DecodingSettings = Field(UNCONSTRAINED, description="the grammar that constrains its answers")
    wire: WireForm = Field("public", description="the JSON that the grammar expects")
    thinking: bool = Field(False, description="whether a rationale may precede the JSON")

    @classmethod
    def from_settings(cls, settings: Settings) -> "CheckpointRecipe":
        """Return the recipe of a student that was trained with these settings."""
        template, corpus = settings.dataset.template, settings.corpus
        return cls(
            template=template,
            prompt_version=templates.prompt_version(template),
            passage_tokens=corpus.passage_tokens,
            max_passage_characters=corpus.max_passage_characters,
            overlap_sentences=corpus.overlap_sentences,
            max_new_tokens=settings.evaluation.max_new_tokens,
            decoding=settings.decoding,
            wire=choose_wire(settings),
            thinking=settings.dataset.thinking,
        )

    @property
    def outdated(self) -> bool:
        """Whether the prompt template has changed since the student was trained."""
        return bool(self.prompt_version) and self.prompt_version != templates.prompt_version(self.template)

    def answer_forms(self, texts: Iterable[str], ontology: Ontology) -> list[AnswerForm] | None:
        """Return the form of the answer to each passage; None if decoding is unconstrained."""
        requests = (TypeRequest(text, ontology.entity_names, ontology.relation_names) for text in texts)
        return make_forms(requests, self.decoding, self.wire, self.thinking)

    def server_grammar(self, text: str, ontology: Ontology) -> str | None:
        """Return the grammar that a server enforces on the answer to a passage; None if decoding is unconstrained.

        A student that thinks is not constrained: only the server knows whether the think tags are special tokens.
        """
        forms = None if self.thinking else self.answer_forms([text], ontology)
        return write_single_grammar(forms[0]) if forms else None

    def corpus_settings(self, text_field: str = _CORPUS.text_field) -> CorpusSettings:
        """Return the settings for reading and packing documents: as in training, but without quality limits."""
        return CorpusSettings(
            passage_tokens=self.passage_tokens,
            max_passage_characters=self.max_passage_characters,
            overlap_sentences=self.overlap_sentences,
            text_field=text_field,
            quality=_ANY_QUALITY,
        )


def write_recipe(checkpoint: Path, settings: Settings, ontologies: Mapping[str, Path]) -> None:
    """Write the recipe and a copy of every corpus's ontology into a checkpoint directory."""
    (checkpoint / RECIPE).write_text(
        CheckpointRecipe.from_settings(settings).model_dump_json(indent=2) + "\n", encoding="utf-8"
    )
    for corpus, path in sorted(ontologies.items()):
        folder = checkpoint / ONTOLOGIES / corpus
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / ONTOLOGY)


def read_recipe(checkpoint: Path) -> CheckpointRecipe | None:
    """Return a checkpoint's recipe, or None for a model directory without one.

    Raises:
        UserError: the file is invalid, or it is missing although there are ontologies (an incomplete copy).
    """
    path = checkpoint / RECIPE
    if not path.is_file():
        if (checkpoint / ONTOLOGIES).is_dir():
            raise UserError(f"{path} is missing: copy the whole checkpoint directory.")
        return None
    try:
        return CheckpointRecipe.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:  # ValidationError is a ValueError too
        first = str(error).splitlines()[0]
        if isinstance(error, ValidationError):
            mistake = error.errors()[0]
            first = f"{'.'.join(map(str, mistake['loc'])) or 'the whole file'}: {mistake['msg']}"
        raise UserError(f"{path} cannot be read ({first}): copy the file from an intact checkpoint.") from None


def load_ontologies(checkpoint: Path) -> dict[str, Ontology]:
    """Return the ontology of every corpus that the student was trained on, by corpus."""
    return {corpus: load_ontology(path) for corpus, path in _ontology_files(checkpoint).items()}


def _ontology_files(checkpoint: Path) -> dict[str, Path]:
    return {path.parent.name: path for path in sorted(checkpoint.glob(f"{ONTOLOGIES}/*/{ONTOLOGY}"))}


def choose_ontology(checkpoint: Path, corpus: str | None) -> Ontology:
    """Return the ontology of a corpus that the student was trained on; `corpus` may be None if there is only one.

    Raises:
        UserError: the directory does not exist or has no ontology, `corpus` is unknown, or it is None and there are
            several.
    """
    known = _ontology_files(checkpoint)
    if not checkpoint.is_dir():
        raise UserError(f"There is no checkpoint {checkpoint}: pass a model directory.")
    if not known:
        raise UserError(f"{checkpoint} has no ontology: pass a file with --ontology (`ontology=` in Python).")
    if corpus is None and len(known) == 1:
        return load_ontology(next(iter(known.values())))
    if corpus not in known:
        problem = f"was not trained on {corpus!r}" if corpus else "was trained on several corpora"
        raise UserError(
            f"{checkpoint} {problem}: choose one of {', '.join(known)} with --corpus (`corpus=` in Python), or pass "
            "another ontology."
        )
    return load_ontology(known[corpus])


def require_known_types(checkpoint: Path, ontology: Ontology) -> None:
    """Check that the student was trained on these types, as it must be if its prompts list none.

    Raises:
        UserError: it was not.
    """
    known = {
        name for each in load_ontologies(checkpoint).values() for name in (*each.entity_names, *each.relation_names)
    }
    if unknown := [name for name in (*ontology.entity_names, *ontology.relation_names) if name not in known]:
        raise UserError(
            f"{checkpoint} can extract only the types that it was trained on, because its prompts list none "
            f"(dataset.template: text); it does not know {', '.join(unknown[:5])}."
        )
