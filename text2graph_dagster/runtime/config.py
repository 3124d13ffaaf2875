"""The JSON configuration that a program reads from `--config`."""

import json
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from text2graph_dagster.errors import UserError

C = TypeVar("C", bound=BaseModel)


class ProgramConfig(BaseModel):
    """Base of all program configurations: immutable, and unknown keys are an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def read_config(kind: type[C], path: Path) -> C:
    """Read and validate a program's configuration.

    Raises:
        UserError: the file cannot be read, is not JSON, or a value is invalid.
    """
    try:
        return kind.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except OSError:
        raise UserError(f"the configuration {path} cannot be read: pass an existing JSON file with --config.") from None
    except json.JSONDecodeError as error:
        raise UserError(f"the configuration {path} is not JSON ({error}).") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UserError(f"the configuration {path} is invalid: {where}: {first['msg']}.") from None
