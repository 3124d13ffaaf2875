"""teacher_graphs and cot_traces with managed model servers."""

from tests.assets.conftest import Sandbox
from tests.resources.model_server import fake_vllm, find_leftovers


def test_teacher_graphs_and_cot_traces_start_and_end_a_server(sandbox: Sandbox) -> None:
    """The servers' folders record which models were called and which processes are left."""
    teacher, reasoner = sandbox.root / "teacher", sandbox.root / "reasoner"
    sandbox.overrides |= {
        "teacher": {"kind": "chat", "model": "T", "server": fake_vllm(teacher).model_dump()},
        "reasoner": {"kind": "chat", "model": "R", "server": fake_vllm(reasoner, answer="Because.").model_dump()},
    }
    sandbox.add("tiny", documents=8)
    sandbox.run("tiny", "raw_corpus", "teacher_graphs", "cot_traces")
    gold = 6  # gold passages get no rationale
    assert sandbox.warehouse.count("teacher_graphs") == sandbox.warehouse.count("cot_traces") + gold
    assert set((teacher / "asked").read_text().split()) == {"T"}
    assert set((reasoner / "asked").read_text().split()) == {"R"}
    assert find_leftovers(teacher) == find_leftovers(reasoner) == []
