"""The funnel of the report, from the table accounting: from documents to examples, with all losses."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from text2graph_dagster.evaluation.charts import FAINT, SERIES, clip_text, svg_document, svg_element, svg_label
from text2graph_dagster.evaluation.report import FunnelStage

LEFT_OUT = "left_out: "
# For every reason, the first three passages or documents that were lost: corpus, stage, reason, what, detail.
LOST = """
SELECT q.corpus, q.stage, replace(q.reason, '_', ' ') AS reason,
       coalesce(left(p.text, 160), q.doc_id, q.passage_id) AS what, q.detail
FROM (SELECT *, row_number() OVER (PARTITION BY corpus, stage, reason ORDER BY passage_id, doc_id, detail) AS n
      FROM quarantine QUALIFY n <= 3) q
LEFT JOIN (SELECT corpus, passage_id, any_value(text ORDER BY doc_id, start) AS text FROM raw_corpus
           SEMI JOIN quarantine USING (corpus, passage_id) GROUP BY ALL) p USING (corpus, passage_id)
ORDER BY q.corpus, q.stage, q.reason, q.n
"""
_NAMES, _BARS, _COUNT, _LOSSES, _LINE = 118.0, 250.0, 66.0, 270.0, 15.0


def build_funnels(rows: Iterable[Mapping[str, Any]], corpora: Sequence[str]) -> dict[str, list[FunnelStage]]:
    """Return the stages of every corpus, from the rows of the table accounting."""
    counts: dict[str, dict[tuple[str, str], int]] = {corpus: {} for corpus in corpora}
    for row in rows:
        if row["corpus"] in counts:
            counts[row["corpus"]][row["stage"], row["item"]] = row["count"]
    return {corpus: _stages(found) for corpus, found in counts.items()}


def _stages(counts: Mapping[tuple[str, str], int]) -> list[FunnelStage]:
    def n(stage: str, item: str) -> int:
        return counts.get((stage, item), 0)

    duplicates = {
        "exact duplicates": n("raw_corpus", "passages_exact_duplicates"),
        "near duplicates": n("raw_corpus", "passages_near_duplicates"),
    }
    not_asked = n("raw_corpus", "passages_kept") - n("teacher_graphs", "passages_in")
    gold = n("teacher_graphs", "graphs") - n("cot_traces", "graphs_in")
    left_out = {
        item.removeprefix(LEFT_OUT).replace("_", " "): count
        for (stage, item), count in sorted(counts.items())
        if stage == "filtered_dataset" and item.startswith(LEFT_OUT)
    }
    dropped, added = (n("filtered_dataset", f"relations_{what}") for what in ("dropped", "added"))
    denoised = f"{dropped:,} dropped, {added:,} added" if dropped or added else "none"
    documents = n("raw_corpus", "documents_in") + n("raw_corpus", "gold_documents_in")
    quarantined = n("raw_corpus", "documents_quarantined") + n("raw_corpus", "gold_documents_quarantined")
    return [
        FunnelStage("documents", documents, note=f"{n('raw_corpus', 'gold_documents_in'):,} of them annotated"),
        FunnelStage("documents read", documents - quarantined, {"quarantined": quarantined}),
        FunnelStage("passages", n("raw_corpus", "passages"), note="whole sentences up to the token budget"),
        FunnelStage("passages kept", n("raw_corpus", "passages_kept"), duplicates),
        FunnelStage(
            "teacher graphs",
            n("teacher_graphs", "graphs"),
            {"quarantined": n("teacher_graphs", "passages_quarantined"), "gold, without a teacher": not_asked},
        ),
        FunnelStage(
            "rationales",
            n("cot_traces", "traces"),
            {"gold, held out": gold, "quarantined": n("cot_traces", "passages_quarantined")},
        ),
        FunnelStage("examples", n("filtered_dataset", "examples"), left_out, note=f"relations denoised: {denoised}"),
    ]


def draw_funnel(stages: Sequence[FunnelStage], title: str) -> Markup:
    """Draw the stages as bars, with the losses before each stage beside its bar."""
    most = max((stage.count for stage in stages), default=0) or 1
    children, y = [svg_label(0, 14, title, font_weight="600", font_size="12")], 26.0
    for stage in stages:
        losses = [f"−{count:,} {reason}" for reason, count in stage.losses.items() if count]
        height = max(26.0, _LINE * len(losses) + 8)
        middle = y + height / 2
        wide = max(1.0, _BARS * stage.count / most)
        children += [
            svg_label(_NAMES - 8, middle + 4, stage.name, text_anchor="end"),
            svg_element("rect", x=_NAMES, y=middle - 9, width=wide, height=18, rx=2, fill=SERIES[0], fill_opacity=0.55),
            svg_label(_NAMES + wide + 6, middle + 4, f"{stage.count:,}", font_weight="600"),
        ]
        first = middle + 4 - _LINE * (len(losses) - 1) / 2
        children += [
            svg_label(_NAMES + _BARS + _COUNT, first + _LINE * i, clip_text(words, 44), fill=FAINT, font_size="10.5")
            for i, words in enumerate(losses)
        ]
        y += height
    return svg_document(_NAMES + _BARS + _COUNT + _LOSSES, y + 4, title, *children)
