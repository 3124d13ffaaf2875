"""The queries that read the inputs of filtered_dataset from the warehouse."""

# One corpus's training passages with their traces, graphs and samples.
TRACES = """
SELECT t.corpus, t.passage_id, any_value(p.text) AS text, any_value(p.language) AS language,
       any_value(g.entities) FILTER (g.sample = 0) AS entities,
       any_value(g.relations) FILTER (g.sample = 0) AS relations,
       list({'entities': g.entities, 'relations': g.relations} ORDER BY g.sample) FILTER (g.sample > 0) AS samples,
       any_value(t.rationale) AS rationale, any_value(t.verified) AS verified
FROM cot_traces t
JOIN teacher_graphs g ON g.corpus = t.corpus AND g.passage_id = t.passage_id
JOIN raw_corpus p ON p.corpus = t.corpus AND p.passage_id = t.passage_id AND p.duplicate_of IS NULL
WHERE t.corpus = ? AND p.split = 'train'
GROUP BY t.corpus, t.passage_id HAVING bool_or(g.sample = 0)
"""

# Texts of the training passages of several corpora, to find passages that two of them share.
TRACED_TEXTS = """
SELECT DISTINCT p.corpus, p.passage_id, p.text FROM raw_corpus p SEMI JOIN cot_traces t USING (corpus, passage_id)
WHERE p.split = 'train' AND p.duplicate_of IS NULL AND list_contains(?, p.corpus)
"""

GOLD_TEXTS = "SELECT DISTINCT passage_id, text FROM raw_corpus WHERE split <> 'train' ORDER BY passage_id"

# One corpus's passages that name an entity of a gold passage of any corpus.
NAMES_GOLD_ENTITY = """
WITH gold AS (SELECT DISTINCT lower(e.text) AS name FROM (SELECT unnest(entities) AS e FROM gold_graphs))
SELECT DISTINCT passage_id FROM (
    SELECT passage_id, unnest(entities) AS e FROM teacher_graphs WHERE corpus = ? AND sample = 0
) WHERE lower(e.text) IN (SELECT name FROM gold)
"""

# One corpus's dev passages with the teacher's graph and gold, to decide whether labels are denoised. Passages that are
# not annotated exhaustively do not show which added relations are wrong; the test split is for the report only.
DEV_GRAPHS = """
SELECT g.passage_id, p.text, p.doc_id, t.entities, t.relations,
       g.entities AS gold_entities, g.relations AS gold_relations
FROM gold_graphs g
JOIN teacher_graphs t ON t.corpus = g.corpus AND t.passage_id = g.passage_id AND t.sample = 0
JOIN raw_corpus p ON p.corpus = g.corpus AND p.passage_id = g.passage_id AND p.duplicate_of IS NULL
WHERE g.corpus = ? AND g.split = 'dev' AND g.exhaustive
"""
