"""Grammar-constrained decoding with llguidance, which tracks every answer and lists the tokens that may come next."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from llguidance import LLExecutor, LLMatcher, LLParserLimits, LLTokenizer
from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask_par
from torch import Tensor
from transformers import LogitsProcessor

from text2graph_dagster.grammar import AnswerForm, deduplicate_forms, form_prefix, write_grammar

_COMPILER = ThreadPoolExecutor(1, "grammar")
# The engine's default limits are for untrusted grammars. Ours are trusted, and large if a batch is large.
_LIMITS = LLParserLimits(
    initial_lexer_fuel=200_000_000, step_lexer_fuel=5_000_000, max_grammar_size=10_000_000, verbose_errors=False
)


class GrammarConstraint:
    """Constrains each answer of a batch to its form; implements `sampling.Constraint`.

    If the engine gives up on an answer because it reached one of its limits, that answer continues unconstrained.
    """

    def __init__(self, tokenizer: Any, vocabulary: int, forms: Sequence[AnswerForm]) -> None:
        """Start compiling the grammar for one answer per form, in a thread, so that the prompts can run meanwhile.

        Args:
            vocabulary: the number of the model's logits, at least the number of the tokenizer's tokens.
        """
        engine = _engine(tokenizer, vocabulary)
        self._end: int = tokenizer.eos_token_id
        self._vocabulary = engine.vocab_size
        self._executor, self._answers = LLExecutor(), len(forms)
        added = tokenizer.get_added_vocab()
        tags = all(tag in added and engine.is_special_token(added[tag]) for tag in ("<think>", "</think>"))
        self._compiling = _COMPILER.submit(_compile_matchers, engine, forms, tags)

    def advance(self, answers: list[int], tokens: list[int]) -> list[int]:
        """Append a token to each of these answers; return the list indices of the tokens that are rejected."""
        return [i for i, (n, token) in enumerate(zip(answers, tokens, strict=True)) if not self._accepts(n, token)]

    def _accepts(self, answer: int, token: int) -> bool:
        matcher = self._compiling.result()[answer]
        if matcher.is_error():
            return True
        if matcher.is_stopped():
            return bool(token == self._end)
        return bool(matcher.try_consume_tokens([token]))

    def allowed_tokens(self, answers: list[int]) -> Tensor:
        """Return which tokens may come next, as booleans (answers, vocabulary); after the JSON, only the EOS token."""
        bits = allocate_token_bitmask(len(answers), self._vocabulary)
        matchers = self._compiling.result()
        fill_next_token_bitmask_par(self._executor, [(matchers[n], i) for i, n in enumerate(answers)], bits)
        flags = np.unpackbits(bits.view(np.uint8), axis=1, bitorder="little")[:, : self._vocabulary]
        given_up = np.array([[matchers[n].is_error()] for n in answers])
        return torch.from_numpy(flags.astype(bool) | given_up)

    def __len__(self) -> int:
        return self._answers


class GrammarLogitsProcessor(LogitsProcessor):
    """Applies a `GrammarConstraint` in HF `generate`, whose rows are the answers in order."""

    def __init__(self, constraint: GrammarConstraint, prompt_length: int, end: int) -> None:
        self._constraint, self._start, self._end = constraint, prompt_length, end
        self._running = list(range(len(constraint)))

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Set the scores of forbidden tokens to -inf, except in rows that have ended."""
        if input_ids.shape[1] > self._start:
            last = input_ids[:, -1].tolist()
            self._constraint.advance(self._running, [last[n] for n in self._running])
            self._running = [n for n in self._running if last[n] != self._end]
        if self._running:
            forbidden = ~self._constraint.allowed_tokens(self._running).to(scores.device)
            scores = scores.clone()
            scores[self._running] = scores[self._running].masked_fill(forbidden, float("-inf"))
        return scores


def _compile_matchers(engine: LLTokenizer, forms: Sequence[AnswerForm], tags_are_tokens: bool) -> list[LLMatcher]:
    different, places = deduplicate_forms(forms)
    whole = LLMatcher(engine, write_grammar(different, tags_are_tokens), log_level=0, limits=_LIMITS)
    if whole.is_error():
        raise ValueError(f"llguidance rejects the grammar: {whole.get_error()}")
    matchers = [whole.deep_copy() for _ in places]
    for matcher, place in zip(matchers, places, strict=True):
        matcher.consume_tokens(engine.tokenize_str(form_prefix(place)))
    return matchers


@lru_cache(maxsize=2)
def _engine(tokenizer: Any, vocabulary: int) -> LLTokenizer:
    return LLTokenizer(tokenizer.backend_tokenizer.to_str(), n_vocab=vocabulary, eos_token=tokenizer.eos_token_id)
