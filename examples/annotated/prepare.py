"""Convert an annotated dataset to a corpus folder: `python -m examples.annotated.prepare --data PATH --out DIR`.

`--data` is a folder with train.jsonl and optionally dev.jsonl and test.jsonl, in the format of `gold.jsonl`
(docs/corpus.md), or a file that Label Studio exported as JSON.
All documents go into the corpus's gold.jsonl with the split of their file: train to train on, dev and test to evaluate.
`--only KEY=VALUE` selects the documents of one part (a domain, a fold); `--gold KEY=VALUE` holds out a part of train,
which is divided into dev and test. The ontology is `--ontology`, or ontology.yaml in the folder; if there is neither,
the types are those in the data, with the signatures in train.
"""

import argparse
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from examples.annotated.label_studio import read_export
from text2graph_dagster.contracts.columns import SPLITS
from text2graph_dagster.corpus.text.language import detect_language
from text2graph_dagster.errors import UserError

UNTYPED = "entity"  # the type of entities in datasets without entity types
Part = tuple[str, str] | None  # a key and its required value


def read(path: Path, only: Part = None) -> Iterator[dict[str, Any]]:
    """Yield the documents of one split that belong to the part `only`; a missing split has none."""
    if not path.is_file():
        return
    with path.open(encoding="utf-8") as file:
        yield from select(map(json.loads, file), only)


def select(documents: Iterable[dict[str, Any]], only: Part) -> Iterator[dict[str, Any]]:
    """Yield the documents of the part `only`, and give entities without a type the type `UNTYPED`."""
    for document in documents:
        if only is None or str(document.get(only[0])) == only[1]:
            entities = [{**entity, "type": entity["type"] or UNTYPED} for entity in document["entities"]]
            yield {**document, "entities": entities}


def read_splits(data: Path, only: Part = None) -> dict[str, list[dict[str, Any]]]:
    """Return the documents of train, dev and test.

    Raises:
        UserError: there are no documents to train on.
    """
    if data.is_file():
        splits = {split: list(select(documents, only)) for split, documents in read_export(data).items()}
    else:
        splits = {split: list(read(data / f"{split}.jsonl", only)) for split in SPLITS}
    if not splits["train"]:
        raise UserError(
            f"{data} has no documents to train on: name a folder with a train.jsonl in the format of gold.jsonl "
            "(docs/corpus.md), or a file that Label Studio exported as JSON."
        )
    return splits


def ontology_of(name: str, documents: Sequence[Mapping[str, Any]], gold: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return an ontology of the types in the data; a relation that is not in train gets no signatures."""
    everything = [*documents, *gold]
    entity_types = sorted({entity["type"] for document in everything for entity in document["entities"]})
    signatures: dict[str, set[tuple[str, str]]] = {r["type"]: set() for d in everything for r in d["relations"]}
    for document in documents:
        types = {entity["id"]: entity["type"] for entity in document["entities"]}
        for r in document["relations"]:
            signatures[r["type"]].add((types[r["head_id"]], types[r["tail_id"]]))
    return {
        "name": name,
        "language": documents[0].get("language") or guess_language(documents),
        "entity_types": {entity_type: {} for entity_type in entity_types},
        "relation_types": {
            relation: {"signatures": [list(s) for s in sorted(signatures[relation])]} if signatures[relation] else {}
            for relation in sorted(signatures)
        },
    }


def guess_language(documents: Sequence[Mapping[str, Any]]) -> str:
    """Return the language code of the first documents; "en" if it cannot be told."""
    language = detect_language(" ".join(document["text"] for document in documents[:20]), "en")
    return language if language != "other" else "en"


def prepare(
    data: Path, out: Path, ontology: Path | None = None, only: Part = None, gold_part: Part = None
) -> dict[str, int]:
    """Write the corpus folder and return its number of documents in each part: train, dev and test, held out."""
    train: list[dict[str, Any]] = []
    held_out: list[dict[str, Any]] = []
    files = read_splits(data, only)
    for document in files.pop("train"):
        document.pop("split", None)  # the file decides; a held-out document without a split is dev or test
        is_gold = gold_part and str(document.get(gold_part[0])) == gold_part[1]
        (held_out if is_gold else train).append(document)
    evaluated = [*files["dev"], *files["test"], *held_out]
    out.mkdir(parents=True, exist_ok=True)
    if ontology is None and (data / "ontology.yaml").is_file():
        ontology = data / "ontology.yaml"
    if ontology:
        shutil.copyfile(ontology, out / "ontology.yaml")
    else:
        types = yaml.safe_dump(ontology_of(out.name, train, evaluated), allow_unicode=True, sort_keys=False)
        (out / "ontology.yaml").write_text(types, encoding="utf-8")
    rows = [{**d, "split": split} for split, part in {"train": train, **files}.items() for d in part] + held_out
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (out / "gold.jsonl").write_text(lines, encoding="utf-8")
    return {"train": len(train), **{split: len(part) for split, part in files.items()}, "held_out": len(held_out)}


def part(text: str) -> tuple[str, str]:
    """Parse KEY=VALUE."""
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form KEY=VALUE")
    return key, value


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with train.jsonl, dev.jsonl, test.jsonl; or export.json"
    )
    parser.add_argument("--out", type=Path, required=True, help="corpus folder to create")
    parser.add_argument("--ontology", type=Path, help="e.g. examples/conll04/ontology.yaml")
    parser.add_argument("--only", type=part, metavar="KEY=VALUE", help="select these documents only, e.g. domain=music")
    parser.add_argument("--gold", type=part, metavar="KEY=VALUE", help="use these train documents as gold, e.g. fold=3")
    arguments = parser.parse_args()
    try:
        print(prepare(arguments.data, arguments.out, arguments.ontology, arguments.only, arguments.gold))
    except UserError as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
