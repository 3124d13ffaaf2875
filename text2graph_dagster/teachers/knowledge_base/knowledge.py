"""Load a knowledge base: entities with the ontology's types, and the facts between them."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from text2graph_dagster.errors import UserError
from text2graph_dagster.identity import normalise, sha256_file
from text2graph_dagster.ontology import Ontology

MAX_BROKEN_SHARE = 0.05
_clean = lru_cache(maxsize=1 << 16)(normalise)  # the same names occur on many lines
_INVERSE = "^"  # as in a SPARQL path: `kb_relations: ["^capital of"]` inverts the knowledge base's facts


@dataclass(frozen=True, slots=True)
class BrokenLine:
    """A rejected line of the knowledge base: a row for quarantine."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Fact:
    """A relation type of the ontology that holds between two entities, and the line that states it."""

    relation: str
    line: int


@dataclass(slots=True)
class KnownEntity:
    """An entity of the knowledge base.

    `types` are the entity's types in the ontology, the most frequent first. An entity without types only blocks matches
    of shorter names inside its names. `prior` is the number of lines about the entity.
    """

    name: str
    aliases: tuple[str, ...]
    types: tuple[str, ...]
    prior: int


@dataclass(slots=True)
class Knowledge:
    """Entities in order of first appearance, facts by head and tail index, rejected lines, file digest."""

    entities: list[KnownEntity]
    facts: dict[int, dict[int, tuple[Fact, ...]]]
    broken: list[BrokenLine]
    lines: int
    sha256: str


@dataclass(slots=True)
class _Draft:
    """Data about an entity, collected while the lines are read."""

    name: str
    aliases: dict[str, None] = field(default_factory=dict)
    kb_types: Counter[str] = field(default_factory=Counter)
    prior: int = 0


def load_knowledge(path: Path, ontology: Ontology) -> Knowledge:
    """Load a knowledge base (JSON Lines: head, relation, tail, aliases, types, optional ids).

    Without ids an entity is identified by name and type. Lines that cannot be parsed are listed in `broken`.

    Raises:
        UserError: the file is missing, or more than 5 % of its lines are broken.
    """
    sha, broken = hashlib.sha256(), list[BrokenLine]()
    drafts: dict[tuple[str, str], _Draft] = {}
    triples: list[tuple[int, str, int, int]] = []
    order: dict[tuple[str, str], int] = {}
    for number, row in _rows(path, broken, sha.update):
        head, tail = _add_entity(row, "head", drafts, order), _add_entity(row, "tail", drafts, order)
        triples.append((head, row["relation"], tail, number))
    entities = _map_types(drafts.values(), ontology)
    facts = _map_facts(triples, entities, ontology)
    return Knowledge(entities, facts, broken, len(triples) + len(broken), sha.hexdigest())


def find_broken_lines(path: Path) -> list[BrokenLine]:
    """Return the lines of a knowledge base that cannot be parsed, without loading it into memory.

    Raises:
        UserError: as `load_knowledge`.
    """
    broken: list[BrokenLine] = []
    for _ in _rows(path, broken):
        pass
    return broken


def digest_file(path: Path) -> str:
    """Return the same digest as `Knowledge.sha256`.

    Raises:
        UserError: the file is missing.
    """
    _require_file(path)
    return sha256_file(path)


def _require_file(path: Path) -> None:
    if not path.is_file():
        raise UserError(f"The knowledge base {path} is missing: add the file or choose another teacher.")


def _rows(
    path: Path, broken: list[BrokenLine], on_line: Callable[[bytes], None] = lambda _: None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number, row) for each valid line, and add the other lines to `broken`.

    `on_line` receives the bytes of every line.
    """
    _require_file(path)
    good = 0
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            on_line(line)
            if not line.strip():
                continue
            try:
                row = _row(line)
            except ValueError as error:
                broken.append(BrokenLine(number, str(error)))
                continue
            good += 1
            yield number, row
    count = good + len(broken)
    if len(broken) > MAX_BROKEN_SHARE * count:
        raise UserError(
            f"{path}, line {broken[0].line}: {broken[0].reason} ({len(broken)} of {count} lines are broken, "
            "more than 5 %). Correct the file: every line must be one JSON object with head, relation and tail."
        )


def _row(line: bytes) -> dict[str, Any]:
    """Return a line as a validated row.

    Raises:
        ValueError: the line is invalid; the message is its `reason` in quarantine.
    """
    try:
        row = json.loads(line)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        raise ValueError("not JSON") from None
    if not isinstance(row, dict):
        raise ValueError("not a JSON object")
    for key in ("head", "relation", "tail"):
        if not isinstance(row.get(key), str) or not row[key].strip():
            raise ValueError(f"{key!r} is missing, empty or not text")
    for key in ("head_type", "tail_type", "head_id", "tail_id"):
        if not isinstance(row.get(key), str | None):
            raise ValueError(f"{key!r} is not text")
    for key in ("head_aliases", "tail_aliases"):
        aliases = row.get(key) or []
        if not isinstance(aliases, list) or not all(isinstance(alias, str) for alias in aliases):
            raise ValueError(f"{key!r} is not a list of texts")
    return row


def _add_entity(
    row: Mapping[str, Any], end: str, drafts: dict[tuple[str, str], _Draft], order: dict[tuple[str, str], int]
) -> int:
    """Add a line's information about its head or tail; return the entity's index."""
    name, kb_type, identifier = _clean(row[end]), row.get(f"{end}_type") or "", row.get(f"{end}_id")
    key = ("id", identifier) if identifier else (f"type:{kb_type}", name)
    if key not in drafts:
        drafts[key], order[key] = _Draft(name), len(drafts)
    draft = drafts[key]
    draft.prior += 1
    draft.aliases[name] = None
    draft.aliases.update((_clean(alias), None) for alias in row.get(f"{end}_aliases") or ())
    if kb_type:
        draft.kb_types[kb_type] += 1
    return order[key]


def _map_types(drafts: Iterable[_Draft], ontology: Ontology) -> list[KnownEntity]:
    """Return the entities with the ontology's types, mapped by `kb_types`, in which "*" matches anything."""

    @cache
    def map_type(kb_type: str) -> tuple[str, ...]:
        """Return all types of the ontology for a knowledge base's type; exact names take precedence over patterns."""
        exact = tuple(t.name for t in ontology.entity_types if kb_type == t.name or kb_type in t.kb_types)
        return exact or tuple(
            t.name for t in ontology.entity_types if any("*" in p and fnmatchcase(kb_type, p) for p in t.kb_types)
        )

    entities = []
    for draft in drafts:
        votes: Counter[str] = Counter()
        for kb_type, count in draft.kb_types.items():
            for name in map_type(kb_type):
                votes[name] += count
        types = sorted(votes, key=lambda name: (-votes[name], ontology.entity_names.index(name)))
        entities.append(KnownEntity(draft.name, tuple(draft.aliases), tuple(types), draft.prior))
    return entities


def _map_facts(
    triples: Iterable[tuple[int, str, int, int]], entities: list[KnownEntity], ontology: Ontology
) -> dict[int, dict[int, tuple[Fact, ...]]]:
    """Return the facts of the ontology's relations, with inverses; a symmetric fact keeps its line's direction."""
    mapped_relations = _map_relations(ontology)
    facts: dict[int, dict[int, tuple[Fact, ...]]] = {}
    for head, kb_relation, tail, line in triples:
        if head == tail or not entities[head].types or not entities[tail].types:
            continue
        for relation, inverted in mapped_relations.get(kb_relation, ()):
            start, end = (tail, head) if inverted else (head, tail)
            present = facts.setdefault(start, {}).get(end, ())
            if relation not in {fact.relation for fact in present}:
                facts[start][end] = (*present, Fact(relation, line))
    return facts


def _map_relations(ontology: Ontology) -> dict[str, list[tuple[str, bool]]]:
    """Return, for each relation name of the knowledge base, the ontology's relations and whether they are inverted."""
    named: dict[str, list[tuple[str, bool]]] = defaultdict(list)
    for relation in ontology.relation_types:
        for kb_name in dict.fromkeys((relation.name, *relation.kb_relations)):
            inverted = kb_name.startswith(_INVERSE) and kb_name != relation.name
            named[kb_name.removeprefix(_INVERSE) if inverted else kb_name].append((relation.name, inverted))
    opposites: dict[str, dict[str, None]] = defaultdict(dict)
    for relation in ontology.relation_types:
        if relation.inverse:
            opposites[relation.name][relation.inverse] = None
            opposites[relation.inverse][relation.name] = None
    return {
        kb_name: list(
            dict.fromkeys([*direct, *((other, not back) for name, back in direct for other in opposites.get(name, ()))])
        )
        for kb_name, direct in named.items()
    }
