"""Opening a corpus folder: names, links, files with a role."""

import os
from pathlib import Path

import pytest

from text2graph_dagster.corpus.folder import check_name, fingerprint, format_relative_path, open_corpus
from text2graph_dagster.corpus.readers.registry import Rejection, read_documents
from text2graph_dagster.errors import UserError

ONTOLOGY = "entity_types: [person, city]\nrelation_types: {lives in: {}}\n"


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "news"
    path.mkdir()
    (path / "ontology.yaml").write_text(ONTOLOGY)
    (path / "b.txt").write_text("Ana lives in Oslo.")
    (path / "a.md").write_text("# Oslo")
    return path


@pytest.mark.parametrize("name", ["news", "news-2024_v1.2", "新闻", "a" * 100])
def test_valid_names(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".hidden", "-v", "a/b", "a\\b", "a b", "a...b", "a\nb", "a" * 101, "a\0", "x;y"]
)
def test_invalid_names(name: str) -> None:
    with pytest.raises(UserError, match="corpus name"):
        check_name(name)


def test_documents_are_separated_from_files_with_a_role(corpus: Path) -> None:
    (corpus / "gold.jsonl").write_text("")
    (corpus / "knowledge_base.jsonl").write_text("")
    (corpus / ".DS_Store").write_text("x")
    (corpus / ".git").mkdir()
    (corpus / ".git" / "c.txt").write_text("x")
    (corpus / "sub").mkdir()
    (corpus / "sub" / "gold.jsonl").write_text('{"text": "a document, for only the root\'s gold.jsonl is gold"}')
    folder = open_corpus(corpus)
    assert folder.name == "news"
    assert folder.gold == corpus / "gold.jsonl"
    assert folder.knowledge_base == corpus / "knowledge_base.jsonl"
    assert [format_relative_path(corpus, d) for d in folder.documents] == ["a.md", "b.txt", "sub/gold.jsonl"]
    assert folder.ontology.entity_names == ("person", "city")


def test_open_corpus_without_optional_files(corpus: Path) -> None:
    folder = open_corpus(corpus)
    assert folder.gold is None
    assert folder.knowledge_base is None


def test_a_corpus_needs_an_ontology_documents_and_a_folder(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not a folder"):
        open_corpus(tmp_path / "absent")
    with pytest.raises(UserError, match="not a folder"):
        open_corpus(corpus / "b.txt")
    (corpus / "ontology.yaml").rename(tmp_path / "ontology.yaml")
    with pytest.raises(UserError, match=r"ontology\.yaml"):
        open_corpus(corpus)
    (tmp_path / "ontology.yaml").rename(corpus / "ontology.yaml")
    (corpus / "a.md").unlink()
    (corpus / "b.txt").unlink()
    with pytest.raises(UserError, match="no documents"):
        open_corpus(corpus)


@pytest.mark.parametrize("target", ["secret.txt", "absent.txt", "folder"])
@pytest.mark.parametrize("link", ["c.txt", "gold.jsonl"])
def test_a_link_out_of_the_corpus_is_an_error(corpus: Path, tmp_path: Path, target: str, link: str) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "folder").mkdir()
    (corpus / link).symlink_to(tmp_path / target)
    with pytest.raises(UserError, match="leads out of the corpus"):
        open_corpus(corpus)


def test_a_linked_ontology_outside_the_corpus_is_an_error(corpus: Path, tmp_path: Path) -> None:
    (corpus / "ontology.yaml").rename(tmp_path / "ontology.yaml")
    (corpus / "ontology.yaml").symlink_to(tmp_path / "ontology.yaml")
    with pytest.raises(UserError, match="leads out of the corpus"):
        open_corpus(corpus)


def test_circular_links_are_rejected_by_the_reader(corpus: Path) -> None:
    (corpus / "c.txt").symlink_to(corpus / "d.txt")
    (corpus / "d.txt").symlink_to(corpus / "c.txt")
    documents = read_documents(open_corpus(corpus))
    assert [(i.doc_id, i.reason) for i in documents if isinstance(i, Rejection)] == [
        ("c.txt", "unreadable"),
        ("d.txt", "unreadable"),
    ]


def test_links_inside_the_corpus_and_a_linked_corpus_are_allowed(corpus: Path, tmp_path: Path) -> None:
    (corpus / "c.txt").symlink_to("b.txt")
    (tmp_path / "alias").symlink_to(corpus)
    folder = open_corpus(tmp_path / "alias")
    assert folder.name == "alias"
    assert [d.name for d in folder.documents] == ["a.md", "b.txt", "c.txt"]


def test_fingerprint_detects_every_change(corpus: Path) -> None:
    seen = [fingerprint(corpus)]
    assert fingerprint(corpus) == seen[0]
    (corpus / "c.txt").write_text("new")
    seen.append(fingerprint(corpus))
    os.utime(corpus / "c.txt", ns=(1, 1))
    seen.append(fingerprint(corpus))
    (corpus / "c.txt").write_text("longer than before")
    os.utime(corpus / "c.txt", ns=(1, 1))
    seen.append(fingerprint(corpus))
    (corpus / "c.txt").rename(corpus / "d.txt")
    seen.append(fingerprint(corpus))
    assert len(set(seen)) == len(seen)
    (corpus / "d.txt").unlink()
    assert fingerprint(corpus) == seen[0]


def test_a_name_that_is_not_utf8_is_escaped(tmp_path: Path) -> None:
    assert format_relative_path(tmp_path, Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.txt"))) == "caf\\xe9.txt"
