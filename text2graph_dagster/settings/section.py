"""The base class of all sections."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A group of settings: immutable, and unknown keys are rejected, so that a typo cannot pass unnoticed."""

    model_config = ConfigDict(extra="forbid", frozen=True)
