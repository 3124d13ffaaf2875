"""Gates of cot_traces: no graph is lost; rationales imply their graph and do not contain the answer."""

from assets.gates.gate import build_gates, contract_gate, sql_gate
from assets.orchestration import corpora

COT_TRACES_GATES = (
    contract_gate("cot_traces"),
    sql_gate(
        "accounting",
        "graphs that have neither a trace nor a row in quarantine",
        "≤",
        lambda _: 0,
        """
        SELECT count(*) FROM (
            SELECT passage_id FROM teacher_graphs g JOIN raw_corpus p USING (corpus, passage_id)
            WHERE corpus = $1 AND g.sample = 0 AND p.split = 'train' AND p.duplicate_of IS NULL
            EXCEPT SELECT passage_id FROM cot_traces WHERE corpus = $1
            EXCEPT SELECT passage_id FROM quarantine WHERE corpus = $1 AND stage = 'cot_traces'
        )
        """,
    ),
    sql_gate(
        "verified",
        "share of rationales from which the verifier derives the graph",
        "≥",
        lambda s: s.gates.traces_min_verified,
        "SELECT avg(verified::INT) FROM cot_traces WHERE corpus = ?",
    ),
    sql_gate(
        "leaks",
        "share of verified rationales that contain the answer's JSON",
        "≤",
        lambda s: s.gates.traces_max_leaks,
        """
        SELECT avg(regexp_matches(rationale, '"(entities|relations|head|tail|type)"\\s*:')::INT)
        FROM cot_traces WHERE corpus = ? AND verified
        """,
    ),
)

cot_traces_gates = build_gates("cot_traces", COT_TRACES_GATES, corpora)
