"""Look up which gates passed on the present data; this is checked before training and before reporting.

A gate without a verdict for the present data and the present threshold counts as not passed.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from assets.gates.cot_traces import COT_TRACES_GATES
from assets.gates.eval_report import EVAL_REPORT_GATES
from assets.gates.filtered_dataset import FILTERED_DATASET_GATES
from assets.gates.gate import ALL, Gate, present_version
from assets.gates.grpo_checkpoint import GRPO_CHECKPOINT_GATES
from assets.gates.raw_corpus import RAW_CORPUS_GATES
from assets.gates.reward_model import REWARD_MODEL_GATES
from assets.gates.sft_checkpoint import SFT_CHECKPOINT_GATES
from assets.gates.teacher_graphs import TEACHER_GRAPHS_GATES
from resources.checkpoints import current_checkpoint
from resources.warehouse import Warehouse
from text2graph_dagster.errors import UserError
from text2graph_dagster.settings import Settings

GATES: Mapping[str, Sequence[Gate]] = {
    "raw_corpus": RAW_CORPUS_GATES,
    "teacher_graphs": TEACHER_GRAPHS_GATES,
    "cot_traces": COT_TRACES_GATES,
    "filtered_dataset": FILTERED_DATASET_GATES,
    "sft_checkpoint": SFT_CHECKPOINT_GATES,
    "reward_model": REWARD_MODEL_GATES,
    "grpo_checkpoint": GRPO_CHECKPOINT_GATES,
    "eval_report": EVAL_REPORT_GATES,
}
PER_CORPUS = ("raw_corpus", "teacher_graphs", "cot_traces")


def failed_gates(warehouse: Warehouse, settings: Settings, asset: str, corpus: str | None = None) -> list[str]:
    """Return a sentence per gate that has not passed on the asset's present data; empty if all gates passed."""
    version = present_version(warehouse, asset, corpus)
    rows = warehouse.read("SELECT * FROM gates WHERE asset = ? AND corpus = ?", [asset, corpus or ALL]).to_dicts()
    verdicts = {row["gate"]: row for row in rows if row["data_version"] == version}
    outdated = {row["gate"] for row in rows} - set(verdicts)
    objections: list[str] = []
    for gate in GATES[asset]:
        verdict = verdicts.get(gate.name)
        name = f"{asset}/{gate.name}" + (f" of {corpus}" if corpus else "")
        if verdict is None:
            state = "evaluated on other data than the present" if gate.name in outdated else "never evaluated"
            objections.append(f"{name} was {state}")
        elif verdict["threshold"] != gate.demand(settings):
            objections.append(f"{name} was evaluated with another threshold ({verdict['threshold']})")
        elif not verdict["passed"]:
            objections.append(f"{name} failed ({verdict['value']:.4g}, required {verdict['threshold']})")
    return objections


def open_corpora(warehouse: Warehouse, settings: Settings) -> tuple[list[str], dict[str, list[str]]]:
    """Return (corpora whose gates all passed on their present data, failed gates of each other corpus)."""
    corpora = warehouse.read("SELECT DISTINCT corpus FROM raw_corpus ORDER BY corpus")["corpus"].to_list()
    failed = {
        corpus: [failure for asset in PER_CORPUS for failure in failed_gates(warehouse, settings, asset, corpus)]
        for corpus in corpora
    }
    return [c for c in corpora if not failed[c]], {c: failures for c, failures in failed.items() if failures}


def refuse_bad_data(warehouse: Warehouse, settings: Settings) -> None:
    """Stop before training if a gate of the present dataset, or of a corpus in it, has not passed.

    Raises:
        UserError: a gate has not passed; the message names each such gate.
    """
    objections = failed_gates(warehouse, settings, "filtered_dataset")
    trained_on = set(warehouse.read("SELECT DISTINCT corpus FROM filtered_dataset")["corpus"])
    _, closed = open_corpora(warehouse, settings)
    objections += [failure for corpus, failures in closed.items() if corpus in trained_on for failure in failures]
    if objections:
        raise UserError(
            f"nothing is trained: {'; '.join(objections)}. Materialise filtered_dataset and its gates again."
        )


def require_sft_checkpoint(warehouse: Warehouse, settings: Settings, refusal: str) -> dict[str, Any] | None:
    """Return the current SFT checkpoint for a stage that starts from it; `refusal` begins the error message.

    Raises:
        UserError: a gate of the checkpoint, or of its training data, has not passed.
    """
    refuse_bad_data(warehouse, settings)
    if objections := failed_gates(warehouse, settings, "sft_checkpoint"):
        raise UserError(f"{refusal}: {'; '.join(objections)}.")
    return current_checkpoint(warehouse, "sft")


def require_reward_model(warehouse: Warehouse, settings: Settings) -> dict[str, Any] | None:
    """Return the current reward model's checkpoint for GRPO; None if the settings do not enable one.

    Raises:
        UserError: the reward model was not trained from the current SFT checkpoint, or its gate has not passed.
    """
    if not settings.reward_model.enabled:
        return None
    objections = failed_gates(warehouse, settings, "reward_model")
    found, sft = (current_checkpoint(warehouse, stage) for stage in ("reward_model", "sft"))
    if found and sft and found["parent"] != sft["checkpoint_id"]:
        objections.append("it was trained from another SFT checkpoint")
    if objections:
        raise UserError(
            f"the reward model cannot be used: {'; '.join(objections)}. Materialise reward_model and its gate again, "
            "or set reward_model.enabled to false."
        )
    return found
