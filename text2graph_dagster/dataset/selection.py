"""Which examples are taken: decided on a few light columns of all of them, never on the examples themselves.

Everything here is a pure function of frames and gives the same result whatever the order of rows.
"""

from collections.abc import Mapping

import polars as pl

from text2graph_dagster.errors import UserError
from text2graph_dagster.settings import DatasetSettings

# What a decision may look at: `labels` is what an example teaches, `phrases` a number for the words of each label.
LIGHT: Mapping[str, pl.DataType] = {
    "example_id": pl.String(),
    "corpus": pl.String(),
    "passage_id": pl.String(),
    "kind": pl.String(),
    "score": pl.Float64(),
    "labels": pl.List(pl.String()),
    "phrases": pl.List(pl.UInt32()),
}
LEFT_OUT: Mapping[str, pl.DataType] = {"passage_id": pl.String(), "reason": pl.String()}
_PLACE = "_place"


def choose(light: pl.DataFrame, settings: DatasetSettings) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the chosen examples of one corpus with their final score, and the passages left out, each with a reason.

    Rarity of labels becomes a part of the score; empty answers beyond their share go; the best and most diverse
    `max_examples` stay.
    """
    scored = with_rarity(light, settings.rarity_weight)
    kept = within_share(scored, settings.empty_share)
    lost = [without(scored, kept, "too_many_empty")]
    if settings.max_examples is not None:
        best = most_telling(kept, settings.max_examples)
        lost.append(without(kept, best, "beyond_max_examples"))
        kept = best
    return kept, pl.concat(lost)


def with_rarity(light: pl.DataFrame, weight: float) -> pl.DataFrame:
    """Return the examples with the rarity of their rarest label as a part of their score.

    A label that one example in n has is worth log(n) / log(number of examples): 1 when only one example has it.
    """
    labels = light.select("example_id", pl.col("labels").list.unique()).explode("labels")
    counts = labels.group_by("labels").len("bearers")
    everything = max(2, light.height)
    rarity = (pl.lit(everything) / pl.col("bearers")).log() / pl.lit(float(everything)).log()
    rarest = labels.join(counts, on="labels").group_by("example_id").agg(rarity.clip(0, 1).max().alias("rarity"))
    score = (1 - weight) * pl.col("score") + weight * pl.col("rarity")
    return (
        light.join(rarest, on="example_id", how="left", maintain_order="left").with_columns(score=score).drop("rarity")
    )


def within_share(light: pl.DataFrame, share: float) -> pl.DataFrame:
    """Keep so many empty answers that they are at most `share` of all; their ids, digests, decide which."""
    empty = light.filter(pl.col("kind") == "negative")
    stated = light.height - empty.height
    allowed = empty.height if share >= 1 else int(share / (1 - share) * stated + 1e-9)
    dropped = empty.sort("example_id").slice(allowed)
    return light.join(dropped, on="example_id", how="anti", maintain_order="left")


def most_telling(light: pl.DataFrame, most: int) -> pl.DataFrame:
    """Keep `most` examples: label by label in turn, of each label its ways of saying in turn, the best first.

    An example stands for its rarest label. So a rare label keeps all it has, a frequent one keeps its best examples in
    as many wordings as there are. One pass of sorting, instead of the pairwise distances of a k-centre search.
    """
    if light.height <= most:
        return light
    pairs = light.select("example_id", "score", "labels", "phrases").explode("labels", "phrases")
    counts = pairs.group_by("labels").len("bearers")
    own = (
        pairs.join(counts, on="labels")
        .sort("bearers", "labels", "phrases", "example_id")
        .unique("example_id", keep="first", maintain_order=True)
        .sort(pl.col("score"), pl.col("example_id"), descending=[True, False])
    )
    of_wording = own.with_columns(pl.int_range(pl.len()).over("labels", "phrases").alias(_PLACE))
    of_label = of_wording.sort(_PLACE, -pl.col("score"), "example_id").with_columns(
        pl.int_range(pl.len()).over("labels").alias(_PLACE)
    )
    chosen = of_label.sort(_PLACE, -pl.col("score"), "example_id").head(most)
    return light.join(chosen, on="example_id", how="semi", maintain_order="left")


def mixed(light: pl.DataFrame, settings: DatasetSettings) -> pl.DataFrame:
    """Keep so many examples of each corpus that their numbers stand in the ratio of the corpora's weights.

    No example is taken twice: the corpus that has least for its weight keeps all. Without `mix` and `mix_temperature`
    everything stays.

    Raises:
        UserError: `mix` names a corpus that has no examples, or leaves nothing.
    """
    if not settings.mix and settings.mix_temperature is None:
        return light
    sizes = dict(light.group_by("corpus").len().sort("corpus").iter_rows())
    if unknown := sorted(set(settings.mix) - set(sizes)):
        raise UserError(f"dataset.mix names {unknown[0]!r}, which has no examples; mend the name or take it out.")
    exponent = 1 / settings.mix_temperature if settings.mix_temperature else 0.0
    weights = {name: settings.mix.get(name, 1.0) * size**exponent for name, size in sizes.items()}
    unit = min((sizes[name] / weight for name, weight in weights.items() if weight > 0), default=0.0)
    wanted = pl.DataFrame({"corpus": list(weights), "_wanted": [int(unit * w + 1e-9) for w in weights.values()]})
    numbered = light.sort("example_id").with_columns(pl.int_range(pl.len()).over("corpus").alias(_PLACE))
    kept = numbered.join(wanted, on="corpus").filter(pl.col(_PLACE) < pl.col("_wanted"))
    return light.join(kept, on="example_id", how="semi", maintain_order="left")


def without(before: pl.DataFrame, after: pl.DataFrame, reason: str) -> pl.DataFrame:
    """Return the passages of the examples that went, with the reason."""
    gone = before.join(after, on="example_id", how="anti").sort("passage_id")
    return gone.select("passage_id", pl.lit(reason).alias("reason"))


def take(examples: pl.DataFrame, chosen: pl.DataFrame) -> pl.DataFrame:
    """Return the chosen of these examples, in their order, with their final score."""
    final = chosen.select("example_id", pl.col("score").alias("_final"))
    found = examples.join(final, on="example_id", how="inner", maintain_order="left")
    return found.with_columns(score=pl.col("_final")).drop("_final")
