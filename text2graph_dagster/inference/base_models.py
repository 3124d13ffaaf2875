"""TODO."""

from pathlib import Path

NANO_BASE = Path(__file__).parent / "nano_base"  # what student.base_model: nano is; examples/nano_base makes it
