"""The order in which examples are taught, laid out beforehand: the same for every run, and exact to resume."""

import random
from collections.abc import Sequence

from text2graph_dagster.errors import UserError
from text2graph_dagster.settings import GrpoSettings
from text2graph_dagster.training.data.examples import Example

_BATCHES_AT_ONCE = 20  # so many batches are drawn, sorted by length and cut, so that a batch holds little padding
_FIRST_SHARE = 0.35  # the shortest examples, with which teaching begins


def lay_out(
    lengths: Sequence[int], *, batch_size: int, steps: int, curriculum_share: float, seed: int
) -> list[list[int]]:
    """Return the batches of a whole training: `steps` lists of `batch_size` example numbers.

    Short examples come first: the pool grows from the shortest `_FIRST_SHARE` to all examples over the first
    `curriculum_share` of the steps (the circuit that copies names forms in time quadratic in the length of the text).
    The pool is drawn from blindly. Taking the least often taught first would be fairer, but fill every draw with the
    newest and longest examples; measured on the gazette, a student so taught reads far worse at equal cost.
    """
    rng = random.Random(seed)
    by_length = sorted(range(len(lengths)), key=lambda i: (lengths[i], i))
    batches: list[list[int]] = []
    while len(batches) < steps:
        progress = len(batches) / steps
        grown = min(1.0, progress / curriculum_share) if curriculum_share else 1.0
        pool = by_length[: max(1, round(len(by_length) * (_FIRST_SHARE + (1 - _FIRST_SHARE) * grown)))]
        wanted = min(_BATCHES_AT_ONCE, steps - len(batches)) * batch_size
        drawn = pool * (wanted // len(pool)) + rng.sample(pool, wanted % len(pool))
        drawn.sort(key=lambda i: (lengths[i], i))
        together = [drawn[start : start + batch_size] for start in range(0, len(drawn), batch_size)]
        rng.shuffle(together)
        batches += together
    return batches


def choose_prompts(short: Sequence[int], examples: Sequence[Example], settings: GrpoSettings, seed: int) -> list[int]:
    """Return the example numbers of all prompts, in the order of the run: at most `max_empty_share` without a relation.

    Args:
        short: the numbers of the examples that are short enough.

    Raises:
        UserError: there are no prompts.
    """
    rng = random.Random(seed)
    stated: list[int] = []
    empty: list[int] = []
    for i in short:
        (stated if examples[i].graph.relations else empty).append(i)
    rng.shuffle(stated)
    rng.shuffle(empty)
    share = settings.max_empty_share
    pool = stated + empty[: round(len(stated) * share / (1 - share))] if share < 1 else stated + empty
    if not pool:
        raise UserError("there is no example to reinforce on: every one is too long or states no relation.")
    needed = settings.max_steps * settings.prompts_per_step
    order: list[int] = []
    while len(order) < needed:
        order += rng.sample(pool, len(pool))
    return order[:needed]


def rate_factor(step: int, *, steps: int, warmup_steps: int, decay_share: float, floor: float = 0.05) -> float:
    """Return the learning rate of a step as a share of the full one: warm-up, constant, then linear to `floor`."""
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    left = (steps - step) / steps
    return 1.0 if left >= decay_share else max(floor, left / decay_share)
