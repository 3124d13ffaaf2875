"""The prediction program, through its command line."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.text2graph_dagster.training import tiny_models
from text2graph_dagster.evaluation import predict
from text2graph_dagster.graph.legality import ground
from text2graph_dagster.graph.parsing import parse


def write_config(folder: Path, model: Path, count: int, **changes: Any) -> Path:
    import json

    tiny_models.write_examples(folder / "gold.parquet", count, seed=4)
    columns = ("messages", *(("text", "entity_types", "relation_types") if "decoding" in changes else ()))
    frame = pl.read_parquet(folder / "gold.parquet").select(pl.col("example_id").alias("id"), *columns)
    frame.write_parquet(folder / "prompts.parquet")
    files = {"prompts": folder / "prompts.parquet", "output": folder / "answers.parquet", "model": model}
    config = {name: str(path) for name, path in files.items()} | {"max_new_tokens": 8, "batch_size": 4, "threads": 1}
    (folder / "predict.json").write_text(json.dumps({**config, **changes}))
    return folder / "predict.json"


def test_every_prompt_is_answered_in_order(fine_tuned: Path, tmp_path: Path) -> None:
    config = write_config(tmp_path, fine_tuned, 10)
    assert predict.main(["--config", str(config)]) == 0
    answers = pl.read_parquet(tmp_path / "answers.parquet")
    assert answers["id"].to_list() == pl.read_parquet(tmp_path / "prompts.parquet")["id"].to_list()
    assert answers.columns == ["id", "raw_output", "tokens", "stopped"]
    assert answers["tokens"].min() >= 1 and answers["tokens"].max() <= 8
    assert not list(tmp_path.glob("*.parts"))


def test_an_interrupted_run_answers_only_the_remaining_prompts(
    fine_tuned: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from text2graph_dagster.inference import batch_generation

    monkeypatch.setattr(predict, "_PART", 4)
    batch_sizes: list[int] = []
    real = batch_generation.answer_prompts

    def counted(model: Any, tokenizer: Any, prompts: Any, **options: Any) -> Any:
        if len(batch_sizes) == 1:
            batch_sizes.append(0)
            raise KeyboardInterrupt
        batch_sizes.append(len(prompts))
        return real(model, tokenizer, prompts, **options)

    monkeypatch.setattr(batch_generation, "answer_prompts", counted)
    config = write_config(tmp_path, fine_tuned, 10)
    with pytest.raises(KeyboardInterrupt):
        predict.main(["--config", str(config)])
    assert not (tmp_path / "answers.parquet").exists()
    assert predict.main(["--config", str(config)]) == 0
    assert batch_sizes == [4, 0, 4, 2]
    assert pl.read_parquet(tmp_path / "answers.parquet").height == 10


def test_answers_follow_the_grammar_of_their_request(
    fine_tuned: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    copy = {"grammar": "copy", "types": "requested"}
    config = write_config(tmp_path, fine_tuned, 6, decoding=copy, wire="indexed", max_new_tokens=200)
    assert predict.main(["--config", str(config)]) == 0
    answers = pl.read_parquet(tmp_path / "answers.parquet")
    prompts = pl.read_parquet(tmp_path / "prompts.parquet")
    for answer, text in zip(answers.iter_rows(named=True), prompts["text"], strict=True):
        assert answer["raw_output"].startswith('{"entities":[')
        if answer["stopped"]:
            parsed = parse(answer["raw_output"])
            assert parsed.strict and all(ground(name, text) for name, _ in parsed.entities)
    prompts.drop("text").write_parquet(tmp_path / "prompts.parquet")
    assert predict.main(["--config", str(config)]) == 1
    assert "'text'" in capsys.readouterr().err


def test_a_file_without_a_column_is_a_user_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write_config(tmp_path, tmp_path, 2)
    pl.DataFrame({"id": ["a"]}).write_parquet(tmp_path / "prompts.parquet")
    assert predict.main(["--config", str(config)]) == 1
    assert "messages" in capsys.readouterr().err
