"""Run the README's commands on real texts; the tests are skipped with a message if the data is missing."""

import json
from pathlib import Path

import pytest
import yaml

from examples.annotated.prepare import prepare as prepare_annotated
from examples.wikitext.prepare import prepare as prepare_wikitext
from tests.system.conftest import ROOT, make_site

pytestmark = pytest.mark.slow


def test_the_lineage_on_conll04_reports_scores_on_its_test_sentences(real_data: Path, tmp_path: Path) -> None:
    """Training is very short: this tests the pipeline, not the scores."""
    site = make_site(
        tmp_path,
        {
            "corpus": {"passage_tokens": 128},
            "sft": {"max_steps": 20},
            "gates": {"sft_min_loss_drop": 0.0},
            "evaluation": {"published": {"conll04": {"SpERT": 0.715}}},
        },
    )
    prepare_annotated(
        real_data / "conll04", tmp_path / "sources" / "conll04", ROOT / "examples" / "conll04" / "ontology.yaml"
    )
    assert site.tool("text2graph", "corpora", "add", str(tmp_path / "sources" / "conll04")).returncode == 0
    done = site.materialise("*", "conll04")
    assert done.returncode == 0, done.stderr[-4000:]

    left_out = site.warehouse.read(
        "SELECT reason, count(*) AS n FROM quarantine WHERE stage = 'filtered_dataset' GROUP BY ALL"
    )
    near_gold = {"equal", "shared_ngram", "near_duplicate"}
    assert left_out.filter(left_out["reason"].is_in(list(near_gold)))["n"].sum() > 0  # train and test share datelines
    figures = json.loads(site.tool("text2graph", "report", "--json").stdout)
    primary = {row["system"]: row for row in figures if row["metric"] == "relation_strict_f1"}
    assert primary["sft"]["value"] is not None
    assert "teacher" not in primary  # all training sentences are annotated
    # All 288 test sentences, minus duplicates, are scored; the number does not depend on packing.
    scored = site.warehouse.value(
        "SELECT count(DISTINCT doc_id) FROM raw_corpus WHERE split = 'test' AND duplicate_of IS NULL"
    )
    assert 280 <= scored <= 288
    page = next((tmp_path / "reports").glob("*.html")).read_text()
    assert "SpERT" in page


def test_the_data_half_on_wikipedia_with_wikidata_gives_training_examples(real_data: Path, tmp_path: Path) -> None:
    site = make_site(tmp_path, yaml.safe_load((ROOT / "examples/wikitext/text2graph.yaml").read_text()))
    articles, kb = real_data / "raw" / "en_wikitext2_test", real_data / "kb" / "wikidata_en.jsonl"
    documents = prepare_wikitext(articles, kb, tmp_path / "sources" / "wikitext")
    assert site.tool("text2graph", "corpora", "add", str(tmp_path / "sources" / "wikitext")).returncode == 0
    done = site.materialise("raw_corpus,teacher_graphs,cot_traces,filtered_dataset", "wikitext")
    assert done.returncode == 0, done.stderr[-4000:]

    items = site.warehouse.read("SELECT item, count FROM accounting WHERE stage = 'raw_corpus'")
    counts = dict(items.iter_rows())
    assert counts["documents_in"] == documents
    assert counts["documents_with_passages"] + counts["documents_quarantined"] == documents
    triples = site.warehouse.value("SELECT sum(len(relations)) FROM filtered_dataset")
    assert triples >= 5  # of 188 relations; the text does not state the others
