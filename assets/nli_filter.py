"""A model's second opinion on mended labels, asked in a process of its own; the same pairs are asked once."""

import json
from collections.abc import Sequence

import dagster as dg
import polars as pl

from assets.checkpoints import base_identity
from resources.home import Home
from resources.launcher import Launcher
from text2graph_dagster.dataset.denoising.nli_filter import Pair, Scorer
from text2graph_dagster.identity import digest, digest_json

PROGRAM = "text2graph_dagster.training.entailment"


def second_opinion(
    context: dg.AssetExecutionContext, home: Home, launcher: Launcher, model: str | None
) -> Scorer | None:
    """Return what asks the model how far passages entail statements; None where no model is set."""
    if model is None:
        return None
    identity = base_identity(model)

    def score(pairs: Sequence[Pair]) -> Sequence[float]:
        if not pairs:
            return []
        frame = pl.DataFrame(pairs, schema={"premise": pl.String, "hypothesis": pl.String}, orient="row")
        folder, asked = home.root_path / "entailment", digest(*(text for pair in pairs for text in pair))
        folder.mkdir(parents=True, exist_ok=True)
        name = digest_json({"model": identity, "pairs": asked})
        source, output, config = (folder / f"{name}.{kind}" for kind in ("pairs.parquet", "parquet", "json"))
        if not output.is_file():
            context.log.info(f"{len(pairs):,} statements are judged by {model}")
            frame.write_parquet(source)
            config.write_text(json.dumps({"model": model, "pairs": str(source), "output": str(output)}), "utf-8")
            launcher.run(context, PROGRAM, config)
            source.unlink()
        scores: list[float] = pl.read_parquet(output)["entailment"].to_list()
        return scores

    return score
