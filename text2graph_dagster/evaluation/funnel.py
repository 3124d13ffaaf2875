"""From the table accounting to the report's funnel: documents, passages, graphs, traces, examples, and every loss."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from text2graph_dagster.evaluation.report import Stage

LEFT_OUT = "left_out: "


def funnels(rows: Iterable[Mapping[str, Any]], corpora: Sequence[str]) -> dict[str, list[Stage]]:
    """Return the stages of every corpus; `rows` are rows of the table accounting."""
    counts: dict[str, dict[tuple[str, str], int]] = {corpus: {} for corpus in corpora}
    for row in rows:
        if row["corpus"] in counts:
            counts[row["corpus"]][row["stage"], row["item"]] = row["count"]
    return {corpus: _stages(found) for corpus, found in counts.items()}


def _stages(counts: Mapping[tuple[str, str], int]) -> list[Stage]:
    def n(stage: str, item: str) -> int:
        return counts.get((stage, item), 0)

    duplicates = {
        "equal to another passage": n("raw_corpus", "passages_exact_duplicates"),
        "nearly equal to another passage": n("raw_corpus", "passages_near_duplicates"),
    }
    gold = n("teacher_graphs", "graphs") - n("cot_traces", "graphs_in")
    left_out = {
        item.removeprefix(LEFT_OUT).replace("_", " "): count
        for (stage, item), count in sorted(counts.items())
        if stage == "filtered_dataset" and item.startswith(LEFT_OUT)
    }
    documents = n("raw_corpus", "documents_in") + n("raw_corpus", "gold_documents_in")
    quarantined = n("raw_corpus", "documents_quarantined") + n("raw_corpus", "gold_documents_quarantined")
    return [
        Stage("documents", documents, note=f"{n('raw_corpus', 'gold_documents_in'):,} of them annotated"),
        Stage("documents read", documents - quarantined, {"quarantined": quarantined}),
        Stage("passages", n("raw_corpus", "passages"), note="whole sentences up to the token budget"),
        Stage("passages kept", n("raw_corpus", "passages_kept"), duplicates),
        Stage(
            "teacher graphs",
            n("teacher_graphs", "graphs"),
            {"quarantined": n("teacher_graphs", "passages_quarantined")},
        ),
        Stage(
            "reasoned about",
            n("cot_traces", "traces"),
            {"gold, never taught": gold, "quarantined": n("cot_traces", "passages_quarantined")},
        ),
        Stage("examples", n("filtered_dataset", "examples"), left_out),
    ]
