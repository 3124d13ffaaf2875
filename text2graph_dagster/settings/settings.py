"""All sections together, and how they are loaded.

A YAML file named by `TEXT2GRAPH_CONFIG` overrides the defaults; a run's configuration (`resources.settings`)
overrides both.
"""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, StringConstraints, ValidationError, ValidationInfo, field_validator

from text2graph_dagster.errors import UserError
from text2graph_dagster.settings.automation import AutomationSettings
from text2graph_dagster.settings.corpus import CorpusSettings
from text2graph_dagster.settings.dataset import DatasetSettings
from text2graph_dagster.settings.decoding import DecodingSettings
from text2graph_dagster.settings.evaluation import LINEAGE_SYSTEMS, CardSettings, EvaluationSettings, SystemSettings
from text2graph_dagster.settings.gates import GateSettings
from text2graph_dagster.settings.grpo import GrpoSettings
from text2graph_dagster.settings.reasoner import ReasonerSettings
from text2graph_dagster.settings.renamed import find_replacement
from text2graph_dagster.settings.reward_model import RewardModelSettings
from text2graph_dagster.settings.section import Section
from text2graph_dagster.settings.sft import SftSettings
from text2graph_dagster.settings.student import StudentSettings
from text2graph_dagster.settings.teacher import TeacherSettings

SystemName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]{0,39}$")]


class Settings(Section):
    """Everything that can be configured."""

    seed: int = Field(7, description="seed of every random choice")
    corpus: CorpusSettings = CorpusSettings()
    teacher: TeacherSettings = TeacherSettings()
    reasoner: ReasonerSettings = ReasonerSettings()
    dataset: DatasetSettings = DatasetSettings()
    student: StudentSettings = StudentSettings()
    sft: SftSettings = SftSettings()
    reward_model: RewardModelSettings = RewardModelSettings()
    grpo: GrpoSettings = GrpoSettings()
    decoding: DecodingSettings = DecodingSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    systems: dict[SystemName, SystemSettings] = Field({}, description="further systems in the report, by name")
    card: CardSettings = CardSettings()
    gates: GateSettings = GateSettings()
    automation: AutomationSettings = AutomationSettings()

    @field_validator("grpo")
    @classmethod
    def _check_vllm(cls, grpo: GrpoSettings, others: ValidationInfo) -> GrpoSettings:
        student = others.data.get("student")
        if grpo.use_vllm and student and student.lora and student.lora.quantised:
            raise ValueError("use_vllm and lora.quantised cannot be combined: leave one of them out")
        return grpo

    @field_validator("systems")
    @classmethod
    def _check_names(cls, systems: dict[str, SystemSettings]) -> dict[str, SystemSettings]:
        if taken := sorted(set(systems) & set(LINEAGE_SYSTEMS)):
            raise ValueError(f"{taken[0]!r} is the name of one of the lineage's own systems: choose another name")
        return systems

    @classmethod
    def load(
        cls,
        path: Path | None = None,
        overrides: Mapping[str, Any] | None = None,
        profile: Mapping[str, Any] | None = None,
    ) -> "Settings":
        """Return the defaults, overridden by `profile`, then by the YAML file at `path`, then by `overrides`.

        Raises:
            UserError: the file is missing or unreadable, a key is unknown, or a value is out of range.
        """
        values = merge(merge(profile or {}, _read(path) if path else {}), overrides or {})
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            wrong = _explain_unknown(first["loc"]) if first["type"] == "extra_forbidden" else first["msg"]
            raise UserError(f"configuration {path or 'override'}: {where}: {wrong}.") from None


def _explain_unknown(where: Sequence[int | str]) -> str:
    """Return the message about an unknown key: what replaced an old name, or the most similar existing name."""
    if advice := find_replacement(".".join(str(part) for part in where if isinstance(part, str))):
        return f"there is no such setting: {advice}"
    section: Any = Settings
    for part in where[:-1]:
        section = section.model_fields[str(part)].annotation if hasattr(section, "model_fields") else None
    near = get_close_matches(str(where[-1]), getattr(section, "model_fields", ()), n=1)
    return f"there is no such setting{f'; perhaps {near[0]}' if near else ''}"


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` overridden by `over`; nested mappings are merged."""
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise UserError(f"the configuration file {path} does not exist: correct TEXT2GRAPH_CONFIG or unset it.")
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): correct TEXT2GRAPH_CONFIG or the file.") from None
    except RecursionError:
        raise UserError(f"{path} is nested too deeply: correct the file.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not readable YAML ({str(error).splitlines()[0]}): correct the file.") from None
    if not isinstance(value, dict):
        raise UserError(f"{path} must contain a mapping of sections.")
    return value
