"""Generate the gazette: a corpus folder with documents, ontology, knowledge base and gold annotations.

python -m examples.gazette.generate --out corpora/gazette
"""

import argparse
import dataclasses
import json
import random
import re
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from examples.gazette import fillers, names, phrases
from examples.gazette.broken import BROKEN_LINES, near_duplicate, write_broken_files
from examples.gazette.documents import compose
from examples.gazette.draft import Draft, gold_record
from examples.gazette.knowledge import knowledge_base
from examples.gazette.ontology import ontology_document
from examples.gazette.settings import GazetteSettings
from examples.gazette.world import World, build_world

SENTENCES_PER_PASSAGE = 3
_PASSAGES_PER_DOCUMENT = 2.3

_COUNTS = (
    "training documents",
    "dev documents",
    "test documents",
    "sentences",
    "passages",
    "statements",
    "mentions",
    "entities",
    "facts",
    "facts in the knowledge base",
)
# The counted kinds of hardness, by the count of which they are a share.
_HARDNESS = {
    "statements": ("active", "passive", "apposition", "prenominal", "nominal", "list", "double", "pronoun"),
    "sentences": ("co-occurrence", "co-occurrence of related", "hedged", "denied", "one name, no fact", "filler"),
    "passages": ("factless passages",),
    "documents": ("factless documents", "headings", "datelines", "boilerplate"),
    "mentions": ("short forms",),
    "training documents": ("near duplicates", "exact duplicates"),
    "entities": ("ambiguous names",),
    "facts": ("facts in the knowledge base",),
}


@dataclass(frozen=True)
class Summary:
    """The folder, the counts, and the share of every hardness over all documents."""

    folder: Path
    counts: dict[str, int]
    shares: dict[str, float]

    def lines(self) -> list[str]:
        """Return the summary as lines for a terminal."""
        counts = [f"{value:>9,}  {name}" for name, value in self.counts.items()]
        return [f"wrote {self.folder}", *counts, *(f"{value:>9.1%}  {name}" for name, value in self.shares.items())]


def generate(out: Path, settings: GazetteSettings | None = None) -> Summary:
    """Write the corpus into the folder `out`, which is created if missing. Equal settings give equal bytes.

    Raises:
        OSError: the folder cannot be written.
    """
    settings = settings or GazetteSettings()
    maker = names.NameMaker(random.Random(f"{settings.seed}/names"), _reserved_words())
    tally: Counter[str] = Counter()
    train, training = _write_training(maker, settings, tally)
    dev, dev_gold = _write_gold("dev", settings.dev_passages, maker, settings, tally)
    test, test_gold = _write_gold("test", settings.test_passages, maker, settings, tally)
    annotated, annotated_gold = _write_gold("annotated", settings.annotated_passages, maker, settings, tally)
    worlds = (train, dev, test)  # those that the knowledge base describes
    knowledge = [line for world in worlds for line in knowledge_base(world, settings)]
    tally["entities"] = sum(len(world.entities) for world in (*worlds, annotated))
    tally["ambiguous names"] = sum(_ambiguous(world) for world in (*worlds, annotated))
    tally["facts"] = sum(len(world.facts) for world in worlds)
    tally["facts in the knowledge base"] = len(knowledge)

    out.mkdir(parents=True, exist_ok=True)
    _write_lines(out / "documents.jsonl", training)
    _write_lines(out / "gold.jsonl", map(_json, dev_gold + test_gold + annotated_gold))
    _write_lines(out / "knowledge_base.jsonl", map(_json, knowledge))
    (out / "ontology.yaml").write_bytes(yaml.safe_dump(ontology_document(), sort_keys=False, width=120).encode())
    write_broken_files(out, settings.broken_long_line_bytes)
    counts = (
        "training documents",
        "dev documents",
        "test documents",
        "annotated documents",
        "sentences",
        "passages",
        "statements",
        "mentions",
    )
    return Summary(
        out,
        {name: tally[name] for name in (*counts, "entities", "facts", "facts in the knowledge base")},
        {f"{part} (of {whole})": tally[part] / tally[whole] for whole, parts in _HARDNESS.items() for part in parts},
    )


def _write_training(maker: names.NameMaker, settings: GazetteSettings, tally: Counter[str]) -> tuple[World, list[str]]:
    """Return the training world and the lines of `documents.jsonl`, including the broken ones."""
    world = build_world("train", settings.train, maker, settings)
    rng = random.Random(f"{settings.seed}/train/documents")
    texts: list[str] = []
    while len(texts) < settings.train:
        roll = rng.random()
        if texts and roll < settings.near_duplicates:
            texts.append(near_duplicate(rng.choice(texts), rng))
            tally["near duplicates"] += 1
        elif texts and roll < settings.near_duplicates + settings.exact_duplicates:
            texts.append(rng.choice(texts))
            tally["exact duplicates"] += 1
        else:
            draft = compose(world, rng, settings)
            texts.append(draft.text.rstrip("\n"))
            _count(tally, draft)
    tally["training documents"] = len(texts)
    lines = [_json({"id": f"train-{index:05d}", "text": text}) for index, text in enumerate(texts)]
    for broken in BROKEN_LINES:
        lines.insert(rng.randrange(len(lines) + 1), broken)
    return world, lines


def _write_gold(
    part: str, passages: int, maker: names.NameMaker, settings: GazetteSettings, tally: Counter[str]
) -> tuple[World, list[dict[str, Any]]]:
    """Return a world and annotated documents with at least `passages` passages of three sentences each.

    The part "annotated" is for training.
    """
    world = build_world(part, round(passages / _PASSAGES_PER_DOCUMENT), maker, settings)
    rng = random.Random(f"{settings.seed}/{part}/documents")
    records: list[dict[str, Any]] = []
    written = 0
    while written < passages:
        draft = compose(world, rng, settings)
        records.append(gold_record(draft, f"{part}-{len(records):05d}", "train" if part == "annotated" else part))
        written += _count(tally, draft)
    tally[f"{part} documents"] = len(records)
    return world, records


def _count(tally: Counter[str], draft: Draft) -> int:
    """Add a document to the tally, and return its number of passages of three sentences."""
    passages = -(-len(draft.sentences) // SENTENCES_PER_PASSAGE)
    with_fact = {statement.last // SENTENCES_PER_PASSAGE for statement in draft.statements}
    tally.update(draft.counts)
    tally.update(
        {
            "documents": 1,
            "passages": passages,
            "factless passages": passages - len(with_fact),
            "sentences": len(draft.sentences),
            "statements": len(draft.statements),
            "mentions": len(draft.mentions),
        }
    )
    return passages


def _ambiguous(world: World) -> int:
    """Return the number of entities that share a name or alias with another entity of the world."""
    owners = Counter(form.text for entity in world.entities for form in entity.forms)
    return sum(any(owners[form.text] > 1 for form in entity.forms) for entity in world.entities)


def _reserved_words() -> list[str]:
    """Return all words of the phrases and all first names, which invented names must not equal."""
    text = " ".join(_strings([vars(fillers), [vars(phrasing) for phrasing in phrases.PHRASES.values()]]))
    first_names = names.FEMALE_FIRST_NAMES + names.MALE_FIRST_NAMES
    return sorted({*re.findall(r"[a-z]+", text.lower()), *(name.lower() for name in first_names)})


def _strings(value: object) -> Iterable[str]:
    """Yield the strings in nested dictionaries (except under dunder keys), lists and tuples."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            if not str(key).startswith("__"):
                yield from _strings(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _strings(item)


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False)


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    path.write_bytes("".join(f"{line}\n" for line in lines).encode())


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    full, smoke = GazetteSettings(), GazetteSettings.smoke()
    parser = argparse.ArgumentParser(description="Write the gazette corpus into a folder.")
    parser.add_argument("--out", type=Path, required=True, help="the corpus folder")
    parser.add_argument("--smoke", action="store_true", help="a few dozen documents (defaults in brackets)")
    parser.add_argument("--seed", type=int, help=f"default {full.seed}")
    for name in ("train", "dev_passages", "test_passages", "annotated_passages"):
        default = f"default {getattr(full, name)} [{getattr(smoke, name)}]"
        what = "training documents" if name == "train" else f"minimum number of {name.replace('_', ' ')}"
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, help=f"{what}, {default}")
    options = vars(parser.parse_args(arguments))
    out, preset = options.pop("out"), smoke if options.pop("smoke") else full
    try:
        settings = dataclasses.replace(preset, **{name: value for name, value in options.items() if value is not None})
        summary = generate(out, settings)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    print("\n".join(summary.lines()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
