"""Gates of raw_corpus: documents are complete, readable, in one language, and not mostly duplicates."""

from assets.gates.gate import build_gates, contract_gate, sql_gate
from assets.orchestration import corpora

RAW_CORPUS_GATES = (
    contract_gate("raw_corpus"),
    sql_gate(
        "accounting",
        "documents that are neither in a passage nor in quarantine",
        "≤",
        lambda _: 0,
        """
        SELECT abs(sum(count) FILTER (item = 'documents_in')
                 - sum(count) FILTER (item IN ('documents_with_passages', 'documents_quarantined')))
        FROM accounting WHERE stage = 'raw_corpus' AND corpus = ?
        """,
    ),
    sql_gate(
        "quarantined",
        "share of documents in quarantine",
        "≤",
        lambda s: s.gates.raw_corpus_max_quarantined,
        """
        SELECT sum(count) FILTER (item = 'documents_quarantined')
               / greatest(sum(count) FILTER (item = 'documents_in'), 1)
        FROM accounting WHERE stage = 'raw_corpus' AND corpus = ?
        """,
    ),
    sql_gate(
        "gold_quarantined",
        "share of gold documents in quarantine",
        "≤",
        lambda s: s.gates.raw_corpus_max_gold_quarantined,
        """
        SELECT sum(count) FILTER (item = 'gold_documents_quarantined')
               / nullif(sum(count) FILTER (item = 'gold_documents_in'), 0)
        FROM accounting WHERE stage = 'raw_corpus' AND corpus = ?
        """,
    ),
    sql_gate(
        "passages",
        "training passages",
        "≥",
        lambda _: 1,
        "SELECT count(*) FROM raw_corpus WHERE corpus = ? AND split = 'train' AND duplicate_of IS NULL",
    ),
    sql_gate(
        "language",
        "share of passages in the corpus's main language",
        "≥",
        lambda s: s.gates.raw_corpus_min_language,
        """
        WITH languages AS (SELECT language, count(*) AS n FROM raw_corpus WHERE corpus = ? GROUP BY language)
        SELECT max(n) / sum(n) FROM languages
        """,
    ),
    sql_gate(
        "duplicates",
        "share of duplicate passages",
        "≤",
        lambda s: s.gates.raw_corpus_max_duplicates,
        "SELECT avg((duplicate_of IS NOT NULL)::INT) FROM raw_corpus WHERE corpus = ?",
    ),
)

raw_corpus_gates = build_gates("raw_corpus", RAW_CORPUS_GATES, corpora)
