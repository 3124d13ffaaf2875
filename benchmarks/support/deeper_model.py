"""Make a student as slow as a larger model: more layers, each of which adds nothing to its answers."""

import json
import shutil
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

_FIRST = "model.layers.0."


def deepen(model: Path, layers: int, target: Path) -> Path:
    """Write a Qwen2-architecture model with `layers` more layers, whose output projections are zero, to `target`."""
    shutil.copytree(model, target)
    weights = load_file(model / "model.safetensors")
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    depth = config["num_hidden_layers"]
    for name, value in [item for item in weights.items() if item[0].startswith(_FIRST)]:
        adds = name.endswith(("o_proj.weight", "down_proj.weight"))
        for number in range(depth, depth + layers):
            weights[name.replace(_FIRST, f"model.layers.{number}.")] = np.zeros_like(value) if adds else value.copy()
    config["num_hidden_layers"] = config["max_window_layers"] = depth + layers
    config["layer_types"] = ["full_attention"] * (depth + layers)
    save_file(weights, target / "model.safetensors", {"format": "pt"})
    (target / "config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")
    return target
