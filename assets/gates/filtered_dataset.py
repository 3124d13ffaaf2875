"""Gates of filtered_dataset: there are enough varied examples, and none is near a gold passage."""

import dagster as dg
import polars as pl

from assets.gates.gate import Gate, Measured, Scope, build_gates, contract_gate, sql_gate
from text2graph_dagster.dataset.decontamination import MATCH_COLUMNS, GoldIndex

GOLD_TEXTS = "SELECT DISTINCT passage_id, text FROM raw_corpus WHERE split <> 'train' ORDER BY passage_id"


def _near_gold(scope: Scope) -> Measured:
    """Return how many examples match a gold passage, found independently of the asset's own search."""
    sql = """
    SELECT DISTINCT passage_id, text FROM raw_corpus
    WHERE passage_id IN (SELECT passage_id FROM filtered_dataset) AND split = 'train'
    """
    gold = GoldIndex.of(scope.warehouse.read(GOLD_TEXTS), scope.settings.dataset.gold_ngram)
    found = pl.concat([pl.DataFrame(schema=MATCH_COLUMNS), *map(gold.find, scope.warehouse.slices(sql))])
    sample = [dg.TableRecord(row) for row in found.sort("passage_id").head(10).to_dicts()]
    return Measured(found.height, {"sample": dg.MetadataValue.table(sample)} if sample else {})


def _covered(scope: Scope) -> Measured:
    sql = """
    SELECT r.type AS type, count(DISTINCT example_id) AS examples
    FROM (SELECT example_id, unnest(relations) AS r FROM filtered_dataset) GROUP BY ALL ORDER BY ALL
    """
    types = scope.warehouse.read(sql)
    if not types.height:
        return Measured(None)
    table = [dg.TableRecord(row) for row in types.iter_rows(named=True)]
    enough = types.filter(pl.col("examples") >= scope.settings.gates.dataset_min_examples_per_type).height
    return Measured(enough / types.height, {"examples": dg.MetadataValue.table(table)})


FILTERED_DATASET_GATES = (
    contract_gate("filtered_dataset"),
    sql_gate(
        "accounting",
        "traces that are neither an example nor left out for a recorded reason",
        "≤",
        lambda _: 0,
        """
        SELECT abs(sum(count) FILTER (item = 'traces_in')
                 - sum(count) FILTER (item = 'examples' OR starts_with(item, 'left_out: ')))
        FROM accounting WHERE stage = 'filtered_dataset'
        """,
    ),
    sql_gate(
        "enough",
        "training examples",
        "≥",
        lambda s: s.gates.dataset_min_examples,
        "SELECT count(*) FROM filtered_dataset",
    ),
    Gate(
        "covered",
        "share of the relation types in the examples that have enough examples",
        "≥",
        lambda s: s.gates.dataset_min_covered,
        _covered,
    ),
    sql_gate(
        "splits",
        "examples whose passage is also a gold passage",
        "≤",
        lambda _: 0,
        """
        SELECT count(*) FROM filtered_dataset
        WHERE passage_id IN (SELECT passage_id FROM raw_corpus WHERE split <> 'train')
        """,
    ),
    Gate("near_gold", "examples whose passage is near a gold passage", "≤", lambda _: 0, _near_gold),
    sql_gate(
        "empty",
        "share of examples without a relation",
        "≤",
        lambda s: s.gates.dataset_max_empty,
        "SELECT avg((len(relations) = 0)::INT) FROM filtered_dataset",
    ),
)

filtered_dataset_gates = build_gates("filtered_dataset", FILTERED_DATASET_GATES)
