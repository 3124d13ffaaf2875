"""A trained student as an object: `from text2graph_dagster import Extractor`."""

from collections.abc import Iterable, Iterator
from functools import cached_property, partial
from itertools import count
from pathlib import Path
from typing import TypeVar

from text2graph_dagster.corpus.folder import find_documents
from text2graph_dagster.corpus.readers.documents import Document, Rejection, check_text
from text2graph_dagster.corpus.readers.registry import read_file
from text2graph_dagster.errors import UserError
from text2graph_dagster.extraction.backends import Backend, ServerBackend
from text2graph_dagster.extraction.document_run import DocumentRun
from text2graph_dagster.extraction.results import Extraction
from text2graph_dagster.inference.checkpoint import CheckpointRecipe, choose_ontology, read_recipe
from text2graph_dagster.ontology import Ontology, load_ontology
from text2graph_dagster.progress import Progress
from text2graph_dagster.settings import CorpusSettings

_T = TypeVar("_T")


class Extractor:
    """Turns texts and documents into graphs, with a student in this process or behind a server.

        extractor = Extractor("home/checkpoints/grpo-0123456789ab")
        for extraction in extractor.extract(["Ana Kovač founded Velsoft."]):
            print(extraction.graph.triples())

    A document is read, cleaned and packed as it would be for training, passage after passage is asked about, and the
    legal parts of the answers become one graph per document. Memory does not grow with the number of documents.
    """

    def __init__(
        self,
        checkpoint: str | Path | None = None,
        *,
        corpus: str | None = None,
        ontology: Ontology | str | Path | None = None,
        server: str | None = None,
        model: str = "",
        batch_size: int = 64,
        max_new_tokens: int | None = None,
        threads: int | None = None,
        text_field: str = "text",
    ) -> None:
        """Choose the student; it is loaded when it is first needed.

        Args:
            checkpoint: its directory, or the hub name of any model with a chat template.
            corpus: which of the corpora that it was taught; not needed where there is one only.
            ontology: other types, in place of a corpus's: an ontology or the path of an `ontology.yaml`.
            server: the address of an OpenAI-compatible server that serves it, e.g. http://127.0.0.1:8000/v1.
            model: its name there; not needed where the server serves one model only.
            batch_size: passages that are answered together in this process.
            max_new_tokens: the longest answer; the checkpoint knows what it was measured with.
            threads: processor cores; 0: all that the process may use; None: as many as torch takes by itself.
            text_field: the field or column that holds the text of a row of `.jsonl` or `.parquet`.

        Raises:
            UserError: there is no such checkpoint or ontology, neither checkpoint nor server is named, or a number or
                name is none that can be.
        """
        if checkpoint is None and server is None:
            raise UserError("There is nobody to ask: name a checkpoint, a server, or both.")
        if model and server is None:
            raise UserError("A model is named for a server, but no server (--server, `server=` in Python): add it.")
        numbers = {"batch_size": (batch_size, 1), "max_new_tokens": (max_new_tokens, 1), "threads": (threads, 0)}
        for name, (number, least) in numbers.items():
            if number is not None and number < least:
                raise UserError(f"{name} is {number}: at least {least} is wanted.")
        if not text_field:
            raise UserError("text_field is empty: name the field or column that holds a row's text.")
        self.checkpoint = Path(checkpoint) if checkpoint is not None else None
        known = read_recipe(self.checkpoint) if self.checkpoint else None
        recipe = known or CheckpointRecipe()
        self.recipe = recipe.model_copy(update={"max_new_tokens": max_new_tokens}) if max_new_tokens else recipe
        self.ontology = self._ontology(ontology, corpus)
        self._server, self._model = server, model
        self._batch_size, self._threads = batch_size, threads
        self._text_field = text_field

    def _ontology(self, ontology: Ontology | str | Path | None, corpus: str | None) -> Ontology:
        if ontology is not None and corpus is not None:
            raise UserError("A corpus's ontology and one of your own exclude each other: give one of the two.")
        if isinstance(ontology, Ontology):
            return ontology
        if ontology is not None:
            return load_ontology(Path(ontology))
        if self.checkpoint is None:
            raise UserError("Which types are to be extracted? Name a checkpoint, or an ontology file.")
        return choose_ontology(self.checkpoint, corpus)

    @cached_property
    def _student(self) -> Backend:
        longest = self.recipe.max_new_tokens
        if self._server is not None:
            options, grammar = (
                _template_options(self.checkpoint),
                partial(self.recipe.server_grammar, ontology=self.ontology),
            )
            return ServerBackend(self._server, self._model, longest, options, grammar)
        assert self.checkpoint is not None
        from text2graph_dagster.extraction.local_backend import LocalBackend

        return LocalBackend(self.checkpoint, self.recipe, self.ontology, self._batch_size, self._threads)

    def extract(self, texts: Iterable[str], progress: Progress | None = None) -> Iterator[Extraction]:
        """Yield the extraction of every text, in their order; their ids are "0", "1", …

        Raises:
            UserError: `texts` is one text or holds something else, the model cannot be loaded, or the server cannot be
                asked.
        """
        return self._run(map(_as_document, count(), _several(texts, "texts")), progress)

    def extract_documents(self, paths: Iterable[str | Path], progress: Progress | None = None) -> Iterator[Extraction]:
        """Yield the extraction of every document in these files and folders, in their order.

        All formats of a corpus are read. What cannot be read is an extraction with an `error`.

        Raises:
            UserError: `paths` is one path, a path is empty or does not exist, the model cannot be loaded, or the server
                cannot be asked.
        """
        found = []
        for path in _several(paths, "paths"):
            if not str(path):
                raise UserError("A path is empty: name files or folders. The present folder is a dot.")
            found += find_documents(Path(path))
        settings = self.recipe.corpus_settings(self._text_field)
        return self._run((item for file, name in found for item in _documents(file, name, settings)), progress)

    def _run(self, documents: Iterable[Document | Rejection], progress: Progress | None) -> Iterator[Extraction]:
        course, source, done = DocumentRun(self.ontology, self.recipe), iter(documents), count(1)
        while not course.ended:
            for question, reply in self._student.answer(course.questions(source)):
                course.answer(question, reply)
                if progress:
                    progress(next(done), None, "passages")
                yield from course.finished()
            yield from course.finished()


def _several(given: Iterable[_T], what: str) -> Iterable[_T]:
    if isinstance(given, str | bytes | Path):
        raise UserError(f"{what} is a single one: put it into a list.")
    return given


def _as_document(number: int, text: str) -> Document | Rejection:
    name = str(number)
    if not isinstance(text, str):
        raise UserError(f"text {name} is of type {type(text).__name__}: give strings.")
    return check_text(name, text) or Document(name, text, name, None, 0, "")


def _documents(file: Path, name: str, settings: CorpusSettings) -> Iterator[Document | Rejection]:
    """Yield the documents of a file; one that holds none is told, too."""
    documents = read_file(file, name, settings)
    yield next(documents, Rejection(name, "empty", "there is no document in it"))
    yield from documents


def _template_options(checkpoint: Path | None) -> dict[str, bool]:
    """Return what a template has to be told that can leave the thinking to the model: ours never does."""
    if checkpoint is None:
        return {}
    for path in (checkpoint / "chat_template.jinja", checkpoint / "tokenizer_config.json"):
        if path.is_file() and "enable_thinking" in path.read_text(encoding="utf-8", errors="replace"):
            return {"enable_thinking": False}
    return {}
