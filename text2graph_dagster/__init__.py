"""Train a small model that extracts knowledge graphs, from a folder of documents and an ontology."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from text2graph_dagster.extraction.extractor import Extractor

__all__ = ["Extractor"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import `Extractor` on first access: the code location never needs it."""
    if name != "Extractor":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from text2graph_dagster.extraction.extractor import Extractor

    return Extractor
