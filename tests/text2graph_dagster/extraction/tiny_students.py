"""What stands in for a student: it knows a few names, and writes down which of them a passage holds."""

import json
import re
from collections.abc import Iterable, Iterator

from text2graph_dagster.extraction.document_run import PassageReply, PassageRequest
from text2graph_dagster.ontology import EntityType, Ontology, RelationType

ONTOLOGY = Ontology(
    "tiny",
    "en",
    (EntityType("person"), EntityType("company"), EntityType("city")),
    (
        RelationType("works for", signatures=(("person", "company"),)),
        RelationType("lives in", signatures=(("person", "city"),)),
    ),
)
KNOWN = {"Ana Kovač": "person", "Bo": "person", "Velsoft": "company", "Dene": "city"}


def answer(prompt: str) -> str:
    """Return the graph of the known names in a prompt: every person works for every company and lives in every city.

    A passage that holds the word "silence" is answered with no JSON.
    """
    if "silence" in prompt:
        return "I would rather not say."
    found = [name for name in KNOWN if re.search(rf"\b{name}\b", prompt)]
    entities = [{"id": i, "text": name, "type": KNOWN[name]} for i, name in enumerate(found)]
    people = [e["id"] for e in entities if e["type"] == "person"]
    relation = {"company": "works for", "city": "lives in"}
    relations = [
        {"head": person, "type": relation[str(e["type"])], "tail": e["id"]}
        for person in people
        for e in entities
        if e["type"] in relation
    ]
    return json.dumps({"entities": entities, "relations": relations}, ensure_ascii=False)


class Script:
    """Answers some questions at a time, the last one first; `most` is how many it held at once."""

    def __init__(self, at_once: int = 3) -> None:
        self.at_once = at_once

    def answer(self, questions: Iterable[PassageRequest]) -> Iterator[tuple[PassageRequest, PassageReply]]:
        """Yield every question with its reply."""
        held: list[PassageRequest] = []
        for question in questions:
            held.append(question)
            if len(held) == self.at_once:
                yield from ((q, PassageReply(answer(q.prompt), "", 5)) for q in reversed(held))
                held = []
        yield from ((q, PassageReply(answer(q.prompt), "", 5)) for q in reversed(held))
