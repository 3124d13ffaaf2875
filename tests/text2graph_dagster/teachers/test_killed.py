"""After SIGKILL at any moment, no recorded answer is lost and no finished call is repeated."""

import multiprocessing
import random
import time
from pathlib import Path

import pytest

from benchmarks import chat_server
from tests.text2graph_dagster.teachers.chat.sample_calls import fast_endpoint, sample_requests
from text2graph_dagster.teachers.chat.endpoint import KEY_VARIABLE
from text2graph_dagster.teachers.chat.teacher import ChatTeacher, build_prompt
from text2graph_dagster.teachers.ledger import ask_teacher

KILLS, PASSAGES, AT_ONCE = 20, 600, 8


def run(warehouse: str, url: str, batch: int) -> None:
    """Make all calls; this runs in the process that is killed."""
    from resources.teachers import WarehouseLedger
    from resources.warehouse import Warehouse
    from text2graph_dagster.teachers import call_runner

    call_runner.BATCH = batch  # so that some kills happen while the table is written
    ask_teacher(
        ChatTeacher(fast_endpoint(url, concurrency=AT_ONCE)),
        sample_requests(PASSAGES),
        WarehouseLedger(Warehouse(path=warehouse)),
    )


@pytest.mark.slow
def test_twenty_kills_lose_no_answer_and_repeat_no_finished_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from resources.teachers import WarehouseLedger
    from resources.warehouse import Warehouse

    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    rng = random.Random(7)
    context = multiprocessing.get_context("forkserver")  # the packages are imported once
    context.set_forkserver_preload(["resources.teachers", "openai", __name__])
    warehouse = str(tmp_path / "warehouse.duckdb")
    prompts = {request.passage_id: build_prompt(request) for request in sample_requests(PASSAGES)}

    def recorded() -> set[str]:
        for rows in (ledger := WarehouseLedger(Warehouse(path=warehouse)))._journal.recover():
            ledger._write(rows)
        return set(ledger.warehouse.read("SELECT passage_id FROM teacher_calls")["passage_id"])

    with chat_server.serving(delay=0.01) as heard:
        finished: dict[str, int] = {}  # passage → number of calls made until an answer was recorded
        for _ in range(KILLS):
            child = context.Process(target=run, args=(warehouse, heard.url, rng.choice([16, 4096])))
            before = sum(heard.answered.values())
            child.start()
            until = before + rng.randrange(PASSAGES // KILLS)
            while child.is_alive() and sum(heard.answered.values()) <= until:
                time.sleep(0.001)
            time.sleep(rng.uniform(0, 0.02))
            child.kill()
            child.join()
            known = recorded()
            assert set(finished) <= known, "a finished call was lost"
            finished |= {p: heard.asked[prompts[p]] for p in known if p not in finished}
        run(warehouse, heard.url, 4096)
        assert recorded() == set(prompts)
        assert {p: heard.asked[prompts[p]] for p in finished} == finished, "a finished call was made again"
        assert sum(heard.asked.values()) <= PASSAGES + KILLS * AT_ONCE  # only calls in flight
        assert len(finished) > 100
    assert not list((tmp_path / "calls").glob("*.jsonl"))
