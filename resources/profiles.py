"""The resources of each profile (`TEXT2GRAPH_PROFILE`); assets do not know which profile they run under."""

import os
import sys
from collections.abc import Mapping
from typing import Any

from resources.home import Home
from resources.launcher import Launcher
from resources.settings import SettingsResource
from resources.teachers import ReasonerResource, TeacherResource
from resources.warehouse import Warehouse
from text2graph_dagster.errors import UserError
from text2graph_dagster.runtime.home_folder import find_home_folder

# The settings that a profile changes. The defaults in text2graph_dagster/settings are those of the local profile.
_CHAT_STUDENT: Mapping[str, Any] = {
    "dataset": {
        **{"template": "extract", "full_ontology_share": 0.5, "shuffle_types": True, "hard_negatives": 2},
        **{"absent_share": 0.1, "tasks": {"both": 0.8, "entities": 0.1, "relations": 0.1}},
        "held_out_for_grpo": 0.1,
    },
    "corpus": {"passage_tokens": 256},
    "student": {"base_model": "Qwen/Qwen2.5-0.5B-Instruct", "wire": "public"},
    "sft": {"max_length": 2048},
    "grpo": {"max_steps": 500, "prompts_per_step": 64, "max_completion_length": 512, "micro_batch": 16},
    "evaluation": {"max_new_tokens": 512},
}
# For one GPU: the teacher's server is ended before the student is trained.
_OWN_TEACHER: Mapping[str, Any] = {
    "kind": "chat",
    "model": "Qwen/Qwen2.5-7B-Instruct",
    "max_tokens": 2048,
    "concurrency": 64,
    "server": {"max_model_len": 8192},
}
DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "local": {},
    "gpu": {"teacher": _OWN_TEACHER, **_CHAT_STUDENT},
    "cluster": {"teacher": {"kind": "chat", "max_tokens": 2048}, **_CHAT_STUDENT},
}
PREFIXES: Mapping[str, list[str]] = {
    "local": [sys.executable],
    "gpu": [sys.executable, "-m", "accelerate.commands.launch", "--num_processes", "1"],
    "cluster": [sys.executable, "-m", "accelerate.commands.launch", "--num_processes", "1"],
}


def read_profile_name() -> str:
    """Return the name of the active profile: TEXT2GRAPH_PROFILE, by default local.

    Raises:
        UserError: there is no such profile.
    """
    name = os.environ.get("TEXT2GRAPH_PROFILE") or "local"
    if name not in DEFAULTS:
        raise UserError(f"TEXT2GRAPH_PROFILE is {name!r}; choose one of {', '.join(DEFAULTS)}.")
    return name


def build_warehouse() -> Warehouse:
    """Return the warehouse of the home folder."""
    return Warehouse(path=str(find_home_folder() / "warehouse.duckdb"))


def build_settings() -> SettingsResource:
    """Return the settings: the active profile, overridden by the file TEXT2GRAPH_CONFIG."""
    return SettingsResource(
        path=os.environ.get("TEXT2GRAPH_CONFIG") or "", profile_defaults=dict(DEFAULTS[read_profile_name()])
    )


def build_resources() -> dict[str, Any]:
    """Return all resources, keyed by the parameter names of the assets."""
    return {
        "home": Home(root=str(find_home_folder())),
        "warehouse": build_warehouse(),
        "settings": build_settings(),
        "teacher": TeacherResource(logs=str(find_home_folder() / "servers")),
        "reasoner": ReasonerResource(logs=str(find_home_folder() / "servers")),
        "launcher": Launcher(prefix=PREFIXES[read_profile_name()]),
    }
