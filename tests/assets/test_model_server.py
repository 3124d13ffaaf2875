"""teacher_graphs and cot_traces with model servers of their own."""

from tests.assets.conftest import House
from tests.resources.model_server import fake_vllm, left_of


def test_both_assets_start_and_end_a_server(house: House) -> None:
    """The servers' folders tell who was asked, and that nobody is left."""
    teacher, reasoner = house.root / "teacher", house.root / "reasoner"
    house.overrides |= {
        "teacher": {"kind": "chat", "model": "T", "server": fake_vllm(teacher).model_dump()},
        "reasoner": {"kind": "chat", "model": "R", "server": fake_vllm(reasoner, answer="Because.").model_dump()},
    }
    house.add("tiny", documents=8)
    house.run("tiny", "raw_corpus", "teacher_graphs", "cot_traces")
    gold = 6  # is not reasoned about
    assert house.warehouse.count("teacher_graphs") == house.warehouse.count("cot_traces") + gold
    assert set((teacher / "asked").read_text().split()) == {"T"}
    assert set((reasoner / "asked").read_text().split()) == {"R"}
    assert left_of(teacher) == left_of(reasoner) == []
