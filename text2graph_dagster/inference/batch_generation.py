"""Answers to many prompts, in batches, by the fast decoder if it supports the model, else by HF `generate`."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from text2graph_dagster.grammar import AnswerForm
from text2graph_dagster.graph.wire import strip_leading_blanks
from text2graph_dagster.inference.constraints import GrammarConstraint, GrammarLogitsProcessor
from text2graph_dagster.inference.decoder_weights import DecoderWeights, has_fast_decoder, read_weights
from text2graph_dagster.inference.fast_decoder import DecodedBatch, decode_batch
from text2graph_dagster.inference.loading import greedy_generation_config
from text2graph_dagster.settings import Precision


@dataclass(frozen=True)
class StudentAnswer:
    """A student's answer, its length in tokens, and whether it ended with the EOS token."""

    text: str
    tokens: int
    stopped: bool


def answer_prompts(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[str],
    *,
    max_new_tokens: int,
    batch_size: int,
    progress: Callable[[int], None] = lambda done: None,
    forms: Sequence[AnswerForm] | None = None,
    precision: Precision = "auto",
) -> list[StudentAnswer]:
    """Return the greedy answer to every rendered prompt, in order, constrained to `forms` (one per prompt) if given.

    `precision` is that of the fast decoder, as in `DecodingSettings`.
    """
    ids = tokenizer(list(prompts), add_special_tokens=False)["input_ids"] if prompts else []
    answers: dict[int, StudentAnswer] = {}
    was_training = model.training
    for batch in answer_batches(
        model,
        tokenizer,
        ids,
        max_new_tokens=max_new_tokens,
        batch_size=batch_size,
        forms=forms,
        precision=precision,
    ):
        answers |= batch
        progress(len(answers))
    model.train(was_training)
    return [answers[i] for i in range(len(ids))]


def answer_batches(
    model: Any,
    tokenizer: Any,
    ids: Sequence[list[int]],
    *,
    max_new_tokens: int,
    batch_size: int,
    forms: Sequence[AnswerForm] | None = None,
    precision: Precision = "auto",
) -> Iterator[dict[int, StudentAnswer]]:
    """Yield greedy answers to prompts (token ids) batch by batch, as prompt number → answer.

    A batch holds prompts of similar length. The model is left in evaluation mode.
    """
    by_length = sorted(range(len(ids)), key=lambda i: (len(ids[i]), i))
    model.eval()
    weights = _read_weights(model, precision)
    for start in range(0, len(by_length), batch_size):
        batch = by_length[start : start + batch_size]
        some, their_forms = [ids[i] for i in batch], [forms[i] for i in batch] if forms else None
        written = continue_prompts(
            model, tokenizer, some, max_new_tokens=max_new_tokens, forms=their_forms, weights=weights
        )
        answers: dict[int, StudentAnswer] = {}
        for i, tokens in zip(batch, written.tokens, strict=True):
            stopped = bool(tokens) and tokens[-1] == tokenizer.eos_token_id
            text = strip_leading_blanks(tokenizer.decode(tokens[:-1] if stopped else tokens))
            answers[i] = StudentAnswer(text, len(tokens), stopped)
        yield answers


def sample_prompts(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[str],
    *,
    samples: int,
    temperature: float,
    max_new_tokens: int,
    batch_size: int,
    generator: torch.Generator | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> list[list[str]]:
    """Return `samples` sampled answers to every rendered prompt, in order.

    Prompts are batched in the given order, because the batches determine the random draws. Special tokens are removed,
    because TRL removes them before it computes a completion's reward.
    """
    ids = tokenizer(list(prompts), add_special_tokens=False)["input_ids"] if prompts else []
    drawn: list[list[str]] = []
    was_training = model.training
    model.eval()
    weights = _read_weights(model)
    for start in range(0, len(ids), batch_size):
        answers = continue_prompts(
            model,
            tokenizer,
            ids[start : start + batch_size],
            max_new_tokens=max_new_tokens,
            samples=samples,
            temperature=temperature,
            generator=generator,
            weights=weights,
        )
        texts = [
            strip_leading_blanks(text) for text in tokenizer.batch_decode(answers.tokens, skip_special_tokens=True)
        ]
        drawn += [texts[i : i + samples] for i in range(0, len(texts), samples)]
        progress(len(drawn))
    model.train(was_training)
    return drawn


def continue_prompts(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[list[int]],
    *,
    max_new_tokens: int,
    samples: int = 1,
    temperature: float = 0.0,
    generator: torch.Generator | None = None,
    forms: Sequence[AnswerForm] | None = None,
    weights: DecoderWeights | None = None,
) -> DecodedBatch:
    """Continue prompts given as token ids, `samples` times each; greedily at temperature 0.

    Args:
        forms: the forms of the answers, one per prompt; None: the answers are not constrained.
        weights: the model's weights for the fast decoder; None: read them, if it supports the model.
    """
    constraint = None
    if forms is not None:
        each = [form for form in forms for _ in range(samples)]
        constraint = GrammarConstraint(tokenizer, model.config.vocab_size, each)
    weights = weights or _read_weights(model)
    if weights is not None:
        return decode_batch(
            weights,
            prompts,
            end_tokens=[tokenizer.eos_token_id],
            max_new_tokens=max_new_tokens,
            samples=samples,
            temperature=temperature,
            generator=generator,
            constraint=constraint,
        )
    return _generate(model, tokenizer, prompts, max_new_tokens, samples, temperature, constraint)


def _read_weights(model: Any, precision: Precision = "auto") -> DecoderWeights | None:
    """Return the weights for the fast decoder; None if it does not support the model."""
    return read_weights(model, precision) if has_fast_decoder(model) else None


@torch.no_grad()
def _generate(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[list[int]],
    max_new_tokens: int,
    samples: int,
    temperature: float,
    constraint: GrammarConstraint | None,
) -> DecodedBatch:
    config = greedy_generation_config(tokenizer)
    config.max_new_tokens, config.num_return_sequences = max_new_tokens, samples
    if temperature > 0:
        config.update(do_sample=True, temperature=temperature, top_k=0, top_p=1.0)
    longest = max(map(len, prompts))
    padding = [longest - len(prompt) for prompt in prompts]
    ids = torch.tensor([[tokenizer.pad_token_id] * n + p for n, p in zip(padding, prompts, strict=True)])
    mask = torch.tensor([[0] * n + [1] * len(p) for n, p in zip(padding, prompts, strict=True)])
    written = model.generate(
        input_ids=ids.to(model.device),
        attention_mask=mask.to(model.device),
        generation_config=config,
        logits_processor=[GrammarLogitsProcessor(constraint, longest, tokenizer.eos_token_id)] if constraint else [],
    )[:, longest:].tolist()
    tokens = [_until(row, tokenizer.eos_token_id) for row in written]
    return DecodedBatch(tokens, [[0.0] * len(row) for row in tokens])


def _until(tokens: list[int], end: int) -> list[int]:
    return tokens[: tokens.index(end) + 1] if end in tokens else tokens
