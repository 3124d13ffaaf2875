"""The model card of a checkpoint (README.md): training data, scores and training run, read from the checkpoint's files.

`run.json` and `extraction.json` are written by training. The evaluation adds `report.json` and rewrites the card.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from text2graph_dagster.evaluation.figures import HEADLINE, METRIC_LABELS
from text2graph_dagster.evaluation.headline import format_figure
from text2graph_dagster.files import write_text_atomically
from text2graph_dagster.inference.checkpoint import load_ontologies, read_recipe
from text2graph_dagster.inference.known_models import KNOWN_MODELS
from text2graph_dagster.settings import EMBEDDED, SCRATCH

CARD, RUN, REPORT = "README.md", "run.json", "report.json"
_STAGES = {"sft": "Supervised fine-tuning", "grpo": "RL (GRPO) of a fine-tuned student"}


def write_card(checkpoint: Path, run: Mapping[str, Any] | None = None, license_: str = "other") -> None:
    """Write a checkpoint's card; `run` is the content of run.json (None: read the file)."""
    run = run if run is not None else _read(checkpoint / RUN)
    _write(checkpoint / CARD, _card(checkpoint, run, _read(checkpoint / REPORT), license_))


def write_report(checkpoint: Path, facts: Mapping[str, str], rows: Sequence[Mapping[str, Any]], license_: str) -> None:
    """Write a checkpoint's scores to report.json and to its card.

    Args:
        facts: the digests that identify the data, by name.
        rows: the rows of eval_report for this system.
    """
    figures = [{k: r[k] for k in ("corpus", "metric", "value", "low", "high", "n")} for r in rows]
    value = {"digests": dict(facts), "figures": [f for f in figures if f["metric"] in HEADLINE]}
    _write(checkpoint / REPORT, json.dumps(value, indent=1) + "\n")
    write_card(checkpoint, None, license_)


def _card(checkpoint: Path, run: Mapping[str, Any], report: Mapping[str, Any], license_: str) -> str:
    ontologies, base = load_ontologies(checkpoint), run["settings"]["student"]["base_model"]
    base = "" if base == SCRATCH else Path(base).name if Path(base).is_absolute() else base
    base = KNOWN_MODELS[base].public_name if base in KNOWN_MODELS else base
    public = "" if base in EMBEDDED else base  # a public name
    # The output is Markdown, so nothing is escaped. Type names were checked when the ontologies were read.
    environment = Environment(
        loader=PackageLoader("text2graph_dagster.evaluation", "templates"),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("card.md.jinja").render(
        front_matter=_front_matter([o.language for o in ontologies.values()], public, license_),
        title=f"A student of {', '.join(ontologies)}",
        run={"dev": None, **run},
        recipe=read_recipe(checkpoint),
        ontologies=ontologies,
        base=base,
        license=license_,
        digests=_digests(run, report),
        figures=_figures(report.get("figures", [])),
        dev=_dev(run.get("dev") or {}),
        stage=_STAGES[run["program"]],
    )


def _front_matter(languages: Sequence[str], base: str, license_: str) -> str:
    values = {
        "language": sorted(set(languages)),
        "license": license_,
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["information-extraction", "relation-extraction", "knowledge-graph", "text2graph"],
        **({"base_model": base} if base else {}),
    }
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def _digests(run: Mapping[str, Any], report: Mapping[str, Any]) -> dict[str, str]:
    """Return the digests that identify the data: the report's, and those of the files that training read."""
    files = {f"{name} (SHA-256 of the file)": value for name, value in run["inputs"].items()}
    return {**report.get("digests", {}), **files}


def _figures(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    ordered = sorted(rows, key=lambda r: (r["corpus"] != "all", r["corpus"], HEADLINE.index(r["metric"])))
    return [
        {"corpus": r["corpus"], "name": METRIC_LABELS[r["metric"]][0], "value": format_figure(r), "n": r["n"]}
        for r in ordered
        if r["value"] is not None
    ]


def _dev(dev: Mapping[str, Any]) -> dict[str, str]:
    """Return the dev scores, with intervals if there are any."""
    names = ("relation_f1", "entity_f1")
    return {
        name: format_figure({"value": dev[name], "low": dev[f"{name}_low"], "high": dev[f"{name}_high"]})
        if f"{name}_low" in dev
        else f"{dev[name]:.3f}"
        for name in names
        if name in dev
    }


def _write(path: Path, text: str) -> None:
    """Write a file only if its content changes, because a directory's identity includes modification times."""
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    write_text_atomically(text, path)


def _read(path: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return value
