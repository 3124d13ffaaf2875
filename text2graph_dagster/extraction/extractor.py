"""The Python API of extraction: `from text2graph_dagster import Extractor`."""

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
from text2graph_dagster.inference.checkpoint import CheckpointRecipe, choose_ontology, read_recipe, require_known_types
from text2graph_dagster.ontology import Ontology, load_ontology
from text2graph_dagster.progress import Progress
from text2graph_dagster.settings import CorpusSettings

_T = TypeVar("_T")


class Extractor:
    """Extracts graphs from texts and documents, with a student in this process or on a server.

        extractor = Extractor("home/checkpoints/grpo-0123456789ab")
        for extraction in extractor.extract(["Ana Kovač founded Velsoft."]):
            print(extraction.graph.triples())

    Documents are read, cleaned and split into passages as in training. The student answers every passage, and the
    legal parts of its answers become one graph per document. Memory does not grow with the number of documents.
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
        """Configure the student; it is loaded on first use.

        Args:
            checkpoint: a checkpoint or model directory, or the hub name of any model with a chat template.
            corpus: the training corpus whose types to extract; not needed if there is only one.
            ontology: types to extract instead of a corpus's: an ontology, or the path of an `ontology.yaml`.
            server: the URL of an OpenAI-compatible server that serves the student, e.g. http://127.0.0.1:8000/v1.
            model: the student's name on the server; not needed if the server serves only one model.
            batch_size: passages per batch in this process.
            max_new_tokens: the maximum length of an answer; None: the limit in the student's evaluation.
            threads: processor cores; 0: all that the process may use; None: torch's default.
            text_field: the field or column with the text of a row of `.jsonl` or `.parquet`.

        Raises:
            UserError: an argument is invalid or missing, or the checkpoint or the ontology cannot be read.
        """
        _check_arguments(checkpoint, server, model, text_field)
        _check_numbers(batch_size=(batch_size, 1), max_new_tokens=(max_new_tokens, 1), threads=(threads, 0))
        self.checkpoint = Path(checkpoint) if checkpoint is not None else None
        known = read_recipe(self.checkpoint) if self.checkpoint else None
        recipe = known or CheckpointRecipe()
        self.recipe = recipe.model_copy(update={"max_new_tokens": max_new_tokens}) if max_new_tokens else recipe
        self.ontology = self._load_ontology(ontology, corpus)
        if self.checkpoint and self.recipe.template == "text":
            require_known_types(self.checkpoint, self.ontology)
        self._server, self._model = server, model
        self._batch_size, self._threads = batch_size, threads
        self._text_field = text_field

    def _load_ontology(self, ontology: Ontology | str | Path | None, corpus: str | None) -> Ontology:
        if ontology is not None and corpus is not None:
            raise UserError("`corpus` and `ontology` cannot be combined: pass only one of them.")
        if isinstance(ontology, Ontology):
            return ontology
        if ontology is not None:
            return load_ontology(Path(ontology))
        if self.checkpoint is None:
            raise UserError("There are no types to extract: pass a checkpoint or an ontology file.")
        return choose_ontology(self.checkpoint, corpus)

    @cached_property
    def _backend(self) -> Backend:
        if self._server is not None:
            grammar = partial(self.recipe.server_grammar, ontology=self.ontology)
            options, max_tokens = _template_options(self.checkpoint), self.recipe.max_new_tokens
            return ServerBackend(self._server, self._model, max_tokens, options, grammar)
        assert self.checkpoint is not None
        from text2graph_dagster.extraction.local_backend import LocalBackend

        return LocalBackend(self.checkpoint, self.recipe, self.ontology, self._batch_size, self._threads)

    def extract(self, texts: Iterable[str], progress: Progress | None = None) -> Iterator[Extraction]:
        """Yield the extraction of every text, in order; the ids are "0", "1", …

        Raises:
            UserError: `texts` is a single text or contains other values than strings, the model cannot be loaded, or
                the server cannot be used.
        """
        return self._run(map(_as_document, count(), _check_list(texts, "texts")), progress)

    def extract_documents(self, paths: Iterable[str | Path], progress: Progress | None = None) -> Iterator[Extraction]:
        """Yield the extraction of every document in these files and folders, in order.

        All formats of a corpus are supported. A document that cannot be read yields an extraction with an `error`.

        Raises:
            UserError: `paths` is a single path, a path is empty or does not exist, the model cannot be loaded, or the
                server cannot be used.
        """
        found = []
        for path in _check_list(paths, "paths"):
            if not str(path):
                raise UserError("A path is empty: pass files or folders; the current folder is a dot.")
            found += find_documents(Path(path))
        settings = self.recipe.corpus_settings(self._text_field)
        return self._run((item for file, name in found for item in _documents(file, name, settings)), progress)

    def _run(self, documents: Iterable[Document | Rejection], progress: Progress | None) -> Iterator[Extraction]:
        run, source, done = DocumentRun(self.ontology, self.recipe), iter(documents), count(1)
        while not run.ended:
            for request, reply in self._backend.answer(run.requests(source)):
                run.add_reply(request, reply)
                if progress:
                    progress(next(done), None, "passages")
                yield from run.pop_finished()
            yield from run.pop_finished()


def _check_arguments(checkpoint: str | Path | None, server: str | None, model: str, text_field: str) -> None:
    if checkpoint is None and server is None:
        raise UserError("There is no student: pass a checkpoint, a server, or both.")
    if model and server is None:
        raise UserError("`model` needs a server: pass its URL with --server (`server=` in Python).")
    if not text_field:
        raise UserError("text_field is empty: pass the field or column with a row's text.")


def _check_numbers(**numbers: tuple[int | None, int]) -> None:
    """Check (value, minimum) pairs; None is allowed."""
    for name, (value, minimum) in numbers.items():
        if value is not None and value < minimum:
            raise UserError(f"{name} is {value}: it must be at least {minimum}.")


def _check_list(given: Iterable[_T], what: str) -> Iterable[_T]:
    if isinstance(given, str | bytes | Path):
        raise UserError(f"{what} must be a list: put the single value into a list.")
    return given


def _as_document(number: int, text: str) -> Document | Rejection:
    name = str(number)
    if not isinstance(text, str):
        raise UserError(f"text {name} is of type {type(text).__name__}: pass strings.")
    return check_text(name, text) or Document(name, text, name, None, 0, "")


def _documents(file: Path, name: str, settings: CorpusSettings) -> Iterator[Document | Rejection]:
    """Yield the documents of a file; a file without documents yields a rejection."""
    documents = read_file(file, name, settings)
    yield next(documents, Rejection(name, "empty", "there is no document in it"))
    yield from documents


def _template_options(checkpoint: Path | None) -> dict[str, bool]:
    """Return the option that turns off thinking if the chat template has it; students are prompted without thinking."""
    if checkpoint is None:
        return {}
    for path in (checkpoint / "chat_template.jinja", checkpoint / "tokenizer_config.json"):
        if path.is_file() and "enable_thinking" in path.read_text(encoding="utf-8", errors="replace"):
            return {"enable_thinking": False}
    return {}
