"""Gates of teacher_graphs: no passage is lost; graphs are grounded, conform to the ontology, and agree."""

import dagster as dg

from assets.gates.gate import Gate, Measured, Scope, build_gates, contract_gate, sql_gate
from assets.orchestration import corpora
from text2graph_dagster.corpus.folder import ONTOLOGY
from text2graph_dagster.graph.model import Graph
from text2graph_dagster.graph.rows import from_rows
from text2graph_dagster.ontology import Ontology, load_ontology
from text2graph_dagster.teachers import graph_statistics

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
# Annotations may be about one relation type; a teacher that finds only one does not work.
TEACHERS_TYPES = """
SELECT r.type AS type, count(*) AS n
FROM (SELECT unnest(relations) AS r FROM teacher_graphs WHERE corpus = ? AND teacher <> 'annotation')
GROUP BY ALL ORDER BY n DESC, type DESC
"""
VOTES = """
SELECT passage_id, entities, relations FROM teacher_graphs WHERE corpus = ? AND sample > 0 ORDER BY passage_id, sample
"""


def _ontology(scope: Scope) -> Ontology:
    return load_ontology(scope.home.corpora / str(scope.corpus) / ONTOLOGY)


def _share_in_ontology(scope: Scope) -> Measured:
    entities = scope.warehouse.read(ENTITY_TYPES, [scope.corpus]).select("type", "n").rows()
    relations = scope.warehouse.read(TYPED_RELATIONS, [scope.corpus]).select("type", "n").rows()
    return Measured(graph_statistics.share_in_ontology(entities, relations, _ontology(scope)))


def _share_of_allowed_relations(scope: Scope) -> Measured:
    relations = scope.warehouse.read(TYPED_RELATIONS, [scope.corpus]).rows()
    return Measured(graph_statistics.share_of_allowed_relations(relations, _ontology(scope)))


def _label_entropy(scope: Scope) -> Measured:
    counts = scope.warehouse.read(TEACHERS_TYPES, [scope.corpus])
    entropy = graph_statistics.normalised_entropy(counts["n"].to_list(), len(_ontology(scope).relation_names))
    if entropy is None:
        return Measured(None)
    return Measured(
        entropy, {"relations": dg.MetadataValue.table([dg.TableRecord(row) for row in counts.iter_rows(named=True)])}
    )


def _agreement(scope: Scope) -> Measured:
    samples = dict[str, list[Graph]]()
    for row in scope.warehouse.read(VOTES, [scope.corpus]).iter_rows(named=True):
        samples.setdefault(row["passage_id"], []).append(from_rows(row["entities"], row["relations"]))
    return Measured(graph_statistics.mean_agreement(samples.values(), _ontology(scope)))


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
            -- A corpus may have no teacher, only annotated training passages; its gold passages then have no graph.
            AND (split = 'train' OR NOT (
                SELECT coalesce(bool_and(teacher = 'annotation'), false) FROM teacher_graphs WHERE corpus = $1))
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
        "share of entities whose mentions all lie in the passage and include the entity's text",
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
        "share of entities and relations whose type is in the ontology",
        "≥",
        lambda s: s.gates.teacher_min_in_ontology,
        _share_in_ontology,
    ),
    Gate(
        "signatures",
        "share of relations whose head and tail types the ontology allows",
        "≥",
        lambda s: s.gates.teacher_min_signatures,
        _share_of_allowed_relations,
    ),
    Gate(
        "label_entropy",
        "normalised entropy of the teacher's relation types: 1 when all are equally frequent",
        "≥",
        lambda s: s.gates.teacher_min_entropy,
        _label_entropy,
    ),
    Gate(
        "agreement",
        "mean pairwise F1 of the triples of a passage's graphs",
        "≥",
        lambda s: s.gates.teacher_min_agreement,
        _agreement,
    ),
)

teacher_graphs_gates = build_gates("teacher_graphs", TEACHER_GRAPHS_GATES, corpora)
