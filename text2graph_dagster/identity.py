"""Content identity: every key in the warehouse is a digest of what it identifies."""

import hashlib
import json
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def normalise(text: str) -> str:
    """Return `text` in NFC, stripped, with every run of white space replaced by one blank."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def digest(*parts: str) -> str:
    """Return 32 hexadecimal characters of the SHA-256 over `parts`.

    Each part is preceded by its length, so that ("ab", "c") and ("a", "bc") differ.
    """
    sha = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        sha.update(f"{len(data)}:".encode())
        sha.update(data)
    return sha.hexdigest()[:32]


def digest_json(value: Mapping[str, Any]) -> str:
    """Return the digest of a JSON-serialisable mapping; the order of its keys does not matter."""
    return digest(json.dumps(value, sort_keys=True, ensure_ascii=False, default=str))


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_weights(folder: Path) -> str:
    """Return the SHA-256 over the names and contents of a model directory's weights; "" if there are none."""
    sha = hashlib.sha256()
    files = sorted(folder.glob("*.safetensors"))
    for file in files:
        sha.update(file.name.encode())
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                sha.update(block)
    return sha.hexdigest() if files else ""


def digest_programs(paths: Iterable[Path]) -> str:
    """Return a digest of source files; results that are cached with the digest are recomputed when it changes."""
    return digest(*(path.read_text(encoding="utf-8") for path in sorted(paths)))
