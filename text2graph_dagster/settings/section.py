"""What every section has in common."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A group of settings: immutable, and unknown keys are refused, so that a typo cannot pass unnoticed."""

    model_config = ConfigDict(extra="forbid", frozen=True)
