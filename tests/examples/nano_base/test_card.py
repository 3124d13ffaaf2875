"""The packaged model card is what the program writes for the packaged model."""

import json
from math import prod

from safetensors import safe_open

from examples.nano_base.card import card
from examples.nano_base.pretrain import LICENSE
from text2graph_dagster.inference.base_models import NANO_BASE


def test_the_card_in_the_package_is_current() -> None:
    with safe_open(NANO_BASE / "model.safetensors", framework="numpy") as weights:
        parameters = sum(prod(weights.get_slice(name).get_shape()) for name in weights.keys())  # noqa: SIM118
    result = json.loads((NANO_BASE / "run.json").read_text(encoding="utf-8"))
    assert (NANO_BASE / "README.md").read_text(encoding="utf-8") == card(result, parameters, LICENSE)
