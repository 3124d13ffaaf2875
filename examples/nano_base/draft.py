"""A text in the making: what stands in it so far, and where its things are named."""

from dataclasses import dataclass, field

from examples.nano_base.kinds import EntityKind
from examples.nano_base.names import Name
from text2graph_dagster.graph.model import Span


@dataclass
class Thing:
    """Something a passage names, and where it does."""

    kind: EntityKind
    name: Name
    cue: str  # the word by which the text tells its kind, "" where the name alone does
    mentions: list[Span] = field(default_factory=list)


class Draft:
    """A text that grows, and keeps account of the places of names."""

    def __init__(self) -> None:
        self.text = ""
        self.begin = True  # the next letter begins a sentence

    def mention(self, thing: Thing, surface: str, article: str) -> None:
        """Add a name of the thing, with what stands before it."""
        self.put(article)
        start = len(self.text)
        self.put(surface)
        thing.mentions.append(Span(start, start + len(surface)))

    def put(self, piece: str) -> None:
        """Add text; a sentence begins with a capital, and no comma stands before another mark."""
        if not piece:
            return
        if self.text.endswith(",") and piece[0] in ",.;!?":
            self.text = self.text[:-1]
        if self.begin and piece.strip():
            piece = piece[:1].upper() + piece[1:]
            self.begin = False
        self.text += piece
