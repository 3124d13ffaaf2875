"""A GGUF file becomes an ordinary model directory in float32."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.text2graph_dagster.inference.tiny_gguf import TEMPLATE, write_tiny_gguf
from tests.text2graph_dagster.training import tiny_models
from text2graph_dagster.errors import UserError
from text2graph_dagster.inference import base_models
from text2graph_dagster.inference.gguf_conversion import convert_gguf, main
from text2graph_dagster.inference.loading import load_student
from text2graph_dagster.inference.model_fetching import read_origin
from text2graph_dagster.training import sft


@pytest.fixture(scope="module")
def gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_gguf(tmp_path_factory.mktemp("gguf") / "tiny.gguf")


@pytest.fixture(scope="module")
def converted(gguf: Path) -> Path:
    directory = gguf.parent / "converted"
    convert_gguf(gguf, directory)
    return directory


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        result: torch.Tensor = model.eval()(input_ids=torch.arange(3, 40)[None]).logits
    return result


def test_the_weights_are_those_of_the_file_in_float32(gguf: Path, converted: Path) -> None:
    config = json.loads((converted / "config.json").read_text())
    assert "quantization_config" not in config and config["dtype"] == "float32"
    model, _ = load_student(converted)
    assert {value.dtype for value in model.state_dict().values()} == {torch.float32}
    original = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    assert torch.equal(logits(model), logits(original))
    assert logits(model).std() > 0.01


def test_the_tokenizer_is_the_files_own(converted: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(converted)
    assert (tokenizer.eos_token, tokenizer.chat_template) == ("<|im_end|>", TEMPLATE)
    text = "In 1912, Ørsted's  heirs"
    tokens = tokenizer.tokenize(text)
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
    assert "12" not in tokens  # digits are split before merging, as the file's pre-tokenizer says
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": "hi"}], tokenize=False, add_generation_prompt=True
    )
    assert prompt == "<|im_start|>user\nhi<|im_end|><|im_start|>assistant\n"


def test_the_origin_says_what_the_file_says(converted: Path) -> None:
    origin = read_origin(converted)
    assert (origin["title"], origin["licence"]) == ("Tiny", "mit")
    assert {"transformers", "gguf"} <= origin["versions"].keys()


@pytest.mark.parametrize("content", [b"", b"GGUF", b"not a model"])
def test_a_damaged_file_is_a_user_error(tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.gguf").write_bytes(content)
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"gguf": str(tmp_path / "a.gguf"), "output": str(tmp_path / "out")}))
    assert main(["--config", str(config)]) == 1
    assert "error: " in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_a_file_without_an_eos_token_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no EOS token"):
        convert_gguf(write_tiny_gguf(tmp_path / "a.gguf", eos=False), tmp_path / "out")


def test_a_gguf_file_is_fine_tuned(gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXT2GRAPH_HOME", str(tmp_path / "home"))
    changes = {"student": {"base_model": str(gguf)}, "sft": {"max_steps": 2}, "evaluation": {"max_new_tokens": 8}}
    config = tiny_models.write_config(tmp_path, changes=changes)
    assert sft.main(["--config", str(config)]) == 0
    run = json.loads((tmp_path / "sft" / "run.json").read_text())
    assert run["model"]["architecture"] == "llama" and "base:model.safetensors" in run["inputs"]
    assert base_models.resolve_base_model(str(gguf)).startswith(str(tmp_path / "home" / "models" / "gguf-"))
