"""GraphPreference pairs to train and evaluate the reward model: a better and a worse graph for an example.

A worse graph is a corrupted gold graph, or an answer of the student with a lower reward than another answer. Examples
get invented names if GRPO's examples do, so that a few trusted graphs give many pairs.
"""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from text2graph_dagster.dataset.confusions import Confusions, mine_confusions
from text2graph_dagster.dataset.preference_pairs import GraphPreference, PairCase, corrupt_graph, rank_answers
from text2graph_dagster.graph.model import ParsedGraph
from text2graph_dagster.inference.chat_template import render_prompts
from text2graph_dagster.ontology import Ontology
from text2graph_dagster.rewards.items import parse_completion
from text2graph_dagster.settings import Settings
from text2graph_dagster.training.data.examples import Example
from text2graph_dagster.training.data.name_augmentation import NameAugmenter
from text2graph_dagster.training.student_defaults import choose_name_augmentation_share

_PROMPTS_PER_BATCH = 32


@dataclass(frozen=True)
class PreferencePair:
    """An example, and a better and a worse graph for it."""

    example: Example
    preference: GraphPreference


AnswerSampler = Callable[[Sequence[Example]], list[list[str]]]  # the student's answers to each example


def sample_examples(
    examples: Sequence[Example], settings: Settings, *, hold_out: bool
) -> tuple[list[Example], list[Example]]:
    """Return (examples for training pairs, examples held out for evaluation); all are trusted.

    Training examples are repeated, with different names, up to `reward_model.training_passages`.
    """
    rng = random.Random(settings.seed)
    trusted = [example for example in examples if example.trusted]
    rng.shuffle(trusted)
    held_out = round(len(trusted) * settings.reward_model.held_out) if hold_out else 0
    training = trusted[held_out:]
    draws: list[Example] = []
    while training and len(draws) < settings.reward_model.training_passages:
        draws += rng.sample(training, min(len(training), settings.reward_model.training_passages - len(draws)))
    if choose_name_augmentation_share(settings):
        draws = list(NameAugmenter(examples).augment(draws, 1.0, settings))
    return draws, trusted[:held_out]


def make_pairs(
    examples: Sequence[Example],
    ontologies: Mapping[str, Ontology],
    sample_answers: AnswerSampler | None,
    settings: Settings,
) -> list[PreferencePair]:
    """Return pairs of each example's graph and a corrupted graph, and pairs of the student's answers ranked by reward.

    Args:
        sample_answers: samples the student's answers; None: no pairs of answers.
    """
    rng = random.Random(settings.seed)
    weights, most = settings.grpo.weights.model_dump(), settings.reward_model.max_sampled_pairs
    confusions = mine_corpus_confusions(examples, ontologies)
    answers = sample_answers(examples) if sample_answers else [[] for _ in examples]
    pairs: list[PreferencePair] = []
    for example, sampled in zip(examples, answers, strict=True):
        ontology = ontologies.get(example.corpus)
        case = PairCase(example.text, example.entity_types, example.relation_types, example.graph, ontology, weights)
        found = corrupt_graph(case, confusions.get(example.corpus, Confusions()), rng)
        found += rank_answers(case, _parse_answers(sampled), most, rng)
        pairs += [PreferencePair(example, preference) for preference in found]
    return pairs


def mine_corpus_confusions(examples: Sequence[Example], ontologies: Mapping[str, Ontology]) -> dict[str, Confusions]:
    """Return, for each corpus, which types are easily confused, counted in these examples."""
    return {
        corpus: mine_confusions(ontology, (example.graph for example in examples if example.corpus == corpus))
        for corpus, ontology in ontologies.items()
    }


def make_answer_sampler(
    student: Any, tokenizer: Any, settings: Settings, progress: Callable[[int, int], None]
) -> AnswerSampler | None:
    """Return a function that samples answers from the student as GRPO does; None if `reward_model.samples` is 0."""
    import torch

    from text2graph_dagster.inference.batch_generation import sample_prompts

    samples = settings.reward_model.samples
    if not samples:
        return None

    def sample_answers(examples: Sequence[Example]) -> list[list[str]]:
        if not examples:
            return []
        torch.manual_seed(settings.seed)  # a resumed run gets the same answers
        prompts = render_prompts([example.prompt for example in examples], tokenizer)
        return sample_prompts(
            student,
            tokenizer,
            prompts,
            samples=samples,
            temperature=settings.grpo.temperature,
            max_new_tokens=settings.grpo.max_completion_length,
            batch_size=_PROMPTS_PER_BATCH,
            progress=lambda done: progress(done, len(prompts)),
        )

    return sample_answers


def _parse_answers(answers: Iterable[str]) -> list[ParsedGraph]:
    return [parsed for parsed in map(parse_completion, answers) if parsed is not None]
