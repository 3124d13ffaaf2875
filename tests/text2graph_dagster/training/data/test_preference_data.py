"""Preference pairs: which examples they are made of, and how answers are ranked."""

from collections import Counter
from typing import Any

from tests.text2graph_dagster.training import tiny_models
from text2graph_dagster.dataset.preference_pairs import PairCase
from text2graph_dagster.training.data.preference_data import make_pairs, sample_examples


def test_passages_are_repeated_with_different_names_and_held_out_ones_are_not_used(examples: Any) -> None:
    settings = tiny_models.settings({"reward_model": {"training_passages": 130, "held_out": 0.2}})
    training, held_out = sample_examples(list(examples), settings, hold_out=True)
    assert (len(training), len(held_out)) == (130, 12)
    assert not {e.example_id for e in training} & {e.example_id for e in held_out}
    repeats = Counter(e.example_id for e in training)
    assert set(repeats.values()) <= {2, 3} and len({e.text for e in training}) > 100


def test_a_students_answers_are_ranked_as_the_reward_ranks_them(examples: Any) -> None:
    some = list(examples)[:10]
    settings = tiny_models.settings({"reward_model": {"samples": 4}})
    pairs = make_pairs(
        some, {}, lambda examples: [[e.answer, "{", '{"entities":[],"relations":[]}'] for e in examples], settings
    )
    sampled = [pair for pair in pairs if pair.preference.kind == "sampled"]
    assert len(sampled) == 10
    for pair in sampled:
        e = pair.example
        case = PairCase(e.text, e.entity_types, e.relation_types, e.graph, None, settings.grpo.weights.model_dump())
        assert case.reward(pair.preference.chosen) > case.reward(pair.preference.rejected)
        assert not pair.preference.rejected.entities
