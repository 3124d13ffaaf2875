"""Prompt systems with gold passages, and turn their answers into rows of the table predictions."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from text2graph_dagster.evaluation.example_panels import ReportExample, sample_passages
from text2graph_dagster.evaluation.score import read_output
from text2graph_dagster.graph.legality import legalise
from text2graph_dagster.graph.model import Graph
from text2graph_dagster.graph.parsing import GraphParseError, parse
from text2graph_dagster.graph.rows import from_rows, to_rows
from text2graph_dagster.identity import digest, digest_json
from text2graph_dagster.inference.answer_format import choose_wire
from text2graph_dagster.inference.checkpoint import CheckpointRecipe
from text2graph_dagster.ontology import Ontology
from text2graph_dagster.prompts.rendering import Template, render_prompt
from text2graph_dagster.settings import Settings, SystemSettings
from text2graph_dagster.teachers.chat.label_mapping import make_label_mapper

GOLD_COLUMNS = ("corpus", "passage_id", "doc_id", "split", "text", "entities", "relations")


@dataclass(frozen=True)
class AnswerSettings:
    """Settings for generating a model's answers and for reading them.

    `max_new_tokens` limits an answer's length. `label_similarity` is the minimum similarity at which a label is mapped
    to a type of the ontology; None: labels must match exactly. `decoding` are the grammar settings of the prediction
    program; empty: answers are not constrained. `repair` says whether relations that violate the signatures are
    repaired (`graph.legality`).
    """

    max_new_tokens: int
    label_similarity: float | None = None
    decoding: Mapping[str, Any] = field(default_factory=dict)
    repair: bool = True

    @classmethod
    def for_student(cls, settings: Settings) -> "AnswerSettings":
        """Return the settings for the student's own answers."""
        grammar = settings.decoding.model_dump(mode="json")
        decoding = {"decoding": grammar, "wire": choose_wire(settings), "thinking": settings.dataset.thinking}
        return cls(settings.evaluation.max_new_tokens, decoding=decoding, repair=settings.decoding.repair)


def make_gold_example(row: Mapping[str, Any], ontology: Ontology, template: Template) -> dict[str, Any]:
    """Return a gold passage as an example that asks for all types; its messages have the prompt only."""
    entity_types, relation_types = list(ontology.entity_names), list(ontology.relation_names)
    prompt = render_prompt(row["text"], entity_types, relation_types, ontology, template, row["language"])
    return {
        "example_id": digest(row["corpus"], row["passage_id"]),
        **{column: row[column] for column in GOLD_COLUMNS},
        "messages": [{"role": "user", "content": prompt}],
        "entity_types": entity_types,
        "relation_types": relation_types,
    }


def make_run_id(
    model: str,
    prompts: Iterable[Sequence[Mapping[str, str]]],
    gold_version: str,
    ontologies: Mapping[str, Ontology],
    answers: AnswerSettings,
) -> str:
    """Return the identity of a model's predictions: a digest of everything that its answers depend on.

    Args:
        model: the model's identity, e.g. the digest of its weights.
        prompts: the messages of every passage, in order.
    """
    return digest_json(
        {
            "model": model,
            "asked": [message["content"] for messages in prompts for message in messages],
            "gold": gold_version,
            "ontologies": {name: ontology.digest for name, ontology in ontologies.items()},
            "max_new_tokens": answers.max_new_tokens,
            "decoding": answers.decoding,
            "repair": answers.repair,
            **({"label_similarity": answers.label_similarity} if answers.label_similarity else {}),
        }
    )


def legal_graph(
    output: str | None,
    text: str,
    entity_types: Collection[str],
    relation_types: Collection[str],
    ontology: Ontology | None,
    label_similarity: float | None = None,
    repair: bool = True,
) -> Graph | None:
    """Return the legal part of an answer about the passage `text`; None if the answer cannot be parsed.

    With `label_similarity`, labels are first mapped to the most similar types of the ontology; with `repair`, relations
    that violate the signatures are repaired.
    """
    try:
        parsed = parse(output or "")
    except GraphParseError:
        return None
    if label_similarity is not None and ontology is not None:
        parsed = make_label_mapper(ontology, label_similarity).map_answer(parsed).parsed
    return legalise(parsed, text, entity_types, relation_types, ontology, repair=repair).graph


def make_prediction_rows(
    run: str,
    system: str,
    gold: Iterable[Mapping[str, Any]],
    answers: Mapping[str, Mapping[str, Any]],
    ontologies: Mapping[str, Ontology],
    settings: AnswerSettings,
) -> Iterator[dict[str, Any]]:
    """Yield a row of the table predictions per gold passage; an unreadable or missing answer gives an empty graph.

    `answers` are the prediction program's answers (`raw_output`, `stopped`) by example id.
    """
    for row in gold:
        answer = answers.get(row["example_id"], {"raw_output": None, "stopped": None})
        ontology, types = ontologies[row["corpus"]], (row["entity_types"], row["relation_types"])
        graph = legal_graph(
            answer["raw_output"], row["text"], *types, ontology, settings.label_similarity, settings.repair
        )
        entities, relations = to_rows(graph or Graph())
        yield {
            **{column: row[column] for column in ("corpus", "passage_id", "split")},
            **{"run": run, "system": system, "entities": entities, "relations": relations},
            **{column: answer[column] for column in ("raw_output", "stopped")},
        }


def fill_message(content: str, row: Mapping[str, Any]) -> str:
    """Return a message template with the row's types and text in place of {entity_types}, {relation_types}, {text}.

    The text is inserted last, so that placeholders inside a passage are not replaced.
    """
    for name in ("entity_types", "relation_types"):
        content = content.replace(f"{{{name}}}", ", ".join(row[name]))
    return content.replace("{text}", row["text"])


def make_system_messages(
    system: SystemSettings, recipe: CheckpointRecipe | None, row: Mapping[str, Any], ontology: Ontology
) -> list[dict[str, str]]:
    """Return the messages that ask a system about a gold passage.

    If the system has its own messages, they are used, else its template. `auto` means the template in the `recipe`
    of its checkpoint, or "extract" without a recipe. `row` has text, language, entity_types and relation_types.
    """
    if system.messages:
        return [{"role": m.role, "content": fill_message(m.content, row)} for m in system.messages]
    template: Template = system.template if system.template != "auto" else recipe.template if recipe else "extract"
    types = (row["entity_types"], row["relation_types"])
    prompt = render_prompt(row["text"], *types, ontology, template, row["language"])
    return [{"role": "user", "content": prompt}]


def sample_report_examples(
    gold: pl.DataFrame, predictions: pl.DataFrame, systems: Sequence[str], number: int, seed: int
) -> list[ReportExample]:
    """Return randomly drawn gold passages with each system's predicted graph (None if its output is unreadable)."""
    by_key = {(r["system"], r["corpus"], r["passage_id"]): r for r in predictions.to_dicts()}
    chosen = set(sample_passages(gold["example_id"].to_list(), number, seed))
    examples = []
    for row in gold.iter_rows(named=True):
        if row["example_id"] not in chosen:
            continue
        answers = {s: by_key.get((s, row["corpus"], row["passage_id"])) for s in systems}
        graphs = {
            s: from_rows(a["entities"], a["relations"]) if a and read_output(a["raw_output"]) is not None else None
            for s, a in answers.items()
        }
        expected = from_rows(row["entities"], row["relations"])
        examples.append(ReportExample(row["corpus"], row["passage_id"], row["text"], expected, graphs))
    return examples
