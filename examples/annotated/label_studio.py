"""Read the JSON export of Label Studio (not JSON-MIN, which has no relations) as annotated documents.

A task is `{"id", "data": {"text"}, "annotations": [{"result": […]}]}`. An item of `result` is a span,
`{"id", "type": "labels", "value": {"start", "end", "text", "labels"}}`, or a relation between two spans,
`{"type": "relation", "from_id", "to_id", "direction": "right" | "left" | "bi", "labels"}`; see "Label Studio JSON
format of annotated tasks" in its documentation. Offsets are code points. Old versions counted UTF-16 units instead, so
a span's text decides which of the two is meant.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from text2graph_dagster.contracts.columns import SPLITS
from text2graph_dagster.errors import UserError
from text2graph_dagster.identity import digest

_SPANS = ("labels", "hypertextlabels")  # types of result items that are spans of a text
UNLABELLED = "related to"  # the relation type of a project without labels for relations


def read_export(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the documents of an export in the format of `gold.jsonl`, by split.

    A task whose data has `"split": "train"`, "dev" or "test" is in this split. Of the other tasks, about a tenth is in
    dev and a tenth in test, chosen by a hash of the text. Tasks without an annotation are left out.

    Raises:
        UserError: the file is not such an export, or an annotation in it is not usable.
    """
    try:
        tasks = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read as JSON ({error}): export the project again, as JSON.") from error
    if not isinstance(tasks, list) or not all(isinstance(t, dict) and "annotations" in t for t in tasks):
        raise UserError(f"{path} is not a Label Studio export: choose the format JSON (JSON-MIN has no relations).")
    splits: dict[str, list[dict[str, Any]]] = {split: [] for split in SPLITS}
    for document in filter(None, map(convert_task, tasks)):
        splits[document["split"]].append(document)
    return splits


def convert_task(task: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the document of a task; None if it has no annotation, or its annotation was cancelled.

    Raises:
        UserError: the task has no text, or a span or a relation is not usable.
    """
    done = [a for a in task["annotations"] if not a.get("was_cancelled")]
    if not done:
        return None
    newest = max(
        done, key=lambda a: (bool(a.get("ground_truth")), str(a.get("updated_at") or a.get("created_at") or ""))
    )
    name, data = f"task {task.get('id')}", task.get("data", {})
    text = _find_text(data, name)
    split = data.get("split") or _choose_split(text)
    if split not in SPLITS:
        raise UserError(f"{name}: its split is {split!r}; write train, dev or test.")
    result = newest["result"]
    entities = [_convert_span(item, text, name) for item in result if item.get("type") in _SPANS]
    known = {entity["id"] for entity in entities}
    relations = [r for item in result if item.get("type") == "relation" for r in _convert_relation(item, known, name)]
    return {"id": str(task.get("id")), "split": split, "text": text, "entities": entities, "relations": relations}


def _find_text(data: Mapping[str, Any], name: str) -> str:
    """Return the text of a task: the field `text`, or the only string among its data."""
    strings = [value for key, value in data.items() if isinstance(value, str) and key != "split"]
    text = data.get("text", strings[0] if len(strings) == 1 else None)
    if not isinstance(text, str):
        raise UserError(f'{name}: which field of its data is the text? Name it "text"; the fields are {sorted(data)}.')
    return text


def _choose_split(text: str) -> str:
    tenth = int(digest(text)[:8], 16) % 10
    return "dev" if tenth == 0 else "test" if tenth == 1 else "train"


def _convert_span(item: Mapping[str, Any], text: str, name: str) -> dict[str, Any]:
    value = item["value"]
    labels = value.get(item["type"], [])
    if len(labels) > 1:
        raise UserError(f"{name}: the span {value.get('text')!r} has the labels {labels}; an entity has one type.")
    start, end = _find_span(value, text, name)
    return {
        "id": item["id"],
        "text": text[start:end],
        "type": labels[0] if labels else None,
        "start": start,
        "end": end,
    }


def _find_span(value: Mapping[str, Any], text: str, name: str) -> tuple[int, int]:
    """Return the offsets of a span in code points; its text, if there is one, decides what the numbers count."""
    offsets = value.get("globalOffsets", value)  # of HTML, start and end are paths
    start, end, surface = offsets.get("start"), offsets.get("end"), value.get("text")
    if not (isinstance(start, int) and isinstance(end, int)):
        raise UserError(f"{name}: the span {surface!r} has no offsets; only plain text can be converted.")
    units = text.encode("utf-16-le")
    for first, last in ((start, end), (_count_points(units, start), _count_points(units, end))):
        if 0 <= first < last <= len(text) and surface in (None, text[first:last]):
            return first, last
    surface = str(surface or "")
    places = _find_all(text, surface) if surface else []
    if not places:
        raise UserError(f"{name}: the span {surface!r} at {start} to {end} is not in the text; correct or remove it.")
    nearest = min(places, key=lambda place: abs(place - start))
    return nearest, nearest + len(surface)


def _count_points(units: bytes, end: int) -> int:
    """Return how many code points the first `end` UTF-16 units have; -1 if there are fewer units."""
    return len(units[: 2 * end].decode("utf-16-le", errors="ignore")) if 0 <= 2 * end <= len(units) else -1


def _find_all(text: str, part: str) -> list[int]:
    return [i for i in range(len(text) - len(part) + 1) if text.startswith(part, i)]


def _convert_relation(item: Mapping[str, Any], known: set[str], name: str) -> Iterator[dict[str, Any]]:
    """Yield a relation per label and direction."""
    pair: Sequence[str] = (item["from_id"], item["to_id"])
    if not known.issuperset(pair):
        raise UserError(f"{name}: a relation begins or ends at something that is not a labelled span; remove it.")
    direction = item.get("direction", "right")
    pairs = {"right": [pair], "left": [pair[::-1]], "bi": [pair, pair[::-1]]}.get(direction)
    if pairs is None:
        raise UserError(f"{name}: a relation has the direction {direction!r}; it must be right, left or bi.")
    for label in item.get("labels") or [UNLABELLED]:
        yield from ({"head_id": head, "tail_id": tail, "type": label} for head, tail in pairs)
