"""Contracts of the tables that hold the data of a corpus: passages, labels, rationales, rejections, gates."""

import pandera.polars as pa
import polars as pl

from text2graph_dagster.contracts.columns import (
    CORPUS,
    ENTITIES_COLUMN,
    PASSAGE_ID,
    RELATIONS_COLUMN,
    SPLITS,
    STAGES,
    STRINGS,
    check_one_of,
    make_column,
    make_contract,
)

RAW_CORPUS = make_contract(
    "raw_corpus",
    ("corpus", "doc_id", "start"),
    {
        "corpus": CORPUS,
        "passage_id": PASSAGE_ID,
        "doc_id": make_column(pl.String, "id of the document, from its file and line"),
        "start": make_column(pl.Int64, "first code point in the cleaned document", pa.Check.ge(0)),
        "end": make_column(pl.Int64, "code point after the end of the passage", pa.Check.gt(0)),
        "text": make_column(pl.String, "whole sentences up to the token budget", pa.Check.str_length(min_value=1)),
        "language": make_column(pl.String, "language found, as an ISO 639-1 code, or 'other'"),
        "split": make_column(
            pl.String, "train, or the split of the annotated document it comes from", check_one_of(*SPLITS)
        ),
        "tokens": make_column(pl.Int64, "words and punctuation marks", pa.Check.ge(0)),
        "duplicate_of": make_column(pl.String, "passage_id of the passage that this row duplicates", nullable=True),
    },
)
QUARANTINE = make_contract(
    "quarantine",
    (),
    {
        "stage": make_column(pl.String, "the asset that rejected the document or passage", check_one_of(*STAGES)),
        "corpus": CORPUS,
        "doc_id": make_column(pl.String, "the rejected document", nullable=True),
        "passage_id": make_column(pl.String, "the rejected passage", nullable=True),
        "reason": make_column(pl.String, "the reason, in one word", pa.Check.str_length(min_value=1)),
        "detail": make_column(pl.String, "the reason, in one sentence", nullable=True),
    },
)
ACCOUNTING = make_contract(
    "accounting",
    ("stage", "corpus", "item"),
    {
        "stage": make_column(pl.String, "the asset that counted", check_one_of(*STAGES)),
        "corpus": CORPUS,
        "item": make_column(pl.String, "what was counted"),
        "count": make_column(pl.Int64, "how many", pa.Check.ge(0)),
    },
)
TEACHER_CALLS = make_contract(
    "teacher_calls",
    ("call_key",),
    {
        "call_key": make_column(
            pl.String, "digest of everything that the response depends on", pa.Check.str_length(32, 32)
        ),
        "kind": make_column(
            pl.String, "whether a teacher or a reasoner was called", check_one_of("teacher", "reasoner")
        ),
        "teacher": make_column(pl.String, "name of the teacher or reasoner"),
        "prompt_version": make_column(pl.String, "version of the prompt"),
        "passage_id": PASSAGE_ID,
        "request": make_column(pl.String, "the request as sent"),
        "response": make_column(pl.String, "the response as received"),
        "status": make_column(pl.String, "outcome of the call"),
        "reason": make_column(pl.String, "the reason of a failure, else empty"),
        "prompt_tokens": make_column(pl.Int64, "tokens sent", pa.Check.ge(0)),
        "completion_tokens": make_column(pl.Int64, "tokens received", pa.Check.ge(0)),
        "cost": make_column(pl.Float64, "price of the call", pa.Check.ge(0)),
        "seconds": make_column(pl.Float64, "duration of the call", pa.Check.ge(0)),
    },
)
TEACHER_GRAPHS = make_contract(
    "teacher_graphs",
    ("corpus", "passage_id", "sample"),
    {
        "corpus": CORPUS,
        "passage_id": PASSAGE_ID,
        "sample": make_column(pl.Int64, "number of the graph; 0 is the training label", pa.Check.ge(0)),
        "teacher": make_column(
            pl.String, "the teacher; 'vote' for a vote over the passage's other graphs; 'annotation' for gold.jsonl"
        ),
        "entities": ENTITIES_COLUMN,
        "relations": RELATIONS_COLUMN,
        "call_key": make_column(pl.String, "the call that returned it; empty for a vote or an annotation"),
    },
)
COT_TRACES = make_contract(
    "cot_traces",
    ("corpus", "passage_id"),
    {
        "corpus": CORPUS,
        "passage_id": PASSAGE_ID,
        "rationale": make_column(pl.String, "the reasoning that leads from the passage to its graph"),
        "verified": make_column(pl.Boolean, "whether the graph can be derived from passage and rationale"),
        "reasons": make_column(
            STRINGS, "objections of the verifier; for a replacement, its objections to the replaced rationale"
        ),
        "author": make_column(pl.String, "the reasoner that wrote the rationale"),
        "rejected": make_column(pl.String, "the rejected rationale that this one replaces", nullable=True),
        "call_key": make_column(pl.String, "the call that returned it"),
    },
)
GATES = make_contract(
    "gates",
    ("asset", "corpus", "gate", "data_version"),
    {
        "asset": make_column(pl.String, "the table that was checked"),
        "corpus": make_column(pl.String, "the corpus, or '*' for all corpora together"),
        "gate": make_column(pl.String, "name of the gate"),
        "data_version": make_column(pl.String, "version of the rows that were checked"),
        "value": make_column(pl.Float64, "the measured value", nullable=True),
        "threshold": make_column(pl.String, "the required value"),
        "passed": make_column(pl.Boolean, "whether the gate passed"),
        "judged_at": make_column(pl.Datetime("us"), "time of the check, in UTC"),
    },
)
GOLD_GRAPHS = make_contract(
    "gold_graphs",
    ("corpus", "passage_id"),
    {
        "corpus": CORPUS,
        "passage_id": PASSAGE_ID,
        "split": make_column(pl.String, "dev or test: gold; train: a trusted training example", check_one_of(*SPLITS)),
        "entities": ENTITIES_COLUMN,
        "relations": RELATIONS_COLUMN,
        "exhaustive": make_column(pl.Boolean, "whether every item of the ontology's types is annotated"),
    },
)
