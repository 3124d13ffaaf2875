"""Kinds of things, which are the entity types, and the classes that determine their names."""

from dataclasses import dataclass

from examples.nano_base.listed import words

# Kinds of one class have the same sort of names: only a word in the text distinguishes a poet from a judge.
CLASSES: dict[str, tuple[str, ...]] = {
    "human": words(
        "sailor poet doctor painter farmer judge monk soldier singer actor baker driver nurse lawyer priest clerk "
        "dancer miner weaver human woman man elder knight pirate chemist plumber potter jeweller"
    ),
    "place": words(
        "village valley island forest desert province district region lake river bay castle temple bridge place "
        "location mountain canyon oasis parish borough reef glacier square street planet"
    ),
    "group": words(
        "guild club choir tribe ministry court party union team orchestra clinic museum newspaper bureau organisation "
        "institution council army order sect family shop brewery bakery orphanage theatre"
    ),
    "thing": words(
        "ship engine lamp robot instrument drug telescope vehicle weapon machine tool camera rocket compiler database "
        "protein mineral satellite clock sensor method dataset"
    ),
    "work": words("novel opera song poem film theory law treaty journal painting play essay hymn ballad manual"),
    "creature": words("horse dog species bird whale dragon god ghost fish tree flower disease gene"),
    "happening": words(
        "regatta war battle storm strike expedition election trial flood siege parade auction eclipse voyage "
        "tournament rebellion famine"
    ),
}
CLASS_OF = {kind: name for name, kinds in CLASSES.items() for kind in kinds}

# Kinds without names of their own sort: the word for the kind is in the name or beside it.
OTHERS = words(
    "lantern violin carpet orchard vineyard quarry mill tower gate garden kitchen recipe dish cheese wine spice fabric "
    "colour dance ritual legend rumour prophecy language dialect alphabet number formula theorem crystal metal gas "
    "enzyme virus muscle bone organ symptom therapy diet sport game puzzle toy mask statue fountain tunnel canal dam "
    "cave volcano comet star moon season holiday currency coin stamp flag badge crown sword shield arrow "
    "bow drum flute "
    "harp bell candle mirror chair table bed door window roof wall stair cellar attic market tavern inn stable barn "
    "well lighthouse harbour pier ferry canoe raft wagon cart saddle bicycle tram balloon kite program module "
    "signal channel antenna circuit switch valve pump turbine furnace boiler oven loom anvil hammer "
    "saw drill needle thread rope net hook basket barrel bottle jar plate spoon knife fork concept principle task "
    "metric process material property rank title virtue crime rule plan policy"
)

PRONOUNS = {"human": ("he", "she"), "group": ("it", "they")}


@dataclass(frozen=True)
class EntityKind:
    """An entity type of a made-up ontology: its name and the class of its names ("" for none)."""

    name: str
    klass: str

    @property
    def pronouns(self) -> tuple[str, ...]:
        """Return the pronouns for a thing of this kind."""
        return PRONOUNS.get(self.klass, ("it",))


def kind(name: str) -> EntityKind:
    """Return the kind with this name."""
    return EntityKind(name, CLASS_OF.get(name, ""))
