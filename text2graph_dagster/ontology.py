"""The entity and relation types of a corpus, read from its `ontology.yaml`."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from text2graph_dagster.errors import UserError
from text2graph_dagster.identity import digest_json

_TOP_LEVEL = {"name", "language", "entity_types", "relation_types"}
_ENTITY_KEYS = {"description", "kb_types", "parent"}
_RELATION_KEYS = {"description", "signatures", "symmetric", "transitive", "inverse", "kb_relations", "aliases"}
# Characters that would break type names in the JSON and the comma-separated lists of prompts.
_BAD_IN_NAME = re.compile(r'[\x00-\x1f\x7f,"\\<>{}|]')
MAX_NAME_CHARACTERS = 80


@dataclass(frozen=True)
class EntityType:
    """An entity type; `kb_types` are its names in the knowledge base.

    `parent` is the name of the wider type. On loading, a signature with a parent is expanded to all descendants of the
    parent, so no other code needs to know about parents.
    """

    name: str
    description: str = ""
    kb_types: tuple[str, ...] = ()
    parent: str | None = None


@dataclass(frozen=True)
class RelationType:
    """A relation type; `signatures` are the allowed pairs (head type, tail type). If it is empty, all are allowed.

    `kb_relations` are its names in the knowledge base, `aliases` are phrases that express it in texts. A symmetric
    relation holds in both directions and is stored once; `inverse` is the name of the relation from tail to head. An
    instance of a transitive relation is left out if it follows from two others in the same passage.
    """

    name: str
    description: str = ""
    signatures: tuple[tuple[str, str], ...] = ()
    symmetric: bool = False
    inverse: str | None = None
    kb_relations: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    transitive: bool = False


@dataclass(frozen=True)
class Ontology:
    """Entity and relation types, in the order of the file."""

    name: str
    language: str
    entity_types: tuple[EntityType, ...]
    relation_types: tuple[RelationType, ...]

    @cached_property
    def entity_names(self) -> tuple[str, ...]:
        """Names of the entity types."""
        return tuple(t.name for t in self.entity_types)

    @cached_property
    def relation_names(self) -> tuple[str, ...]:
        """Names of the relation types."""
        return tuple(t.name for t in self.relation_types)

    @cached_property
    def _relations(self) -> dict[str, RelationType]:
        return {t.name: t for t in self.relation_types}

    def relation(self, name: str) -> RelationType:
        """Return the relation type of that name; raise KeyError if there is none."""
        return self._relations[name]

    @cached_property
    def _pairs(self) -> frozenset[tuple[str, str]] | None:
        """Every pair of types in a signature, in both orders for a symmetric relation; None if any pair is allowed."""
        if any(not r.signatures for r in self.relation_types):
            return None
        named = {pair for r in self.relation_types for pair in r.signatures}
        return frozenset(named | {pair[::-1] for r in self.relation_types if r.symmetric for pair in r.signatures})

    def allows(self, head_type: str, relation: str, tail_type: str) -> bool:
        """Tell whether the relation is known and may hold from an entity of `head_type` to one of `tail_type`."""
        known = self._relations.get(relation)
        if known is None:
            return False
        pair = (head_type, tail_type)
        return not known.signatures or pair in known.signatures or (known.symmetric and pair[::-1] in known.signatures)

    def may_relate(self, head_type: str, tail_type: str) -> bool:
        """Tell whether any relation may hold from an entity of `head_type` to one of `tail_type`."""
        return bool(self.relation_types) and (self._pairs is None or (head_type, tail_type) in self._pairs)

    @cached_property
    def digest(self) -> str:
        """Digest of the whole content."""
        return digest_json(asdict(self))


def load_ontology(path: Path) -> Ontology:
    """Read and check an `ontology.yaml`.

    Raises:
        UserError: the file is missing, is not YAML, or is inconsistent.
    """
    if not path.is_file():
        raise UserError(f"{path} is missing: a corpus needs an ontology.yaml that lists its entity and relation types.")
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): fix its permissions.") from None
    except RecursionError:
        raise UserError(f"{path} is nested too deeply: fix the file.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        first_line = str(error).splitlines()[0]
        raise UserError(f"{path} is not readable YAML ({first_line}): fix the file.") from None
    if not isinstance(raw, Mapping):
        raise UserError(f"{path} must contain a mapping with entity_types and relation_types.")
    return _OntologyReader(path).read(raw)


@dataclass(frozen=True)
class _OntologyReader:
    path: Path

    def error(self, message: str) -> UserError:
        return UserError(f"{self.path}: {message}")

    def read(self, raw: Mapping[str, Any]) -> Ontology:
        if unknown := sorted(set(map(str, raw)) - _TOP_LEVEL):
            raise self.error(f"unknown key {unknown[0]!r}; known keys are {', '.join(sorted(_TOP_LEVEL))}.")
        entities = tuple(self.read_entity_type(n, b) for n, b in self.read_types(raw, "entity_types").items())
        below = self.find_descendants(entities)
        relations = tuple(
            self.read_relation_type(n, b, below) for n, b in self.read_types(raw, "relation_types").items()
        )
        if not entities:
            raise self.error("entity_types is empty; list at least one entity type.")
        ontology = Ontology(
            str(raw.get("name") or self.path.parent.name), str(raw.get("language") or "en"), entities, relations
        )
        self.check_references(ontology)
        return ontology

    def read_types(self, raw: Mapping[str, Any], key: str) -> dict[str, Mapping[str, Any]]:
        """Return the properties of every type by name; the file has a mapping or a plain list of names."""
        value = raw.get(key) or {}
        if not isinstance(value, list | Mapping):
            raise self.error(f"{key} must be a mapping of names to properties, or a list of names.")
        types: dict[str, Mapping[str, Any]] = {}
        for name, body in value.items() if isinstance(value, Mapping) else ((name, None) for name in value):
            if not isinstance(name, str) or not name.strip():
                raise self.error(f"{key} has an empty name or one that is not text ({name!r}); give every type a name.")
            if name != name.strip() or _BAD_IN_NAME.search(name) or len(name) > MAX_NAME_CHARACTERS:
                raise self.error(
                    f"{key}: the name {name!r} is not usable; use at most {MAX_NAME_CHARACTERS} characters "
                    "without commas, quotes, backslashes, brackets <>{} or |."
                )
            if name.casefold() in {n.casefold() for n in types}:
                raise self.error(f"{key}: the name {name!r} occurs twice; names must differ by more than case.")
            if body is not None and not isinstance(body, Mapping):
                raise self.error(f"{key}: the properties of {name!r} must be a mapping.")
            types[name] = body or {}
        return types

    def read_entity_type(self, name: str, body: Mapping[str, Any]) -> EntityType:
        self.check_keys(name, body, _ENTITY_KEYS)
        parent = str(body["parent"]) if body.get("parent") else None
        return EntityType(name, str(body.get("description") or ""), self.read_strings(name, body, "kb_types"), parent)

    def find_descendants(self, types: tuple[EntityType, ...]) -> dict[str, list[str]]:
        """Return for every type the list of itself and all its descendants, in the order of the file."""
        parents = {t.name: t.parent for t in types}
        below: dict[str, list[str]] = {t.name: [] for t in types}
        for name in parents:
            line, at = [name], parents[name]
            while at:
                if at not in parents:
                    raise self.error(f"type {line[-1]!r}: its parent {at!r} is not an entity type.")
                if at in line:
                    raise self.error(f"type {name!r}: its parents form a cycle; remove one of the parents.")
                line.append(at)
                at = parents[at]
            for ancestor in line:
                below[ancestor].append(name)
        return below

    def read_relation_type(self, name: str, body: Mapping[str, Any], below: Mapping[str, list[str]]) -> RelationType:
        self.check_keys(name, body, _RELATION_KEYS)
        signatures = body.get("signatures") or []
        if not isinstance(signatures, list) or not all(isinstance(s, list) and len(s) == 2 for s in signatures):
            raise self.error(f"relation {name!r}: signatures must be a list of [head type, tail type].")
        inverse = body.get("inverse")
        return RelationType(
            name,
            str(body.get("description") or ""),
            tuple(
                dict.fromkeys(
                    pair for head, tail in signatures for pair in _expand_signature(str(head), str(tail), below)
                )
            ),
            bool(body.get("symmetric", False)),
            str(inverse) if inverse else None,
            self.read_strings(name, body, "kb_relations"),
            self.read_strings(name, body, "aliases"),
            bool(body.get("transitive", False)),
        )

    def check_keys(self, name: str, body: Mapping[str, Any], known: set[str]) -> None:
        if unknown := sorted(set(map(str, body)) - known):
            raise self.error(f"type {name!r}: unknown property {unknown[0]!r}; known are {', '.join(sorted(known))}.")

    def read_strings(self, name: str, body: Mapping[str, Any], key: str) -> tuple[str, ...]:
        value = body.get(key) or []
        if not isinstance(value, list):
            raise self.error(f"type {name!r}: {key} must be a list.")
        return tuple(str(item) for item in value)

    def check_references(self, ontology: Ontology) -> None:
        entities, relations = set(ontology.entity_names), set(ontology.relation_names)
        for relation in ontology.relation_types:
            for end in (t for signature in relation.signatures for t in signature):
                if end not in entities:
                    raise self.error(
                        f"relation {relation.name!r}: its signature names the entity type {end!r}, "
                        "which entity_types does not list; add it there or fix the signature."
                    )
            if relation.inverse and relation.inverse not in relations:
                raise self.error(
                    f"relation {relation.name!r}: its inverse {relation.inverse!r} is not a relation type."
                )


def _expand_signature(head: str, tail: str, below: Mapping[str, list[str]]) -> Iterator[tuple[str, str]]:
    """Yield the signature itself, then those of the descendants of its types."""
    yield head, tail
    for first in below.get(head, [head]):
        for second in below.get(tail, [tail]):
            yield first, second
