"""teacher_graphs: what the teacher reads in each passage; every call is paid once."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import dagster as dg
import polars as pl

from assets.gates import Gate, Measured, Scope, build_gates, contract_gate, sql_gate
from assets.labels import label_metadata
from assets.partitions import corpora
from assets.raw_corpus import accounting, raw_corpus
from assets.user_errors import OWNERS, counts_table, log_counts, plain_errors, table_metadata
from resources.home import Home
from resources.managed_teachers import closing_model_server
from resources.settings import SettingsResource
from resources.teachers import TeacherResource, WarehouseLedger, broken_facts, budget, dropped_items
from resources.warehouse import Replace, Warehouse
from text2graph_dagster.contracts import CONTRACTS
from text2graph_dagster.corpus.folder import KNOWLEDGE_BASE, ONTOLOGY, open_corpus
from text2graph_dagster.graph.model import Graph
from text2graph_dagster.graph.rows import from_rows, to_rows
from text2graph_dagster.ontology import Ontology, load_ontology
from text2graph_dagster.teachers.knowledge_base.knowledge import BrokenLine
from text2graph_dagster.teachers.ledger import CallResults, ask_teacher
from text2graph_dagster.teachers.panel import TRAINING_SAMPLE, PanelReading, Voter, ask_panel
from text2graph_dagster.teachers.protocol import TeacherAnswer, TeacherRequest
from text2graph_dagster.teachers.voting import vote_agreement

PASSAGES = """
SELECT passage_id, any_value(text) AS text, any_value(language) AS language
FROM raw_corpus WHERE corpus = ? AND duplicate_of IS NULL GROUP BY passage_id ORDER BY passage_id
"""


@dg.asset(
    partitions_def=corpora,
    deps=[raw_corpus],
    group_name="data",
    kinds={"duckdb"},
    owners=OWNERS,
    code_version="3",
    pool="gpu",
)
def teacher_graphs(
    context: dg.AssetExecutionContext,
    home: Home,
    warehouse: Warehouse,
    settings: SettingsResource,
    teacher: TeacherResource,
) -> dg.MaterializeResult[None]:
    """A graph for every passage of one corpus, gold ones too: passages in = graphs + quarantined passages."""
    corpus = context.partition_key
    with plain_errors():
        folder, config = open_corpus(home.corpora / corpus), settings.load().teacher
        requests = [
            TeacherRequest(row["passage_id"], row["text"], row["language"], folder.ontology)
            for row in warehouse.read(PASSAGES, [corpus]).iter_rows(named=True)
        ]
        voters = [Voter(teacher.for_corpus(folder, c), c.samples, c.weight, budget(c)) for c in (config, *config.panel)]
        ledger, log = WarehouseLedger(warehouse), context.log.info

        def ask(voter: Voter, questions: Sequence[TeacherRequest]) -> CallResults[TeacherAnswer]:
            with closing_model_server(voter.teacher):
                return ask_teacher(voter.teacher, questions, ledger, log, voter.budget)

        asked = ask_panel(voters, requests, config.vote, ask)
        graphs, refused = _tables(corpus, asked.rows)
        broken = [line for voter in voters for line in broken_facts(voter.teacher)]
        dropped = sum((Counter(dropped_items(voter.teacher)) for voter in voters), Counter[str]())
        # What is asked more than once is counted by passage: by the graph that is taught.
        passages, graphed = len(requests), graphs.filter(sample=TRAINING_SAMPLE).height
        counts = {
            "passages_in": passages,
            "graphs": graphed,
            "passages_quarantined": passages - graphed,
            "samples_asked": asked.asked,
            "samples_quarantined": asked.failed,
            "facts_quarantined": len(broken),
            "calls_made": asked.made,
            "calls_from_ledger": asked.asked - asked.made,
        }
        # What a run pays for is not part of what the data is: the counts that are stored are those of the data.
        kept = {item: counts[item] for item in ("passages_in", "graphs", "passages_quarantined")}
        warehouse.commit(
            Replace("teacher_graphs", graphs, {"corpus": corpus}),
            Replace(
                "quarantine",
                pl.concat([refused, _broken_rows(corpus, broken)]),
                {"corpus": corpus, "stage": "teacher_graphs"},
            ),
            accounting("teacher_graphs", corpus, kept),
        )
        log_counts(context, counts)
        return dg.MaterializeResult(
            metadata={
                **table_metadata(warehouse, "teacher_graphs", corpus),
                "accounting": counts_table(counts),
                "calls": counts_table(asked.figures),
                **({"items_dropped": counts_table(dropped)} if dropped else {}),
                **label_metadata(voter.teacher for voter in voters),
            },
            data_version=dg.DataVersion(warehouse.version("teacher_graphs", corpus)),
        )


def _tables(corpus: str, readings: Sequence[PanelReading]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows of teacher_graphs and of quarantine."""
    graphs: list[dict[str, object]] = []
    refused: list[dict[str, object]] = []
    for reading in readings:
        row: dict[str, object] = {"corpus": corpus, "passage_id": reading.passage_id}
        if reading.graph is None:
            who = "" if reading.sample == TRAINING_SAMPLE else f"{reading.teacher}: "
            reason, detail = reading.status, f"sample {reading.sample}: {who}{reading.reason}"
            refused.append({**row, "stage": "teacher_graphs", "doc_id": None, "reason": reason, "detail": detail})
        else:
            entities, relations = to_rows(reading.graph)
            given = {"sample": reading.sample, "teacher": reading.teacher, "call_key": reading.call_key}
            graphs.append({**row, **given, "entities": entities, "relations": relations})
    return _frame("teacher_graphs", graphs), _frame("quarantine", refused)


def _broken_rows(corpus: str, broken: Sequence[BrokenLine]) -> pl.DataFrame:
    """Return the rows of quarantine for lines of the knowledge base that could not be read."""
    shared = {"stage": "teacher_graphs", "corpus": corpus, "passage_id": None, "reason": "broken_fact"}
    rows = [{**shared, "doc_id": f"{KNOWLEDGE_BASE}:{line.line}", "detail": line.reason} for line in broken]
    return _frame("quarantine", rows)


def _frame(table: str, rows: Sequence[Mapping[str, object]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=CONTRACTS[table].dtypes)


ENTITY_TYPES = """
SELECT e.type AS type, count(*) AS n
FROM (SELECT unnest(entities) AS e FROM teacher_graphs WHERE corpus = ?) GROUP BY ALL
"""
TYPED_RELATIONS = """
WITH relations AS (SELECT entities, unnest(relations) AS r FROM teacher_graphs WHERE corpus = ?)
SELECT list_filter(entities, lambda e: e.id = r.head)[1].type AS head, r.type AS type,
       list_filter(entities, lambda e: e.id = r.tail)[1].type AS tail, count(*) AS n
FROM relations GROUP BY ALL ORDER BY ALL
"""
VOTES = """
SELECT passage_id, entities, relations FROM teacher_graphs WHERE corpus = ? AND sample > 0 ORDER BY passage_id, sample
"""


def _ontology(scope: Scope) -> Ontology:
    return load_ontology(scope.home.corpora / str(scope.corpus) / ONTOLOGY)


def _share_in_ontology(scope: Scope) -> Measured:
    ontology = _ontology(scope)
    entities = scope.warehouse.read(ENTITY_TYPES, [scope.corpus]).select("type", "n").rows()
    relations = scope.warehouse.read(TYPED_RELATIONS, [scope.corpus]).select("type", "n").rows()
    known = [n for type_, n in entities if type_ in ontology.entity_names]
    known += [n for type_, n in relations if type_ in ontology.relation_names]
    return _share(sum(known), sum(n for _, n in [*entities, *relations]))


def _share_of_allowed_relations(scope: Scope) -> Measured:
    ontology = _ontology(scope)
    rows = scope.warehouse.read(TYPED_RELATIONS, [scope.corpus]).rows()
    return _share(
        sum(n for head, type_, tail, n in rows if ontology.allows(head, type_, tail)), sum(r[-1] for r in rows)
    )


def _share(part: int, whole: int) -> Measured:
    return Measured(part / whole if whole else None)


def _label_entropy(scope: Scope) -> Measured:
    rows = scope.warehouse.read(TYPED_RELATIONS, [scope.corpus])
    counts = rows.group_by("type").agg(pl.col("n").sum()).sort("n", "type", descending=True)
    types, total = len(_ontology(scope).relation_names), int(counts["n"].sum())
    if types < 2 or not total:
        return Measured(None)
    entropy = -sum(n / total * math.log(n / total) for n in counts["n"]) / math.log(types)
    table = [dg.TableRecord(row) for row in counts.iter_rows(named=True)]
    return Measured(entropy, {"relations": dg.MetadataValue.table(table)})


def _agreement(scope: Scope) -> Measured:
    ontology, graphs = _ontology(scope), dict[str, list[Graph]]()
    for row in scope.warehouse.read(VOTES, [scope.corpus]).iter_rows(named=True):
        graphs.setdefault(row["passage_id"], []).append(from_rows(row["entities"], row["relations"]))
    scores = [score for voted in graphs.values() if (score := vote_agreement(voted, ontology)) is not None]
    return Measured(sum(scores) / len(scores) if scores else None)


TEACHER_GRAPHS_GATES = (
    contract_gate("teacher_graphs"),
    sql_gate(
        "accounting",
        "passages that have neither a graph nor a row in quarantine",
        "≤",
        lambda _: 0,
        """
        SELECT count(*) FROM (
            SELECT passage_id FROM raw_corpus WHERE corpus = $1 AND duplicate_of IS NULL
            EXCEPT SELECT passage_id FROM teacher_graphs WHERE corpus = $1 AND sample = 0
            EXCEPT SELECT passage_id FROM quarantine
                   WHERE corpus = $1 AND stage = 'teacher_graphs' AND starts_with(detail, 'sample 0: ')
        )
        """,
    ),
    sql_gate(
        "answered",
        "share of passages with a graph",
        "≥",
        lambda s: s.gates.teacher_min_answered,
        """
        SELECT sum(count) FILTER (item = 'graphs') / greatest(sum(count) FILTER (item = 'passages_in'), 1)
        FROM accounting WHERE stage = 'teacher_graphs' AND corpus = ?
        """,
    ),
    sql_gate(
        "grounded",
        "share of entities whose every mention stands in the passage, with its text among them",
        "≥",
        lambda s: s.gates.teacher_min_grounded,
        """
        WITH passages AS (
            SELECT corpus, passage_id, any_value(text) AS passage FROM raw_corpus GROUP BY ALL
        ), entities AS (
            SELECT passage, unnest(entities) AS e FROM teacher_graphs JOIN passages USING (corpus, passage_id)
            WHERE corpus = ?
        )
        SELECT avg((
            len(e.mentions) > 0
            AND len(list_filter(
                e.mentions, lambda m: m.start < 0 OR m."end" > length(passage) OR m.start >= m."end"
            )) = 0
            AND list_contains(list_transform(e.mentions, lambda m: passage[m.start + 1 : m."end"]), e.text)
        )::INT) FROM entities
        """,
    ),
    sql_gate(
        "evidence",
        "share of relations whose evidence lies inside the passage",
        "≥",
        lambda s: s.gates.teacher_min_grounded,
        """
        WITH passages AS (
            SELECT corpus, passage_id, any_value(text) AS passage FROM raw_corpus GROUP BY ALL
        ), relations AS (
            SELECT passage, unnest(relations) AS r FROM teacher_graphs JOIN passages USING (corpus, passage_id)
            WHERE corpus = ?
        )
        SELECT avg((r.evidence IS NULL OR (r.evidence.start >= 0 AND r.evidence.start < r.evidence."end"
                    AND r.evidence."end" <= length(passage)))::INT) FROM relations
        """,
    ),
    Gate(
        "types",
        "share of entities and relations of a type that the ontology knows",
        "≥",
        lambda s: s.gates.teacher_min_in_ontology,
        _share_in_ontology,
    ),
    Gate(
        "signatures",
        "share of relations whose ends have types that the ontology allows",
        "≥",
        lambda s: s.gates.teacher_min_signatures,
        _share_of_allowed_relations,
    ),
    Gate(
        "label_entropy",
        "entropy of the relation types, 1 when all are equally frequent: no type swallows all",
        "≥",
        lambda s: s.gates.teacher_min_entropy,
        _label_entropy,
    ),
    Gate(
        "agreement",
        "mean F1 of the triples of every two graphs of a passage",
        "≥",
        lambda s: s.gates.teacher_min_agreement,
        _agreement,
    ),
)

teacher_graphs_gates = build_gates(teacher_graphs, TEACHER_GRAPHS_GATES, corpora)
