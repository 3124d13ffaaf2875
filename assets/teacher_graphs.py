"""teacher_graphs: the graphs that the teacher extracts from the passages; recorded calls are not repeated.

Annotated training passages get their annotation instead; the teacher is not asked about them.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
import polars as pl

from assets.metadata import counts_table, describe_labels, describe_table, log_counts, replace_accounting
from assets.orchestration import corpus_asset
from assets.user_errors import fail_on_user_error
from resources.home import Home
from resources.managed_teachers import closing_model_server
from resources.settings import SettingsResource
from resources.teachers import (
    TeacherResource,
    WarehouseLedger,
    count_dropped_items,
    list_broken_facts,
    make_budget,
)
from resources.warehouse import Replace, Warehouse
from text2graph_dagster.contracts import CONTRACTS
from text2graph_dagster.corpus.folder import KNOWLEDGE_BASE, CorpusFolder, open_corpus
from text2graph_dagster.graph.rows import to_rows
from text2graph_dagster.settings import TeacherSettings
from text2graph_dagster.teachers.annotation import ANNOTATION, read_annotation
from text2graph_dagster.teachers.knowledge_base.knowledge import BrokenLine
from text2graph_dagster.teachers.ledger import CallResults, ask_teacher
from text2graph_dagster.teachers.panel import TRAINING_SAMPLE, PanelReading, PanelReadings, Voter, ask_panel
from text2graph_dagster.teachers.protocol import TeacherAnswer, TeacherRequest

PASSAGES = """
SELECT passage_id, any_value(text) AS text, any_value(language) AS language, any_value(split) AS split
FROM raw_corpus p WHERE corpus = $1 AND duplicate_of IS NULL
AND NOT EXISTS (FROM gold_graphs g WHERE g.corpus = p.corpus AND g.passage_id = p.passage_id AND g.split = 'train')
GROUP BY passage_id ORDER BY passage_id
"""
ANNOTATED = "FROM gold_graphs WHERE corpus = ? AND split = 'train' ORDER BY passage_id"
# Only these counts are stored. The cost of a run is not part of the data.
STORED_COUNTS = ("passages_in", "graphs", "passages_quarantined")


@corpus_asset(code_version="3", deps=["raw_corpus"], kinds={"duckdb"}, pool="gpu")
def teacher_graphs(
    context: dg.AssetExecutionContext,
    home: Home,
    warehouse: Warehouse,
    settings: SettingsResource,
    teacher: TeacherResource,
) -> dg.MaterializeResult[None]:
    """A graph of every passage of one corpus, also gold. Accounting: input passages = graphs + quarantined passages."""
    corpus = context.partition_key
    with fail_on_user_error():
        folder, config = open_corpus(home.corpora / corpus), settings.load().teacher
        annotated, passages = warehouse.read(ANNOTATED, [corpus]), warehouse.read(PASSAGES, [corpus])
        if needs_no_teacher(folder, config, passages, annotated):
            context.log.info("every training passage is annotated and there is no knowledge base: no teacher is used")
            passages = passages.clear()
        requests = [
            TeacherRequest(row["passage_id"], row["text"], row["language"], folder.ontology)
            for row in passages.iter_rows(named=True)
        ]
        teachers = (config, *config.panel) if requests else ()
        voters = [Voter(teacher.for_corpus(folder, c), c.samples, c.weight, make_budget(c)) for c in teachers]
        ledger = WarehouseLedger(warehouse)

        def ask(voter: Voter, questions: Sequence[TeacherRequest]) -> CallResults[TeacherAnswer]:
            with closing_model_server(voter.teacher):
                return ask_teacher(voter.teacher, questions, ledger, context.log.info, voter.budget)

        readings = ask_panel(voters, requests, config.vote, ask)
        counts = _store(warehouse, corpus, len(requests), annotated, voters, readings)
        log_counts(context, counts)
        return dg.MaterializeResult(
            metadata=_describe(warehouse, corpus, voters, readings, counts),
            data_version=dg.DataVersion(warehouse.version("teacher_graphs", corpus)),
        )


def needs_no_teacher(
    folder: CorpusFolder, settings: TeacherSettings, passages: pl.DataFrame, annotated: pl.DataFrame
) -> bool:
    """Tell whether a corpus is trained on annotations alone: no knowledge base, no other teacher, nothing to label.

    Args:
        passages: the passages without an annotation, and those of dev and test.
        annotated: the annotated training passages.
    """
    has_teacher = folder.knowledge_base is not None or settings.kind != "knowledge_base" or bool(settings.panel)
    return not has_teacher and annotated.height > 0 and "train" not in passages["split"]


def _store(
    warehouse: Warehouse,
    corpus: str,
    asked: int,
    annotated: pl.DataFrame,
    voters: Sequence[Voter],
    readings: PanelReadings,
) -> dict[str, int]:
    """Store graphs, quarantined passages and facts, and accounting; return the counts."""
    graphs, quarantined = _make_tables(corpus, readings.rows)
    graphs = pl.concat([graphs, _make_annotated_rows(annotated)])
    passages = asked + annotated.height
    broken = [line for voter in voters for line in list_broken_facts(voter.teacher)]
    # With several samples per passage, only the graph that is used for training is counted.
    with_graph = graphs.filter(sample=TRAINING_SAMPLE).height
    counts = {
        "passages_in": passages,
        "graphs": with_graph,
        "passages_quarantined": passages - with_graph,
        "graphs_annotated": annotated.height,
        "samples_asked": readings.requested,
        "samples_quarantined": readings.failed,
        "facts_quarantined": len(broken),
        "calls_made": readings.new_calls,
        "calls_from_ledger": readings.requested - readings.new_calls,
    }
    quarantine = pl.concat([quarantined, _make_fact_rows(corpus, broken)])
    warehouse.commit(
        Replace("teacher_graphs", graphs, {"corpus": corpus}),
        Replace("quarantine", quarantine, {"corpus": corpus, "stage": "teacher_graphs"}),
        replace_accounting("teacher_graphs", corpus, {item: counts[item] for item in STORED_COUNTS}),
    )
    return counts


def _describe(
    warehouse: Warehouse,
    corpus: str,
    voters: Sequence[Voter],
    readings: PanelReadings,
    counts: Mapping[str, int],
) -> dict[str, Any]:
    """Return the asset's metadata."""
    dropped = sum((Counter(count_dropped_items(voter.teacher)) for voter in voters), Counter[str]())
    return {
        **describe_table(warehouse, "teacher_graphs", corpus),
        "accounting": counts_table(counts),
        **({"calls": counts_table(readings.figures)} if readings.figures else {}),
        **({"items_dropped": counts_table(dropped)} if dropped else {}),
        **describe_labels(voter.teacher for voter in voters),
    }


def _make_tables(corpus: str, readings: Sequence[PanelReading]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return (rows of teacher_graphs, rows of quarantine)."""
    graphs: list[dict[str, object]] = []
    quarantined: list[dict[str, object]] = []
    for reading in readings:
        row: dict[str, object] = {"corpus": corpus, "passage_id": reading.passage_id}
        if reading.graph is None:
            author = "" if reading.sample == TRAINING_SAMPLE else f"{reading.teacher}: "
            reason, detail = reading.status, f"sample {reading.sample}: {author}{reading.reason}"
            quarantined.append({**row, "stage": "teacher_graphs", "doc_id": None, "reason": reason, "detail": detail})
        else:
            entities, relations = to_rows(reading.graph)
            origin = {"sample": reading.sample, "teacher": reading.teacher, "call_key": reading.call_key}
            graphs.append({**row, **origin, "entities": entities, "relations": relations})
    return _make_frame("teacher_graphs", graphs), _make_frame("quarantine", quarantined)


def _make_annotated_rows(annotated: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of teacher_graphs for annotated training passages."""
    graphs = []
    for row in annotated.iter_rows(named=True):
        entities, relations = to_rows(read_annotation(row))
        origin = {"sample": TRAINING_SAMPLE, "teacher": ANNOTATION, "call_key": ""}
        place = {"corpus": row["corpus"], "passage_id": row["passage_id"]}
        graphs.append({**place, **origin, "entities": entities, "relations": relations})
    return _make_frame("teacher_graphs", graphs)


def _make_fact_rows(corpus: str, broken: Sequence[BrokenLine]) -> pl.DataFrame:
    """Return the rows of quarantine for lines of the knowledge base that could not be parsed."""
    shared = {"stage": "teacher_graphs", "corpus": corpus, "passage_id": None, "reason": "broken_fact"}
    rows = [{**shared, "doc_id": f"{KNOWLEDGE_BASE}:{line.line}", "detail": line.reason} for line in broken]
    return _make_frame("quarantine", rows)


def _make_frame(table: str, rows: Sequence[Mapping[str, object]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=CONTRACTS[table].dtypes)
