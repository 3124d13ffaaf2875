"""All settings and thresholds with their defaults for the profile `local`, one module per section.

`docs/settings.md` lists all of them; `python -m text2graph_dagster.settings.reference` writes it.
"""

from text2graph_dagster.settings.automation import AutomationSettings
from text2graph_dagster.settings.corpus import CorpusSettings, QualitySettings
from text2graph_dagster.settings.dataset import DatasetSettings, DenoiseSettings, TaskShares
from text2graph_dagster.settings.decoding import UNCONSTRAINED, DecodingSettings, Precision
from text2graph_dagster.settings.evaluation import (
    LINEAGE_SYSTEMS,
    CardSettings,
    EvaluationSettings,
    MessageSettings,
    SystemSettings,
)
from text2graph_dagster.settings.gates import GateSettings
from text2graph_dagster.settings.grpo import AlarmName, AlarmSettings, CreditSettings, GrpoSettings, RewardWeights
from text2graph_dagster.settings.reasoner import ReasonerSettings
from text2graph_dagster.settings.reward_model import RewardModelSettings
from text2graph_dagster.settings.settings import Settings, merge
from text2graph_dagster.settings.sft import SftSettings
from text2graph_dagster.settings.student import EMBEDDED, NANO, SCRATCH, LoraSettings, StudentSettings
from text2graph_dagster.settings.teacher import ServerSettings, TeacherSettings, VoteSettings

__all__ = [
    "EMBEDDED",
    "LINEAGE_SYSTEMS",
    "NANO",
    "SCRATCH",
    "UNCONSTRAINED",
    "AlarmName",
    "AlarmSettings",
    "AutomationSettings",
    "CardSettings",
    "CorpusSettings",
    "CreditSettings",
    "DatasetSettings",
    "DecodingSettings",
    "DenoiseSettings",
    "EvaluationSettings",
    "GateSettings",
    "GrpoSettings",
    "LoraSettings",
    "MessageSettings",
    "Precision",
    "QualitySettings",
    "ReasonerSettings",
    "RewardModelSettings",
    "RewardWeights",
    "ServerSettings",
    "Settings",
    "SftSettings",
    "StudentSettings",
    "SystemSettings",
    "TaskShares",
    "TeacherSettings",
    "VoteSettings",
    "merge",
]
