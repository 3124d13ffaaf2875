"""Select examples by a few columns of all candidates (`SELECTION_COLUMNS`), without loading the examples themselves.

All functions are pure functions of frames; their results do not depend on the order of rows.
"""

from collections.abc import Mapping

import polars as pl

from text2graph_dagster.errors import UserError
from text2graph_dagster.settings import DatasetSettings

# `labels` are an example's relation types (or entity types), `phrases` a number for the wording of each label.
SELECTION_COLUMNS: Mapping[str, pl.DataType] = {
    "example_id": pl.String(),
    "corpus": pl.String(),
    "passage_id": pl.String(),
    "kind": pl.String(),
    "score": pl.Float64(),
    "labels": pl.List(pl.String()),
    "phrases": pl.List(pl.UInt32()),
}
LEFT_OUT_COLUMNS: Mapping[str, pl.DataType] = {"passage_id": pl.String(), "reason": pl.String()}
_RANK = "_rank"


def select_examples(candidates: pl.DataFrame, settings: DatasetSettings) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the selected examples of one corpus with their final score, and the passages left out with a reason.

    First, the rarity of labels is added to the score. Then empty answers beyond their share are left out. Of the rest,
    the best and most diverse `max_examples` are selected.
    """
    scored = add_rarity(candidates, settings.rarity_weight)
    kept = limit_empty_share(scored, settings.empty_share)
    lost = [list_left_out(scored, kept, "too_many_empty")]
    if settings.max_examples is not None:
        best = select_diverse(kept, settings.max_examples)
        lost.append(list_left_out(kept, best, "beyond_max_examples"))
        kept = best
    return kept, pl.concat(lost)


def add_rarity(candidates: pl.DataFrame, weight: float) -> pl.DataFrame:
    """Return the examples with a new score: the weighted mean of the score and the rarity of the rarest label.

    If one example in n has a label, its rarity is log(n) / log(number of examples): 1 if only one example has it.
    """
    labels = candidates.select("example_id", pl.col("labels").list.unique()).explode("labels")
    counts = labels.group_by("labels").len("count")
    total = max(2, candidates.height)
    rarity = (pl.lit(total) / pl.col("count")).log() / pl.lit(float(total)).log()
    rarest = labels.join(counts, on="labels").group_by("example_id").agg(rarity.clip(0, 1).max().alias("rarity"))
    score = (1 - weight) * pl.col("score") + weight * pl.col("rarity")
    joined = candidates.join(rarest, on="example_id", how="left", maintain_order="left")
    return joined.with_columns(score=score).drop("rarity")


def limit_empty_share(candidates: pl.DataFrame, share: float) -> pl.DataFrame:
    """Limit empty answers to `share` of all examples; those with the smallest ids (digests) are kept."""
    empty = candidates.filter(pl.col("kind") == "negative")
    stated = candidates.height - empty.height
    allowed = empty.height if share >= 1 else int(share / (1 - share) * stated + 1e-9)
    dropped = empty.sort("example_id").slice(allowed)
    return candidates.join(dropped, on="example_id", how="anti", maintain_order="left")


def select_diverse(candidates: pl.DataFrame, count: int) -> pl.DataFrame:
    """Select `count` examples: round-robin over labels, for each label round-robin over its wordings, the best first.

    An example counts for its rarest label. A rare label therefore keeps all its examples, and a frequent label keeps
    its best examples in as many wordings as possible. Unlike a k-centre search, this needs sorting but no distances.
    """
    if candidates.height <= count:
        return candidates
    pairs = candidates.select("example_id", "score", "labels", "phrases").explode("labels", "phrases")
    counts = pairs.group_by("labels").len("count")
    rarest = (
        pairs.join(counts, on="labels")
        .sort("count", "labels", "phrases", "example_id")
        .unique("example_id", keep="first", maintain_order=True)
        .sort(pl.col("score"), pl.col("example_id"), descending=[True, False])
    )
    of_wording = rarest.with_columns(pl.int_range(pl.len()).over("labels", "phrases").alias(_RANK))
    of_label = of_wording.sort(_RANK, -pl.col("score"), "example_id").with_columns(
        pl.int_range(pl.len()).over("labels").alias(_RANK)
    )
    selected = of_label.sort(_RANK, -pl.col("score"), "example_id").head(count)
    return candidates.join(selected, on="example_id", how="semi", maintain_order="left")


def mix_corpora(candidates: pl.DataFrame, settings: DatasetSettings) -> pl.DataFrame:
    """Limit the examples of each corpus so that their numbers are proportional to the corpora's weights.

    No example is repeated: the corpus with the fewest examples for its weight keeps all of them. Without `mix` and
    `mix_temperature`, all examples are kept.

    Raises:
        UserError: `mix` names a corpus that has no examples.
    """
    if not settings.mix and settings.mix_temperature is None:
        return candidates
    sizes = dict(candidates.group_by("corpus").len().sort("corpus").iter_rows())
    if unknown := sorted(set(settings.mix) - set(sizes)):
        raise UserError(f"dataset.mix names {unknown[0]!r}, which has no examples; correct the name or remove it.")
    exponent = 1 / settings.mix_temperature if settings.mix_temperature else 0.0
    weights = {name: settings.mix.get(name, 1.0) * size**exponent for name, size in sizes.items()}
    unit = min((sizes[name] / weight for name, weight in weights.items() if weight > 0), default=0.0)
    limits = pl.DataFrame({"corpus": list(weights), "_limit": [int(unit * w + 1e-9) for w in weights.values()]})
    ranked = candidates.sort("example_id").with_columns(pl.int_range(pl.len()).over("corpus").alias(_RANK))
    kept = ranked.join(limits, on="corpus").filter(pl.col(_RANK) < pl.col("_limit"))
    return candidates.join(kept, on="example_id", how="semi", maintain_order="left")


def list_left_out(before: pl.DataFrame, after: pl.DataFrame, reason: str) -> pl.DataFrame:
    """Return the passages of the examples that are in `before` only, with the reason."""
    lost = before.join(after, on="example_id", how="anti").sort("passage_id")
    return lost.select("passage_id", pl.lit(reason).alias("reason"))


def take_selected(examples: pl.DataFrame, selected: pl.DataFrame) -> pl.DataFrame:
    """Return the examples that are in `selected`, in the order of `examples`, with their final score."""
    final = selected.select("example_id", pl.col("score").alias("_final"))
    found = examples.join(final, on="example_id", how="inner", maintain_order="left")
    return found.with_columns(score=pl.col("_final")).drop("_final")
