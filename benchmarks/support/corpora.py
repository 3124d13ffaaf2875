"""Make large corpora for benchmarks from small ones: real sentences with exchanged words."""

import json
import os
import random
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from text2graph_dagster.corpus.text.cleaning import clean_text
from text2graph_dagster.corpus.text.sentences import split_sentences

ONTOLOGY = "entity_types: [thing]\nrelation_types:\n  is about: {}\n"
NEAR_SHARE, EQUAL_SHARE = 0.03, 0.01
_WORD = re.compile(r"[A-Za-z]{4,}")
_SEED = 7


def data_folder() -> Path:
    """Return the folder of annotated sets and raw texts that TEXT2GRAPH_DATA names.

    Raises:
        SystemExit: there is none.
    """
    named = os.environ.get("TEXT2GRAPH_DATA")
    if not named or not Path(named).is_dir():
        sys.exit("this benchmark reads annotated sets and real texts: set TEXT2GRAPH_DATA to the folder that has them")
    return Path(named)


def collect_sentences(texts: Iterator[str]) -> list[str]:
    """Return the distinct sentences of the texts, of 40 to 400 characters."""
    found: dict[str, None] = {}
    for text in texts:
        cleaned = clean_text(text)
        found.update(dict.fromkeys(cleaned[span.start : span.end] for span in split_sentences(cleaned, "en")))
    return [sentence for sentence in found if 40 <= len(sentence) <= 400]


def iterate_real_texts() -> Iterator[str]:
    """Yield the English raw texts of `data_folder()`."""
    data = data_folder()
    for path in sorted((data / "raw").glob("en_*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)["text"]
    for path in sorted((data / "raw" / "en_wikitext2_test").iterdir()):
        yield path.read_text(encoding="utf-8")


def iterate_gazette_texts(folder: Path) -> Iterator[str]:
    """Yield the documents of the gazette."""
    for line in (folder / "documents.jsonl").read_text(encoding="utf-8").splitlines():
        try:
            text = json.loads(line).get("text")
        except (ValueError, AttributeError):
            continue
        if isinstance(text, str):
            yield text


def generate_documents(sources: list[str], count: int, begin: int = 0) -> Iterator[str]:
    """Yield documents of three to five sentences whose words are exchanged so that none repeats another.

    About every third longer word is replaced by one from elsewhere. A share NEAR_SHARE repeats an earlier document
    except for a word, EQUAL_SHARE repeats it exactly. Document n is the same in every corpus.
    """
    words = sorted({word for sentence in sources[:5_000] for word in _WORD.findall(sentence)})
    earlier: list[str] = []
    for number in range(begin, begin + count):
        rng = random.Random(f"{_SEED}:{number}")
        chance = rng.random()
        if earlier and chance < NEAR_SHARE + EQUAL_SHARE:
            text = rng.choice(earlier)
            yield text if chance < EQUAL_SHARE else _WORD.sub(lambda m: rng.choice(words), text, count=1)  # noqa: B023
            continue
        chosen = rng.sample(sources, rng.randint(3, 5))
        text = " ".join(_WORD.sub(lambda m: _exchange_word(m[0], words, rng), sentence) for sentence in chosen)  # noqa: B023
        earlier.append(text)
        del earlier[:-1_000]
        yield text


def _exchange_word(word: str, words: list[str], rng: random.Random) -> str:
    return rng.choice(words) if rng.random() < 0.34 else word


def write_corpus(folder: Path, sources: list[str], count: int) -> Path:
    """Write a corpus of `count` documents as one file of JSON Lines, and 1 document in 2,000 as gold."""
    folder.mkdir(parents=True)
    (folder / "ontology.yaml").write_text(ONTOLOGY)
    gold = max(20, count // 2_000)
    with (folder / "documents.jsonl").open("w", encoding="utf-8") as file:
        for number, text in enumerate(generate_documents(sources, count)):
            file.write(json.dumps({"id": number, "text": text}) + "\n")
    with (folder / "gold.jsonl").open("w", encoding="utf-8") as file:
        for number, text in enumerate(generate_documents(sources, gold, count + 10**6)):
            line = {"id": number, "text": text, "split": "test", "entities": [], "relations": []}
            file.write(json.dumps(line) + "\n")
    return folder


def add_documents(folder: Path, sources: list[str], count: int, begin: int) -> None:
    """Append documents to the corpus."""
    with (folder / "documents.jsonl").open("a", encoding="utf-8") as file:
        for number, text in enumerate(generate_documents(sources, count, begin)):
            file.write(json.dumps({"id": begin + number, "text": text}) + "\n")
