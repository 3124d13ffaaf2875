"""Make a corpus folder from articles and a knowledge base.

`python -m examples.wikitext.prepare --articles DIR --kb FILE --out DIR [--ontology FILE]`

Articles are text or Markdown files; the knowledge base is JSON Lines (docs/corpus.md). There is no gold, so run the
lineage up to filtered_dataset.
"""

import argparse
import shutil
from pathlib import Path

ONTOLOGY = Path(__file__).with_name("ontology.yaml")


def prepare(articles: Path, knowledge_base: Path, out: Path, ontology: Path = ONTOLOGY) -> int:
    """Write the corpus folder and return its number of documents."""
    out.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(ontology, out / "ontology.yaml")
    shutil.copyfile(knowledge_base, out / "knowledge_base.jsonl")
    documents = sorted(path for path in articles.iterdir() if path.suffix in {".txt", ".md"})
    for path in documents:
        shutil.copyfile(path, out / path.name)
    return len(documents)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--articles", type=Path, required=True, help="folder with .txt or .md files")
    parser.add_argument("--kb", type=Path, required=True, help="knowledge base, JSON Lines")
    parser.add_argument("--out", type=Path, required=True, help="corpus folder to create")
    parser.add_argument(
        "--ontology", type=Path, default=ONTOLOGY, help="ontology file; examples/zh_wikipedia has a Chinese one"
    )
    arguments = parser.parse_args()
    print(f"{prepare(arguments.articles, arguments.kb, arguments.out, arguments.ontology)} documents")


if __name__ == "__main__":
    main()
