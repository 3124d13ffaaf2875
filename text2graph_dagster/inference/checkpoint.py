"""What stands in a checkpoint beside the model, so that the directory alone is enough to extract with.

extraction.json                    how the student is asked, and how documents become the passages it knows
ontologies/<corpus>/ontology.yaml  the types of every corpus that it was taught
"""

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from text2graph_dagster.errors import UserError
from text2graph_dagster.grammar import Asked, Form, forms_of, write_for_one
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
# What is not worth learning from may well be worth extracting from: every limit is off.
_ANY_QUALITY = QualitySettings(
    min_document_tokens=0,
    max_repeated_lines=1,
    max_repeated_runs=1,
    max_list_lines=1,
    max_symbols=1,
    min_distinct_words=0,
)


class CheckpointRecipe(BaseModel):
    """How a student is asked. The defaults are for models that are none of ours and follow instructions."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    template: Template = Field("extract", description="the prompt that it was taught")
    prompt_version: str = Field("", description="version of that prompt; none: not known")
    passage_tokens: int = Field(256, ge=8)
    max_passage_characters: int = Field(_CORPUS.max_passage_characters, ge=200)
    overlap_sentences: int = Field(_CORPUS.overlap_sentences, ge=0)
    max_new_tokens: int = Field(512, ge=1)
    decoding: DecodingSettings = Field(UNCONSTRAINED, description="the grammar that its answers are held to here")
    wire: WireForm = Field("public", description="the JSON that the grammar expects")
    thinking: bool = Field(False, description="whether a rationale may stand before the JSON")

    @classmethod
    def from_settings(cls, settings: Settings) -> "CheckpointRecipe":
        """Return how a student of these settings is asked."""
        template, corpus = settings.dataset.template, settings.corpus
        return cls(
            template=template,
            prompt_version=templates.version(template),
            passage_tokens=corpus.passage_tokens,
            max_passage_characters=corpus.max_passage_characters,
            overlap_sentences=corpus.overlap_sentences,
            max_new_tokens=settings.evaluation.max_new_tokens,
            decoding=settings.decoding,
            wire=choose_wire(settings.student),
            thinking=settings.dataset.thinking,
        )

    @property
    def outdated(self) -> bool:
        """Tell whether the prompt has other words now than when the student was taught."""
        return bool(self.prompt_version) and self.prompt_version != templates.version(self.template)

    def answer_forms(self, texts: Iterable[str], ontology: Ontology) -> list[Form] | None:
        """Return what the answers about passages may look like; None where they are not held to anything."""
        asked = (Asked(text, ontology.entity_names, ontology.relation_names) for text in texts)
        return forms_of(asked, self.decoding, self.wire, self.thinking)

    def server_grammar(self, text: str, ontology: Ontology) -> str | None:
        """Return the grammar that a server is to hold the answer about a passage to; None where it is held to nothing.

        Thinking is held to nothing: whether its tags are tokens of their own, only the server's tokenizer knows.
        """
        forms = None if self.thinking else self.answer_forms([text], ontology)
        return write_for_one(forms[0]) if forms else None

    def corpus_settings(self, text_field: str = _CORPUS.text_field) -> CorpusSettings:
        """Return how documents are read and packed: as they were for training, but refused for no lack of quality."""
        return CorpusSettings(
            passage_tokens=self.passage_tokens,
            max_passage_characters=self.max_passage_characters,
            overlap_sentences=self.overlap_sentences,
            text_field=text_field,
            quality=_ANY_QUALITY,
        )


def write_recipe(checkpoint: Path, settings: Settings, ontologies: Mapping[str, Path]) -> None:
    """Write the recipe and a copy of every corpus's ontology into a checkpoint."""
    (checkpoint / RECIPE).write_text(
        CheckpointRecipe.from_settings(settings).model_dump_json(indent=2) + "\n", encoding="utf-8"
    )
    for corpus, path in sorted(ontologies.items()):
        folder = checkpoint / ONTOLOGIES / corpus
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / ONTOLOGY)


def read_recipe(checkpoint: Path) -> CheckpointRecipe | None:
    """Return a checkpoint's recipe, None where there is none.

    Raises:
        UserError: the file cannot be read as one, or is missing beside ontologies, which only a checkpoint has.
    """
    path = checkpoint / RECIPE
    if not path.is_file():
        if (checkpoint / ONTOLOGIES).is_dir():
            raise UserError(f"{path} is missing: copy the checkpoint whole.")
        return None
    try:
        return CheckpointRecipe.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:  # ValidationError is a ValueError, too
        first = str(error).splitlines()[0]
        if isinstance(error, ValidationError):
            mistake = error.errors()[0]
            first = f"{'.'.join(map(str, mistake['loc'])) or 'all of it'}: {mistake['msg']}"
        raise UserError(f"{path} cannot be read ({first}): take it from a checkpoint that can.") from None


def load_ontologies(checkpoint: Path) -> dict[str, Ontology]:
    """Return the ontology of every corpus that a checkpoint was taught."""
    return {corpus: load_ontology(path) for corpus, path in _ontology_files(checkpoint).items()}


def _ontology_files(checkpoint: Path) -> dict[str, Path]:
    return {path.parent.name: path for path in sorted(checkpoint.glob(f"{ONTOLOGIES}/*/{ONTOLOGY}"))}


def choose_ontology(checkpoint: Path, corpus: str | None) -> Ontology:
    """Return the ontology of a corpus that the checkpoint was taught; it need not be named where there is one only.

    Raises:
        UserError: there is no such directory, no ontology in it, none of that name, or several and none is named.
    """
    known = _ontology_files(checkpoint)
    if not checkpoint.is_dir():
        raise UserError(f"There is no checkpoint {checkpoint}: name the directory of a model.")
    if not known:
        raise UserError(f"{checkpoint} comes without an ontology: name a file with --ontology (`ontology=` in Python).")
    if corpus is None and len(known) == 1:
        return load_ontology(next(iter(known.values())))
    if corpus not in known:
        asked = f"was not taught {corpus!r}" if corpus else "was taught several corpora"
        raise UserError(
            f"{checkpoint} {asked}: choose one of {', '.join(known)} with --corpus (`corpus=` in Python), or give an "
            "ontology of your own."
        )
    return load_ontology(known[corpus])
