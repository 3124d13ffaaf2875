"""Gates of eval_report: the student is not worse than in the last accepted report.

A report is accepted if it passed all its gates.
"""

from assets.gates.gate import Gate, Measured, Scope, build_gates, contract_gate

PRIMARY = "relation_strict_f1"
PRESENT = "SELECT run FROM report_runs ORDER BY made_at DESC LIMIT 1"
# $1 is the id of the run to compare, $2 the metric.
_ACCEPTED = """
WITH accepted AS (
    SELECT data_version AS run, max(judged_at) AS judged_at FROM gates
    WHERE asset = 'eval_report' AND data_version <> $1
    GROUP BY data_version HAVING bool_and(passed) AND bool_or(gate = 'regression')
), figures AS (
    SELECT * FROM eval_report WHERE metric = $2 AND system = 'grpo' AND corpus <> 'all' AND value IS NOT NULL
)
"""
BASELINE = f"""{_ACCEPTED}
SELECT DISTINCT ON (now.corpus) now.corpus, now.high, old.value AS accepted, old.run
FROM (FROM figures WHERE run = $1) now
JOIN figures old ON old.corpus = now.corpus
JOIN accepted ON accepted.run = old.run
LEFT JOIN report_gold gold ON gold.run = now.run AND gold.corpus = now.corpus
LEFT JOIN report_gold old_gold ON old_gold.run = old.run AND old_gold.corpus = old.corpus
WHERE coalesce(gold.gold_version = old_gold.gold_version, true)
ORDER BY now.corpus, accepted.judged_at DESC
"""  # noqa: S608
MISSING = f"""{_ACCEPTED}
SELECT DISTINCT corpus FROM figures JOIN (FROM accepted ORDER BY judged_at DESC LIMIT 1) USING (run)
WHERE corpus NOT IN (SELECT corpus FROM figures WHERE run = $1) ORDER BY corpus
"""  # noqa: S608


def _regression(scope: Scope) -> Measured:
    """Return the largest value of (accepted score - upper end of the student's interval) over corpora.

    A corpus's accepted score is from the last accepted report that covers the corpus on the same gold. Later reports
    that failed, or that do not cover the corpus, are ignored.
    """
    rows = scope.warehouse.read(BASELINE, [scope.warehouse.value(PRESENT) or "", PRIMARY]).to_dicts()
    compared = {row["corpus"]: f"{row['high']:.4f} against {row['accepted']:.4f} of {row['run'][:12]}" for row in rows}
    falls = [row["accepted"] - row["high"] for row in rows]
    return Measured(max(falls, default=None), {"compared": compared or "no accepted report on this gold"})


def _missing_corpora(scope: Scope) -> Measured:
    """Return how many corpora of the last accepted report are missing here; removed corpora are not counted."""
    missing = scope.warehouse.read(MISSING, [scope.warehouse.value(PRESENT) or "", PRIMARY])["corpus"].to_list()
    return Measured(len(missing), {"missing": ", ".join(missing)} if missing else {})


EVAL_REPORT_GATES = (
    contract_gate("eval_report"),
    Gate(
        "regression",
        "last accepted relation F1 of a corpus on the same gold, minus the upper end of the present interval",
        "≤",
        lambda s: s.gates.report_max_regression,
        _regression,
    ),
    Gate(
        "missing_corpora",
        "corpora of the last accepted report that are missing in this one: fix their data, or remove the corpora",
        "≤",
        lambda _: 0,
        _missing_corpora,
    ),
)

eval_report_gates = build_gates("eval_report", EVAL_REPORT_GATES)
