"""The pairs that a reward model is taught and measured on: examples with a graph, and what their student makes of them.

Passages are given invented names wherever GRPO's are, so that few trusted graphs make many pairs.
"""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from text2graph_dagster.dataset.confusions import Confusions, mine
from text2graph_dagster.dataset.preference_pairs import Case, Preference, corrupt, rank
from text2graph_dagster.graph.model import ParsedGraph
from text2graph_dagster.inference.chat_template import render_prompts
from text2graph_dagster.ontology import Ontology
from text2graph_dagster.rewards.items import parse_completion
from text2graph_dagster.settings import Settings
from text2graph_dagster.training.data.examples import Example
from text2graph_dagster.training.data.name_augmentation import NameAugmenter
from text2graph_dagster.training.student_defaults import name_augmentation_share

_PROMPTS = 32  # so many prompts are answered at once


@dataclass(frozen=True)
class PreferencePair:
    """A question, and the better and the worse of two graphs."""

    example: Example
    preference: Preference


Writer = Callable[[Sequence[Example]], list[list[str]]]  # a student's answers to each


def draw(examples: Sequence[Example], settings: Settings, *, hold_out: bool) -> tuple[list[Example], list[Example]]:
    """Return the trusted examples that pairs for teaching are made of, and those held out to measure on.

    Those for teaching come again, with other names, until there are as many draws as the settings want.
    """
    rng = random.Random(settings.seed)
    trusted = [example for example in examples if example.trusted]
    rng.shuffle(trusted)
    held = round(len(trusted) * settings.reward_model.held_out) if hold_out else 0
    taught = trusted[held:]
    draws: list[Example] = []
    while taught and len(draws) < settings.reward_model.training_passages:
        draws += rng.sample(taught, min(len(taught), settings.reward_model.training_passages - len(draws)))
    if name_augmentation_share(settings):
        draws = list(NameAugmenter(examples).augment(draws, 1.0, settings))
    return draws, trusted[:held]


def make_pairs(
    examples: Sequence[Example],
    ontologies: Mapping[str, Ontology],
    write: Writer | None,
    settings: Settings,
) -> list[PreferencePair]:
    """Return every example's graph against mistaken ones, and the student's answers against each other."""
    rng = random.Random(settings.seed)
    weights, most = settings.grpo.weights.model_dump(), settings.reward_model.max_sampled_pairs
    confusions = mine_confusions(examples, ontologies)
    answers = write(examples) if write else [[] for _ in examples]
    pairs: list[PreferencePair] = []
    for example, written in zip(examples, answers, strict=True):
        ontology = ontologies.get(example.corpus)
        case = Case(example.text, example.entity_types, example.relation_types, example.graph, ontology, weights)
        found = corrupt(case, confusions.get(example.corpus, Confusions()), rng)
        found += rank(case, _readable(written), most, rng)
        pairs += [PreferencePair(example, preference) for preference in found]
    return pairs


def mine_confusions(examples: Sequence[Example], ontologies: Mapping[str, Ontology]) -> dict[str, Confusions]:
    """Return what each corpus confuses, as far as these examples show it."""
    return {
        corpus: mine(ontology, (example.graph for example in examples if example.corpus == corpus))
        for corpus, ontology in ontologies.items()
    }


def writer(student: Any, tokenizer: Any, settings: Settings, progress: Callable[[int, int], None]) -> Writer | None:
    """Return what has the student write its answers, sampled as in GRPO; None where the settings want none."""
    import torch

    from text2graph_dagster.inference.batch_generation import sample_prompts

    samples = settings.reward_model.samples
    if not samples:
        return None

    def write(examples: Sequence[Example]) -> list[list[str]]:
        if not examples:
            return []
        torch.manual_seed(settings.seed)  # a run that goes on from its checkpoint has the same answers
        prompts = render_prompts([example.prompt for example in examples], tokenizer)
        return sample_prompts(
            student,
            tokenizer,
            prompts,
            samples=samples,
            temperature=settings.grpo.temperature,
            max_new_tokens=settings.grpo.max_completion_length,
            batch_size=_PROMPTS,
            progress=lambda done: progress(done, len(prompts)),
        )

    return write


def _readable(answers: Iterable[str]) -> list[ParsedGraph]:
    return [parsed for parsed in map(parse_completion, answers) if parsed is not None]
