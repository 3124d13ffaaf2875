"""What became of a teacher's own labels, as it is shown in the UI."""

from collections.abc import Iterable
from typing import Any

import dagster as dg

from text2graph_dagster.teachers.chat.label_mapping import LabelTally
from text2graph_dagster.teachers.protocol import Teacher

EXAMPLES = 20  # of each kind, the most frequent ones


def label_metadata(teachers: Iterable[Teacher]) -> dict[str, Any]:
    """Return the labels that were read as others and those that were refused; nothing where every label was known."""
    rows, mapped, refused = [], 0, 0
    for teacher in teachers:
        tally = getattr(teacher, "labels", None)
        if not isinstance(tally, LabelTally):
            continue
        mapped, refused = mapped + tally.mapped.total(), refused + tally.refused.total()
        found = [((kind, label, ""), n) for (kind, label), n in tally.refused.most_common(EXAMPLES)]
        for (kind, label, name), n in [*found, *tally.mapped.most_common(EXAMPLES)]:
            read_as = name or "refused"
            record: dict[str, str | int] = {
                "teacher": teacher.name,
                "of": kind,
                "label": label,
                "read as": read_as,
                "count": n,
            }
            rows.append(dg.TableRecord({**record}))
    if not rows:
        return {}
    return {"labels": dg.MetadataValue.table(rows), "labels_read_as_others": mapped, "labels_refused": refused}
