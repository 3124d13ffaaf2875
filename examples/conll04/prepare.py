"""Make a corpus folder from a copy of CoNLL04: `python -m examples.conll04.prepare --data DIR --out DIR`.

`--data` holds train.jsonl, dev.jsonl and test.jsonl in the form of `gold.jsonl` (docs/corpus.md). The train split gives
the documents; its annotations, as facts about names, become the knowledge base of the teacher. Dev and test are gold.
"""

import argparse
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


def read(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the documents of one split."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def facts(documents: Iterator[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return every annotated relation once, as a fact about two names."""
    found: dict[tuple[str, ...], None] = {}
    for document in documents:
        types = {entity["id"]: entity["type"] for entity in document["entities"]}
        for r in document["relations"]:
            found[r["head"], r["type"], r["tail"], types[r["head_id"]], types[r["tail_id"]]] = None
    names = ("head", "relation", "tail", "head_type", "tail_type")
    return [dict(zip(names, fact, strict=True)) for fact in sorted(found)]


def prepare(data: Path, out: Path) -> dict[str, int]:
    """Write the corpus folder and return how many documents, facts and gold documents it holds."""
    out.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(Path(__file__).with_name("ontology.yaml"), out / "ontology.yaml")
    documents = [{"id": d["id"], "text": d["text"]} for d in read(data / "train.jsonl")]
    known = facts(read(data / "train.jsonl"))
    gold = [{**d, "split": split} for split in ("dev", "test") for d in read(data / f"{split}.jsonl")]
    for name, rows in (("documents", documents), ("knowledge_base", known), ("gold", gold)):
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (out / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    return {"documents": len(documents), "facts": len(known), "gold": len(gold)}


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with train.jsonl, dev.jsonl, test.jsonl")
    parser.add_argument("--out", type=Path, required=True, help="the corpus folder to be made")
    arguments = parser.parse_args()
    print(prepare(arguments.data, arguments.out))


if __name__ == "__main__":
    main()
