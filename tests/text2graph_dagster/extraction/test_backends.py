"""The server backend, with a fake chat server."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.text2graph_dagster.extraction.tiny_students import (
    ONTOLOGY,
    make_checkpoint,
    make_extractor,
    serve_answers,
)
from tests.text2graph_dagster.teachers.chat.chat_server import serving
from text2graph_dagster import Extractor
from text2graph_dagster.errors import UserError
from text2graph_dagster.extraction.results import Extraction
from text2graph_dagster.inference.checkpoint import CheckpointRecipe
from text2graph_dagster.settings import DecodingSettings


class TestServerBackend:
    def test_the_server_backend_gives_the_same_result_as_the_local_backend(self, tmp_path: Path) -> None:
        texts = ["Ana Kovač lives in Dene.", "", "Bo. " * 200, "silence"]
        with serving(serve_answers) as seen:
            served = list(Extractor(make_checkpoint(tmp_path, "tiny"), server=seen.url).extract(texts))
        expected = list(make_extractor().extract(texts))

        def without_tokens(found: Extraction) -> tuple[Any, ...]:
            return found.as_row(), found.graph, found.unanswered

        assert list(map(without_tokens, served)) == list(map(without_tokens, expected))
        assert {body["model"] for body in seen.bodies} == {"m"}
        assert all("response_format" not in body and "chat_template_kwargs" not in body for body in seen.bodies)

    def test_thinking_is_turned_off_in_templates_that_support_it(self, tmp_path: Path) -> None:
        folder = make_checkpoint(tmp_path, "tiny")
        (folder / "chat_template.jinja").write_text("{% if enable_thinking %}…{% endif %}")
        with serving(serve_answers) as seen:
            list(Extractor(folder, server=seen.url, model="other").extract(["Bo."]))
        assert seen.bodies[-1]["chat_template_kwargs"] == {"enable_thinking": False}
        assert {body["model"] for body in seen.bodies} == {"other"}

    @pytest.mark.parametrize(("thinking", "constrained"), [(False, True), (True, False)])
    def test_the_grammar_of_each_passage_is_sent(self, tmp_path: Path, thinking: bool, constrained: bool) -> None:
        folder = make_checkpoint(tmp_path, "tiny")
        recipe = CheckpointRecipe(decoding=DecodingSettings(grammar="copy"), thinking=thinking)
        (folder / "extraction.json").write_text(recipe.model_dump_json())
        with serving(serve_answers) as seen:
            found = list(Extractor(folder, server=seen.url).extract(["Bo in Dene.", "Ana Kovač."]))
        grammars = [body.get("structured_outputs", {}).get("grammar", "") for body in seen.bodies]
        assert ["Dene" in grammar for grammar in grammars].count(True) == constrained  # the grammar of its own passage
        assert all(grammar.count("start: answer0\n") == constrained for grammar in grammars)
        assert all("response_format" not in body for body in seen.bodies) and all(e.graph.entities for e in found)

    def test_a_server_without_grammar_support_fails_before_the_first_passage(self, tmp_path: Path) -> None:
        def refuse(body: dict[str, Any]) -> dict[str, Any] | int:
            return 400 if "structured_outputs" in body else serve_answers(body)

        folder = make_checkpoint(tmp_path, "tiny")
        with serving(refuse) as seen:
            with pytest.raises(UserError, match="backend guidance"):
                list(Extractor(folder, server=seen.url).extract(["Bo.", "Ana Kovač."]))
            assert len(seen.bodies) == 1
            recipe = folder / "extraction.json"
            recipe.write_text(recipe.read_text().replace('"copy"', '"none"'))
            assert all(e.graph.entities for e in Extractor(folder, server=seen.url).extract(["Bo.", "Ana Kovač."]))

    def test_a_failed_call_loses_only_its_passage(self) -> None:
        def sometimes(body: dict[str, Any]) -> dict[str, Any] | int:
            return 400 if "Dene" in body["messages"][0]["content"] else serve_answers(body)

        with serving(sometimes) as seen:
            made = Extractor(server=seen.url, ontology=ONTOLOGY)
            bad, good = made.extract(["Bo in Dene.", "Bo."])
        assert bad.as_row()["passages"][0]["detail"] == "BadRequestError 400"
        assert bad.unanswered == {"failed": 1} and [e.text for e in good.graph.entities] == ["Bo"]

    def test_an_unreachable_server_is_a_user_error(self) -> None:
        with pytest.raises(UserError, match="does not list its models"):
            list(Extractor(server="http://127.0.0.1:9/v1", ontology=ONTOLOGY).extract(["Bo."]))
        with pytest.raises(UserError, match="not an http"):
            list(Extractor(server="127.0.0.1", ontology=ONTOLOGY).extract(["Bo."]))

    def test_an_address_without_a_chat_server_is_a_user_error(self) -> None:
        messages = {"a page": "does not list", 404: "does not list", 401: "TEXT2GRAPH_API_KEY"}
        for catalogue, message in [*messages.items(), (["a", "list"], "does not list")]:
            with serving(serve_answers, catalogue=catalogue) as seen, pytest.raises(UserError, match=message):
                list(Extractor(server=seen.url, ontology=ONTOLOGY).extract(["Bo."]))
        with pytest.raises(UserError, match="not an http"):
            list(Extractor(server="http://[::1", ontology=ONTOLOGY).extract(["Bo."]))

    def test_two_extractions_may_run_at_once(self) -> None:
        texts = ["Bo in Dene.", "Ana Kovač.", "Velsoft.", "Bo."] * 20
        with serving(serve_answers) as seen:
            made = Extractor(server=seen.url, ontology=ONTOLOGY)
            pairs = list(zip(made.extract(texts), made.extract(texts), strict=True))
        assert all(one == other and not one.unanswered for one, other in pairs)

    def test_extraction_works_inside_a_running_event_loop(self) -> None:
        with serving(serve_answers) as seen:
            made = Extractor(server=seen.url, ontology=ONTOLOGY)

            async def cell() -> list[Extraction]:
                first = next(made.extract(["Bo."] * 9))  # the rest is cancelled
                return [first, *made.extract(["Bo.", "Dene."])]

            found = asyncio.run(cell())
        assert [e.text for extraction in found for e in extraction.graph.entities] == ["Bo", "Bo", "Dene"]

    def test_one_of_several_models_must_be_chosen(self) -> None:
        with serving(serve_answers, models=("a", "b")) as seen, pytest.raises(UserError, match="serves a, b"):
            list(Extractor(server=seen.url, ontology=ONTOLOGY).extract(["Bo."]))
