"""The ontology of the gazette: 8 entity types and 20 relation types with their signatures."""

from typing import Any

ENTITY_TYPES: dict[str, str] = {
    "person": "a named individual",
    "company": "a business, by its full or short name",
    "city": "a town or city",
    "country": "a sovereign state",
    "university": "a place of higher education",
    "product": "a named thing that a company makes or sells",
    "event": "a fair, festival, congress or other named gathering",
    "award": "a prize, medal or other named honour",
}

# name -> (head type, tail type, description); the slot {h} of a phrase is the head.
RELATION_TYPES: dict[str, tuple[str, str, str]] = {
    "works for": ("person", "company", "the person has a job at the company"),
    "founded": ("person", "company", "the person started the company"),
    "chief executive of": ("person", "company", "the person leads the company"),
    "born in": ("person", "city", "the person was born in the city"),
    "lives in": ("person", "city", "the person has a home in the city"),
    "citizen of": ("person", "country", "the person holds the nationality of the country"),
    "studied at": ("person", "university", "the person was a student of the university"),
    "teaches at": ("person", "university", "the person belongs to the teaching staff of the university"),
    "married to": ("person", "person", "the two people are husband or wife of each other"),
    "child of": ("person", "person", "the first person is a son or daughter of the second"),
    "headquartered in": ("company", "city", "the company has its main office in the city"),
    "acquired": ("company", "company", "the first company bought the second"),
    "competes with": ("company", "company", "the two companies are rivals in a market"),
    "developed": ("company", "product", "the company designed or makes the product"),
    "located in": ("city", "country", "the city, not the capital, lies in the country"),
    "capital of": ("city", "country", "the city is the seat of the country's government"),
    "held in": ("event", "city", "the event takes place in the city"),
    "sponsored": ("company", "event", "the company paid for a part of the event"),
    "won": ("person", "award", "the person received the award"),
    "spoke at": ("person", "event", "the person gave a talk at the event"),
}

SYMMETRIC = ("married to", "competes with")


def ontology_document() -> dict[str, Any]:
    """Return the content of `ontology.yaml`."""
    relations: dict[str, Any] = {}
    for name, (head, tail, description) in RELATION_TYPES.items():
        relations[name] = {"description": description, "signatures": [[head, tail]]}
        if name in SYMMETRIC:
            relations[name]["symmetric"] = True
    return {
        "name": "gazette",
        "language": "en",
        "entity_types": {name: {"description": text} for name, text in ENTITY_TYPES.items()},
        "relation_types": relations,
    }
