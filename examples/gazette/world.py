"""A small invented world: entities with their aliases, and the facts about them."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from examples.gazette import names
from examples.gazette.names import NameMaker
from examples.gazette.settings import GazetteSettings

T = TypeVar("T")


class Form(NamedTuple):
    """One form of a name, and the article before it, which is not part of the name."""

    text: str
    article: str = ""


@dataclass(frozen=True)
class Entity:
    """A named entity: `forms[0]` is its full name, the rest are aliases and short forms."""

    key: str
    type: str
    forms: tuple[Form, ...]
    pronouns: tuple[str, ...]
    possessive: str

    @property
    def name(self) -> str:
        return self.forms[0].text

    @property
    def aliases(self) -> tuple[str, ...]:
        return tuple(form.text for form in self.forms[1:])


class Fact(NamedTuple):
    """`relation` holds from `head` to `tail`."""

    head: Entity
    relation: str
    tail: Entity


_PRONOUNS: dict[str, tuple[str, ...]] = {
    "company": ("it", "the company", "the firm"),
    "city": ("it", "the city"),
    "country": ("it", "the country"),
    "university": ("it", "the university"),
    "product": ("it", "the product"),
    "event": ("it", "the event"),
    "award": ("it", "the award"),
}


@dataclass
class World:
    """Entities and facts, with the look-ups that the composer needs."""

    name: str
    entities: list[Entity] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    of_type: dict[str, list[Entity]] = field(default_factory=dict)
    facts_about: dict[str, list[Fact]] = field(default_factory=dict)
    relations_between: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def add_entity(self, type_: str, forms: Sequence[Form], pronoun: str | None = None) -> Entity:
        """Add a new entity; `pronoun` ("he", "she") is required for a person only."""
        pronouns = (pronoun,) if pronoun else _PRONOUNS[type_]
        possessive = {"he": "his", "she": "her"}.get(pronoun or "", "its")
        entity = Entity(f"{self.name}-{len(self.entities)}", type_, tuple(forms), pronouns, possessive)
        self.entities.append(entity)
        self.of_type.setdefault(type_, []).append(entity)
        return entity

    def add_fact(self, head: Entity, relation: str, tail: Entity) -> None:
        """Add a fact unless it is already there or relates an entity to itself."""
        known = self.relations_between.setdefault((head.key, tail.key), [])
        if head.key == tail.key or relation in known:
            return
        fact = Fact(head, relation, tail)
        known.append(relation)
        self.facts.append(fact)
        self.facts_about.setdefault(head.key, []).append(fact)
        self.facts_about.setdefault(tail.key, []).append(fact)

    def holds(self, head: Entity, relation: str, tail: Entity) -> bool:
        return relation in self.relations_between.get((head.key, tail.key), ())

    def related(self, one: Entity, other: Entity) -> bool:
        """Tell whether any fact connects the two, in either direction."""
        return any(self.relations_between.get(pair) for pair in ((one.key, other.key), (other.key, one.key)))


def build_world(name: str, documents: int, maker: NameMaker, settings: GazetteSettings) -> World:
    """Return a world large enough for `documents` documents, determined by the seed and the name."""
    rng = random.Random(f"{settings.seed}/{name}/world")
    world = World(name)
    _name_places(world, documents, maker, rng)
    _name_organisations(world, documents, maker, settings, rng)
    _name_people(world, documents, maker, settings, rng)
    _settle_places(world, rng)
    _settle_organisations(world, rng)
    _settle_people(world, rng)
    return world


def _count(documents: int, share: float, minimum: int) -> int:
    return max(minimum, round(documents * share))


def _name_places(w: World, documents: int, maker: NameMaker, rng: random.Random) -> None:
    for _ in range(_count(documents, 0.05, 6)):
        word = maker.word(names.COUNTRY_ENDINGS)
        forms = [Form(word)]
        if rng.random() < 0.4:
            forms.append(Form(f"{rng.choice(('Republic', 'Kingdom'))} of {word}", "the "))
        w.add_entity("country", forms)
    for _ in range(_count(documents, 0.16, 20)):
        word = maker.word(names.CITY_ENDINGS)
        if rng.random() < 0.15:
            w.add_entity("city", [Form(f"{rng.choice(('Port', 'New', 'Saint'))} {word}"), Form(word)])
        else:
            w.add_entity("city", [Form(word)])
    university_towns = rng.sample(w.of_type["city"], len(w.of_type["city"]) // 4)
    for _ in range(_count(documents, 0.08, 10)):
        in_town = bool(university_towns) and rng.random() < 0.4
        word = university_towns.pop().name if in_town else maker.word()
        w.add_entity("university", _university_forms(word, maker, rng))


def _university_forms(word: str, maker: NameMaker, rng: random.Random) -> list[Form]:
    if rng.random() < 0.4:
        return [Form(f"University of {word}", "the "), Form(f"{word} University")]
    if rng.random() < 0.4:
        full = f"{word} Technical University"
        acronym = maker.acronym(full)
        return [Form(full), Form(acronym)] if acronym else [Form(full)]
    return [Form(f"{word} {rng.choice(names.UNIVERSITY_KINDS)}")]


def _name_organisations(
    w: World, documents: int, maker: NameMaker, settings: GazetteSettings, rng: random.Random
) -> None:
    namesakes = [c for c in w.of_type["city"] if rng.random() < settings.company_named_after_city * 2]
    for _ in range(_count(documents, 0.32, 24)):
        after_city = bool(namesakes) and rng.random() < settings.company_named_after_city
        word = namesakes.pop().forms[-1].text if after_city else maker.word()
        w.add_entity("company", _company_forms(word, maker, settings, rng))
    for _ in range(_count(documents, 0.22, 20)):
        word = maker.word()
        w.add_entity("product", [Form(f"{word} {rng.choice(names.PRODUCT_KINDS)}"), Form(word)])
    event_names: set[str] = set()
    for _ in range(_count(documents, 0.12, 14)):
        word = rng.choice(w.of_type["city"]).name if rng.random() < 0.3 else maker.word()
        kind = rng.choice(names.EVENT_KINDS)
        full = f"{word} {rng.choice(names.EVENT_FIELDS)} {kind}"
        if full in event_names or f"{word} {kind}" in event_names:
            continue
        event_names |= {full, f"{word} {kind}"}
        acronym = maker.acronym(full) if rng.random() < settings.acronym else None
        w.add_entity("event", [Form(full, "the "), Form(acronym or f"{word} {kind}", "the ")])
    for _ in range(_count(documents, 0.09, 12)):
        word, kind = maker.word(), rng.choice(names.AWARD_KINDS)
        w.add_entity("award", [Form(f"{word} {kind}", "the "), Form(word, "the ")][: rng.choice((1, 2))])


def _company_forms(word: str, maker: NameMaker, settings: GazetteSettings, rng: random.Random) -> list[Form]:
    if rng.random() < settings.acronym:
        full = f"{word} {rng.choice(names.COMPANY_FIELDS)} {rng.choice(names.COMPANY_FORMS)}"
        acronym = maker.acronym(full)
        return [Form(full), Form(acronym), Form(word)] if acronym else [Form(full), Form(word)]
    return [Form(f"{word} {rng.choice(names.COMPANY_KINDS)}"), Form(word)]


def _name_people(w: World, documents: int, maker: NameMaker, settings: GazetteSettings, rng: random.Random) -> None:
    surnames: list[str] = []
    taken: set[str] = set()
    for _ in range(_count(documents, 0.9, 60)):
        shares = bool(surnames) and rng.random() < settings.shared_surname
        surname = rng.choice(surnames) if shares else maker.word(names.SURNAME_ENDINGS)
        surnames.append(surname)
        female = rng.random() < 0.5
        first = rng.choice(names.FEMALE_FIRST_NAMES if female else names.MALE_FIRST_NAMES)
        full = f"{first} {surname}"
        if full in taken:
            continue
        taken.add(full)
        w.add_entity("person", [Form(full), Form(surname)], "she" if female else "he")


def _settle_places(w: World, rng: random.Random) -> None:
    cities, countries = w.of_type["city"], w.of_type["country"]
    for index, city in enumerate(cities):
        if index < len(countries):
            w.add_fact(city, "capital of", countries[index])
        else:
            w.add_fact(city, "located in", rng.choice(countries))
    for event in w.of_type["event"]:
        w.add_fact(event, "held in", rng.choice(cities))


def _settle_organisations(w: World, rng: random.Random) -> None:
    companies = w.of_type["company"]
    for company in companies:
        w.add_fact(company, "headquartered in", rng.choice(w.of_type["city"]))
        for other in rng.sample(companies, rng.choice((1, 1, 2))):
            if not w.relations_between.get((other.key, company.key)):
                w.add_fact(company, rng.choice(("acquired", "competes with", "competes with")), other)
        for event in rng.sample(w.of_type["event"], rng.choice((0, 1, 1))):
            w.add_fact(company, "sponsored", event)
    for product in w.of_type["product"]:
        w.add_fact(rng.choice(companies), "developed", product)


def _settle_people(w: World, rng: random.Random) -> None:
    people = w.of_type["person"]
    for index, person in enumerate(people):
        _settle_career(w, person, rng)
        birthplace = rng.choice(w.of_type["city"])
        w.add_fact(person, "born in", birthplace)
        home = birthplace if rng.random() < 0.2 else rng.choice(w.of_type["city"])
        w.add_fact(person, "lives in", home)
        w.add_fact(person, "citizen of", rng.choice(w.of_type["country"]))
        if index % 2 and index % 4 == 1:
            w.add_fact(person, "married to", people[index - 1])
        relatives = [other for other in people[:index] if other.forms[-1] == person.forms[-1]]
        if relatives or index % 6 == 3:
            parent = relatives[0] if relatives else rng.choice(people[: index - 1])
            if not w.holds(person, "married to", parent):
                w.add_fact(person, "child of", parent)


def _settle_career(w: World, person: Entity, rng: random.Random) -> None:
    companies, universities = w.of_type["company"], w.of_type["university"]
    university = rng.choice(universities)
    w.add_fact(person, "studied at", university)
    roll = rng.random()
    if roll < 0.35:
        w.add_fact(person, "works for", rng.choice(companies))
    elif roll < 0.75:
        company = rng.choice(companies)
        if roll < 0.62:
            w.add_fact(person, "founded", company)
        if roll > 0.54:
            w.add_fact(person, "chief executive of", company)
    else:
        w.add_fact(person, "teaches at", university if rng.random() < 0.4 else rng.choice(universities))
    if rng.random() < 0.5:
        w.add_fact(person, "won", rng.choice(w.of_type["award"]))
    for event in rng.sample(w.of_type["event"], rng.choice((0, 1, 1))):
        w.add_fact(person, "spoke at", event)
