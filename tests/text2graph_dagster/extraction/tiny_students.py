"""Fake students, which extract the few names that they know from a passage."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tests.text2graph_dagster.teachers.chat.chat_server import message
from text2graph_dagster import Extractor
from text2graph_dagster.extraction.document_run import PassageReply, PassageRequest
from text2graph_dagster.inference.checkpoint import CheckpointRecipe, write_recipe
from text2graph_dagster.ontology import EntityType, Ontology, RelationType
from text2graph_dagster.settings import Settings

TYPES = "entity_types: [person, company, city]\nrelation_types: [works for, lives in]\n"
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


def answer_prompt(prompt: str) -> str:
    """Return the graph of the known names in a prompt: every person works for every company and lives in every city.

    A passage that contains the word "silence" is answered without JSON.
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


class FakeBackend:
    """Answers `batch_size` requests at a time, in reverse order."""

    def __init__(self, batch_size: int = 3) -> None:
        self.batch_size = batch_size

    def answer(self, requests: Iterable[PassageRequest]) -> Iterator[tuple[PassageRequest, PassageReply]]:
        """Yield every request with its reply."""
        batch: list[PassageRequest] = []
        for request in requests:
            batch.append(request)
            if len(batch) == self.batch_size:
                yield from ((r, PassageReply(answer_prompt(r.prompt), "", 5)) for r in reversed(batch))
                batch = []
        yield from ((r, PassageReply(answer_prompt(r.prompt), "", 5)) for r in reversed(batch))


def make_extractor(backend: Any = None, **options: Any) -> Extractor:
    """Return an extractor that uses a fake backend."""
    made = Extractor("nowhere", ontology=ONTOLOGY, **options)
    made.recipe = CheckpointRecipe.from_settings(Settings())
    made.__dict__["_backend"] = backend or FakeBackend()  # replaces the model that would be loaded
    return made


def make_checkpoint(folder: Path, *corpora: str, settings: Settings | None = None) -> Path:
    """Write a checkpoint directory without a model."""
    (folder / "types.yaml").write_text(TYPES)
    made = folder / "checkpoint"
    made.mkdir()
    write_recipe(made, settings or Settings(), dict.fromkeys(corpora, folder / "types.yaml"))
    return made


def serve_answers(body: dict[str, Any]) -> dict[str, Any]:
    """Answer a chat request, for `chat_server.serving`."""
    return message(answer_prompt(body["messages"][0]["content"]))
