"""A trained student as an object: `from text2graph_dagster import Extractor`."""

from collections.abc import Iterable, Iterator
from functools import cached_property, partial
from pathlib import Path

from text2graph_dagster.corpus.documents import Document, Refused, check_text
from text2graph_dagster.corpus.folder import documents_under
from text2graph_dagster.corpus.readers import read_file
from text2graph_dagster.errors import UserError
from text2graph_dagster.extract.answering import Answerer, ServedStudent
from text2graph_dagster.extract.documents import Course
from text2graph_dagster.extract.extraction import Extraction
from text2graph_dagster.extract.recipe import Recipe, choose_ontology, read_recipe
from text2graph_dagster.ontology import Ontology, load_ontology
from text2graph_dagster.progress import Progress


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
            UserError: there is no such checkpoint or ontology, or neither checkpoint nor server is named.
        """
        if checkpoint is None and server is None:
            raise UserError("There is nobody to ask: name a checkpoint, a server, or both.")
        self.checkpoint = Path(checkpoint) if checkpoint is not None else None
        known = read_recipe(self.checkpoint) if self.checkpoint else None
        recipe = known or Recipe()
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
    def _student(self) -> Answerer:
        longest = self.recipe.max_new_tokens
        if self._server is not None:
            options, grammar = _template_options(self.checkpoint), partial(self.recipe.grammar, ontology=self.ontology)
            return ServedStudent(self._server, self._model, longest, options, grammar)
        assert self.checkpoint is not None
        from text2graph_dagster.training.local import LocalStudent  # brings in torch, seconds of it

        return LocalStudent(self.checkpoint, self.recipe, self.ontology, self._batch_size, self._threads)

    def extract(self, texts: Iterable[str], progress: Progress | None = None) -> Iterator[Extraction]:
        """Yield the extraction of every text, in their order; their ids are "0", "1", …

        Raises:
            UserError: the model cannot be loaded, or the server cannot be asked.
        """
        named = ((str(i), text) for i, text in enumerate(texts))
        return self._run(
            (check_text(name, text) or Document(name, text, name, None, 0, "") for name, text in named), progress
        )

    def extract_documents(self, paths: Iterable[str | Path], progress: Progress | None = None) -> Iterator[Extraction]:
        """Yield the extraction of every document in these files and folders, in their order.

        All formats of a corpus are read. What cannot be read is an extraction with an `error`.

        Raises:
            UserError: a path does not exist, the model cannot be loaded, or the server cannot be asked.
        """
        found = [(file, name) for path in paths for file, name in documents_under(Path(path))]
        settings = self.recipe.corpus_settings(self._text_field)
        return self._run((item for file, name in found for item in read_file(file, name, settings)), progress)

    def _run(self, documents: Iterable[Document | Refused], progress: Progress | None) -> Iterator[Extraction]:
        course = Course(self.ontology, self.recipe)
        for done, (question, reply) in enumerate(self._student.answers(course.questions(documents)), 1):
            course.answer(question, reply)
            if progress:
                progress(done, None, "passages")
            yield from course.finished()
        yield from course.finished()


def _template_options(checkpoint: Path | None) -> dict[str, bool]:
    """Return what a template has to be told that can leave the thinking to the model: ours never does."""
    if checkpoint is None:
        return {}
    for path in (checkpoint / "chat_template.jinja", checkpoint / "tokenizer_config.json"):
        if path.is_file() and "enable_thinking" in path.read_text(encoding="utf-8", errors="replace"):
            return {"enable_thinking": False}
    return {}
