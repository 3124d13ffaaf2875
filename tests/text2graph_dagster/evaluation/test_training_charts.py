"""The report's training section: which charts a stage gets, in which order, and what is folded away."""

import pytest

from tests.text2graph_dagster.evaluation.svg_text import SVG, parse_svg, svg_texts
from text2graph_dagster.evaluation.training_charts import StageCharts, draw_stage

WEIGHTS = {"relation_f1": 2.0, "entity_f1": 1.0, "format": 0.1}
DEV = {
    "dev_relation_f1": [(0, 0.60), (10, 0.66), (20, 0.64)],
    "dev_relation_f1_low": [(0, 0.55), (10, 0.61), (20, 0.59)],
    "dev_relation_f1_high": [(0, 0.65), (10, 0.71), (20, 0.69)],
    "dev_passages": [(0, 680), (10, 680), (20, 680)],
}
SFT = DEV | {"loss": [(x, 1 - x / 40) for x in range(1, 21)], "learning_rate": [(1, 1e-3), (20, 0.0)]}
GRPO = DEV | {
    "loss": [(1, 0.001), (20, -0.001)],
    "reward": [(1, 1.5), (20, 1.7)],
    "reward_deviation": [(1, 1.4), (20, 1.3)],
    "reward_relation_f1": [(1, 0.4), (20, 0.5)],
    "reward_entity_f1": [(1, 0.7), (20, 0.7)],
    "completion_length": [(1, 30), (20, 31)],
    "completion_length_max": [(1, 90), (20, 80)],
}


def titles(shown: StageCharts) -> list[str]:
    return [svg_texts(panel.chart)[0] for panel in shown.panels]


def test_a_stage_has_few_charts_in_a_fixed_order() -> None:
    assert titles(draw_stage(SFT, WEIGHTS)) == ["Relation F1 on dev", "Loss on training batches"]
    assert titles(draw_stage(GRPO, WEIGHTS)) == ["Relation F1 on dev", "Reward and its parts", "Length of answers"]
    assert draw_stage({}, WEIGHTS) == StageCharts((), (), {})


def test_dev_f1_has_a_band_and_its_best_measurement() -> None:
    panel = draw_stage(SFT, WEIGHTS).panels[0]
    assert len(list(parse_svg(panel.chart).iter(f"{SVG}polygon"))) == 1
    assert len(list(parse_svg(panel.chart).iter(f"{SVG}circle"))) == 3
    assert "best of 3 measurements on 680 passages is 0.660, after step 10" in panel.sentence
    one = draw_stage({"dev_relation_f1": [(0, 0.5)]}, WEIGHTS).panels[0]
    assert "best of 1 measurement is 0.500, after step 0" in one.sentence


def test_the_parts_of_the_reward_are_weighted_thin_lines() -> None:
    chart = draw_stage(GRPO, WEIGHTS).panels[1].chart
    assert {"reward", "relation_f1", "entity_f1"} <= set(svg_texts(chart))
    assert {"format", "deviation"}.isdisjoint(svg_texts(chart))
    total, relations, entities = parse_svg(chart).iter(f"{SVG}polyline")
    assert float(total.get("stroke-width")) > 2 * float(entities.get("stroke-width"))

    def rise(line) -> float:
        first, last = (float(p.split(",")[1]) for p in line.get("points").split())
        return first - last

    # 2 × (0.5 − 0.4) is as large as the rise of the reward
    assert rise(relations) == pytest.approx(rise(total), abs=0.2)
    assert rise(entities) == 0


def test_lengths_say_what_they_are() -> None:
    assert {"tokens", "mean", "longest"} <= set(svg_texts(draw_stage(GRPO, WEIGHTS).panels[2].chart))
    sft = draw_stage(SFT | {"dev_answer_tokens": [(0, 40), (20, 35)]}, WEIGHTS)
    assert titles(sft)[1] == "Length of answers"
    assert "tokens, mean on dev" in svg_texts(sft.panels[1].chart)


def test_all_metrics_are_in_the_folded_part() -> None:
    shown = draw_stage(GRPO, WEIGHTS)
    assert shown.constants == {"dev_passages": 680, "reward_entity_f1": 0.7}
    assert {svg_texts(chart)[0] for chart in shown.metrics} | set(shown.constants) == set(GRPO)


def test_charts_of_a_stage_have_the_same_x_axis() -> None:
    panels = draw_stage(GRPO, WEIGHTS).panels
    assert all({"0", "20"} <= set(svg_texts(panel.chart)) for panel in panels)
