"""Convert a GGUF file into a model directory: `python -m text2graph_dagster.inference.gguf_conversion --config x.json`.

Transformers reads the file and dequantises it. What is written is an ordinary directory in float32, without any trace
of the quantisation but the rounding of the weights, and `origin.json` with what the file says of itself.
"""

import json
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import Field

from text2graph_dagster.errors import UserError
from text2graph_dagster.inference.known_models import ORIGIN
from text2graph_dagster.runtime.config import ProgramConfig, read_config
from text2graph_dagster.runtime.program import as_user_error, read_package_versions, run_program
from text2graph_dagster.runtime.reporting import Reporter


class ConversionConfig(ProgramConfig):
    """The configuration of the program."""

    gguf: Path = Field(description="the GGUF file")
    output: Path = Field(description="the model directory to write")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program."""
    return run_program(_run, arguments, "Convert a GGUF file into a model directory.")


def _run(path: Path, reporter: Reporter) -> None:
    config = read_config(ConversionConfig, path)
    os.environ["HF_HUB_OFFLINE"] = "1"
    convert_gguf(config.gguf, config.output)


def convert_gguf(gguf: Path, output: Path) -> None:
    """Write the model and the tokenizer of a GGUF file, and `origin.json`, into `output`.

    Raises:
        UserError: the file cannot be read or written, its architecture or quantisation is unknown to Transformers, or
            its tokenizer has no EOS token.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
    from transformers.integrations.gguf.reader import read_gguf_metadata
    from transformers.utils import logging

    from text2graph_dagster.inference.loading import save_student

    logging.disable_progress_bar()
    with as_user_error(f"{gguf} cannot be converted"):
        metadata, _ = read_gguf_metadata(str(gguf))
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
        if tokenizer.eos_token_id is None:
            raise UserError(f"the tokenizer of {gguf} has no EOS token, which ends a student's answer: choose another.")
        _split_like_llama_cpp(tokenizer, metadata.get("tokenizer.ggml.pre"))
        model = AutoModelForCausalLM.from_pretrained(
            gguf.parent, gguf_file=gguf.name, dtype="float32", quantization_config=GgufConfig(dequantize=True)
        )
        _forget_quantisation(model)
        save_student(model, tokenizer, output)
    origin = {"title": metadata.get("general.name"), "licence": metadata.get("general.license")}
    versions = {**read_package_versions(), "gguf": version("gguf")}
    text = json.dumps({**origin, "versions": versions}, indent=2)
    (output / ORIGIN).write_text(text + "\n", encoding="utf-8")


def _split_like_llama_cpp(tokenizer: Any, pre_tokenizer: str | None) -> None:
    """Split text as the vocabulary's merges were learned, where Transformers does not know the file's pre-tokenizer."""
    from tokenizers import pre_tokenizers

    if pre_tokenizer in {"smollm", "starcoder", "refact", "command-r", "codeshell"}:
        tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        )


def _forget_quantisation(model: Any) -> None:
    """Make a dequantised model an ordinary one: it may be trained and saved."""
    if getattr(model.config, "quantization_config", None) is not None:
        del model.config.quantization_config
    vars(model.config).pop("_model_name_or_path", None)  # the title that the file has
    model.is_quantized, model.hf_quantizer = False, None


if __name__ == "__main__":
    sys.exit(main())
