"""The NLI program: any sequence classifier with an entailment label, offline, deterministic."""

import json
from pathlib import Path

import polars as pl
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

from text2graph_dagster.errors import UserError
from text2graph_dagster.training.entailment import find_entailment_label, load_classifier, main, score_entailment

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "ana", "founded", "velsoft", "sold", "bought", "."]
PAIRS = [("Ana founded Velsoft .", "Ana founded Velsoft ."), ("Ana sold " * 60, "Ana bought ."), ("Velsoft .", "Ana .")]


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a model with random weights."""
    folder = tmp_path_factory.mktemp("classifier")
    tokens = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokens.pre_tokenizer = pre_tokenizers.Whitespace()
    tokens.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_object=tokens, **special).save_pretrained(folder)
    torch.manual_seed(0)
    shape = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    labels = {"id2label": {0: "CONTRADICTION", 1: "NEUTRAL", 2: "ENTAILMENT"}, "max_position_embeddings": 32}
    BertForSequenceClassification(BertConfig(vocab_size=len(WORDS), **shape, **labels)).save_pretrained(folder)
    return folder


def test_the_program_writes_a_probability_per_pair(classifier: Path, tmp_path: Path) -> None:
    pairs, output, config = (tmp_path / name for name in ("pairs.parquet", "scores.parquet", "run.json"))
    pl.DataFrame(PAIRS, schema=["premise", "hypothesis"], orient="row").write_parquet(pairs)
    config.write_text(
        json.dumps({"model": str(classifier), "pairs": str(pairs), "output": str(output), "batch_size": 2})
    )
    assert main(["--config", str(config)]) == 0
    scores = pl.read_parquet(output)["entailment"].to_list()
    assert len(scores) == len(PAIRS) and all(0 < score < 1 for score in scores)
    assert len(set(scores)) == len(PAIRS)
    one_by_one = [score_entailment(*load_classifier(str(classifier)), [pair], 1)[0] for pair in PAIRS]
    assert scores == pytest.approx(one_by_one, abs=1e-6)


def test_labels_must_name_entailment() -> None:
    assert find_entailment_label({0: "entailment", 1: "not_entailment"}) == 0
    with pytest.raises(UserError, match="exactly one must be called entailment"):
        find_entailment_label({0: "LABEL_0", 1: "LABEL_1"})


def test_a_missing_model_is_a_user_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pairs, config = tmp_path / "pairs.parquet", tmp_path / "run.json"
    pl.DataFrame(PAIRS, schema=["premise", "hypothesis"], orient="row").write_parquet(pairs)
    (tmp_path / "empty").mkdir()
    values = {"model": str(tmp_path / "empty"), "pairs": str(pairs), "output": str(tmp_path / "out")}
    config.write_text(json.dumps(values))
    assert main(["--config", str(config)]) == 1
    assert "denoise.nli_model" in capsys.readouterr().err
