"""The base models that a student can start from, and their identity."""

from pathlib import Path

from text2graph_dagster.corpus.folder import fingerprint
from text2graph_dagster.identity import sha256_file
from text2graph_dagster.settings import NANO

NANO_BASE = Path(__file__).parent / "nano_base"  # `student.base_model: nano`; made by examples/nano_base


def identify_base_model(base: str) -> str:
    """Return the identity of a base model: the digest of a directory's content, or the name of a hub model."""
    if base == NANO:
        return sha256_file(NANO_BASE / "model.safetensors")
    return fingerprint(Path(base)) if Path(base).is_dir() else base
