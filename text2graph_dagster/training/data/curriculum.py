"""Decide the order of training examples before training: `plan_batches` for SFT, `choose_prompts` for GRPO.

The order depends on the seed only, so that a resumed run continues it exactly.
"""

import random
from collections.abc import Sequence

from text2graph_dagster.errors import UserError
from text2graph_dagster.settings import GrpoSettings
from text2graph_dagster.training.data.examples import Example

_BATCHES_PER_DRAW = 20  # batches drawn together and sorted by length, so that a batch has little padding
_FIRST_SHARE = 0.35  # share of the examples (the shortest) that are in the pool at the start


def plan_batches(
    lengths: Sequence[int], *, batch_size: int, steps: int, curriculum_share: float, seed: int
) -> list[list[int]]:
    """Return the batches of a whole SFT run: `steps` lists of `batch_size` example indices.

    Short examples come first: the pool grows from the shortest `_FIRST_SHARE` to all examples over the first
    `curriculum_share` of the steps, because the circuit that copies names forms in time quadratic in the text length.
    Draws from the pool are uniform. Preferring examples that were drawn less often would balance the counts, but would
    fill every draw with the newest and longest examples; on the gazette, that gives a far worse student at equal cost.
    """
    rng = random.Random(seed)
    by_length = sorted(range(len(lengths)), key=lambda i: (lengths[i], i))
    batches: list[list[int]] = []
    while len(batches) < steps:
        progress = len(batches) / steps
        grown = min(1.0, progress / curriculum_share) if curriculum_share else 1.0
        pool = by_length[: max(1, round(len(by_length) * (_FIRST_SHARE + (1 - _FIRST_SHARE) * grown)))]
        wanted = min(_BATCHES_PER_DRAW, steps - len(batches)) * batch_size
        drawn = pool * (wanted // len(pool)) + rng.sample(pool, wanted % len(pool))
        drawn.sort(key=lambda i: (lengths[i], i))
        cut = [drawn[start : start + batch_size] for start in range(0, len(drawn), batch_size)]
        rng.shuffle(cut)
        batches += cut
    return batches


def choose_prompts(short: Sequence[int], examples: Sequence[Example], settings: GrpoSettings, seed: int) -> list[int]:
    """Return the example indices of all prompts of a GRPO run, in order; at most `max_empty_share` lack relations.

    Args:
        short: indices of the examples whose prompts are short enough.

    Raises:
        UserError: no example is left.
    """
    rng = random.Random(seed)
    with_relations: list[int] = []
    empty: list[int] = []
    for i in short:
        (with_relations if examples[i].graph.relations else empty).append(i)
    rng.shuffle(with_relations)
    rng.shuffle(empty)
    share = settings.max_empty_share
    max_empty = round(len(with_relations) * share / (1 - share)) if share < 1 else len(empty)
    pool = with_relations + empty[:max_empty]
    if not pool:
        raise UserError(
            "no example for GRPO: every prompt is too long or has no gold relation. Raise sft.max_length or lower "
            "grpo.max_completion_length."
        )
    needed = settings.max_steps * settings.prompts_per_step
    order: list[int] = []
    while len(order) < needed:
        order += rng.sample(pool, len(pool))
    return order[:needed]
