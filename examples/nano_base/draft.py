"""A text under construction, with the offsets of all mentions."""

from dataclasses import dataclass, field

from examples.nano_base.kinds import EntityKind
from examples.nano_base.names import Name
from text2graph_dagster.graph.model import Span


@dataclass
class Thing:
    """An entity of a passage, with its mentions."""

    kind: EntityKind
    name: Name
    cue: str  # the word that tells its kind, "" if the name alone does
    mentions: list[Span] = field(default_factory=list)


class Draft:
    """Collects text, and records where entities are mentioned."""

    def __init__(self) -> None:
        self.text = ""
        self.begin = True  # the next letter begins a sentence

    def mention(self, thing: Thing, surface: str, article: str) -> None:
        """Append an article and a surface form of the thing, and record the mention."""
        self.put(article)
        start = len(self.text)
        self.put(surface)
        thing.mentions.append(Span(start, start + len(surface)))

    def put(self, piece: str) -> None:
        """Append text; capitalise sentence starts and drop a comma before another punctuation mark."""
        if not piece:
            return
        if self.text.endswith(",") and piece[0] in ",.;!?":
            self.text = self.text[:-1]
        if self.begin and piece.strip():
            piece = piece[:1].upper() + piece[1:]
            self.begin = False
        self.text += piece
