"""Score entailment with the NLI model in a separate process; the scores of a list of pairs are cached."""

import json
from collections.abc import Sequence

import dagster as dg
import polars as pl

from resources.home import Home
from resources.launcher import Launcher
from text2graph_dagster.dataset.denoising.nli_filter import EntailmentPair, EntailmentScorer
from text2graph_dagster.identity import digest, digest_json
from text2graph_dagster.inference.base_models import identify_base_model

PROGRAM = "text2graph_dagster.training.entailment"


def make_entailment_scorer(
    context: dg.AssetExecutionContext, home: Home, launcher: Launcher, model: str | None
) -> EntailmentScorer | None:
    """Return a function that gives the probability that each premise entails its hypothesis; None without a model."""
    if model is None:
        return None
    identity = identify_base_model(model)

    def score(pairs: Sequence[EntailmentPair]) -> Sequence[float]:
        if not pairs:
            return []
        frame = pl.DataFrame(pairs, schema={"premise": pl.String, "hypothesis": pl.String}, orient="row")
        folder, content = home.root_path / "entailment", digest(*(text for pair in pairs for text in pair))
        folder.mkdir(parents=True, exist_ok=True)
        name = digest_json({"model": identity, "pairs": content})
        source, output, config = (folder / f"{name}.{kind}" for kind in ("pairs.parquet", "parquet", "json"))
        if not output.is_file():
            context.log.info(f"scoring {len(pairs):,} statements with {model}")
            frame.write_parquet(source)
            config.write_text(json.dumps({"model": model, "pairs": str(source), "output": str(output)}), "utf-8")
            launcher.run(context, PROGRAM, config)
            source.unlink()
        scores: list[float] = pl.read_parquet(output)["entailment"].to_list()
        return scores

    return score
