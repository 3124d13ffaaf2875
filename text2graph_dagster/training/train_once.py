"""Run a training program once: resume it after an interruption, and do nothing if its result exists."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from text2graph_dagster.runtime.output_directory import OutputDirectory
from text2graph_dagster.runtime.program import read_package_versions
from text2graph_dagster.runtime.reporting import Reporter
from text2graph_dagster.training.config import TrainingConfig

Train = Callable[[TrainingConfig, OutputDirectory, Reporter], dict[str, Any]]
WriteFiles = Callable[[Path, TrainingConfig, Mapping[str, Any]], None]


def train_once(
    program: str,
    config: TrainingConfig,
    reporter: Reporter,
    train: Train,
    sections: Collection[str],
    write_files: WriteFiles = lambda directory, config, run: None,
) -> None:
    """Call `train` unless a run with the same identity has finished, then send the result to Dagster.

    Args:
        train: writes the model to `output.finished` and returns its entries of run.json.
        sections: sections of the settings to record in run.json; the seed is always recorded.
        write_files: writes further files into the model directory.
    """
    inputs = config.hash_inputs()
    output = OutputDirectory(config.output, config.compute_identity(program, inputs))
    result = output.read_finished_run()
    if result is None:
        output.open()
        result = {
            "program": program,
            "inputs": inputs,
            "versions": read_package_versions(),
            **train(config, output, reporter),
        }
        result["settings"] = config.settings.model_dump(mode="json", include={*sections, "seed"})
        write_files(output.finished, config, result)
        output.finish(result)
    else:
        reporter.log(f"{config.output} is already finished: nothing to do")
    reporter.send({"type": "result", "path": str(config.output), **result})
