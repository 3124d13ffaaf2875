"""Prompts as a model's chat template renders them."""

from collections.abc import Sequence
from typing import Any

from text2graph_dagster.errors import UserError

Message = dict[str, str]


def render_prompts(prompts: Sequence[Sequence[Message]], tokenizer: Any) -> list[str]:
    """Render each prompt (a list of chat messages) with the chat template, up to the start of the assistant's turn.

    Raises:
        UserError: the tokenizer has no chat template.
    """
    if not tokenizer.chat_template:
        raise UserError("the base model has no chat template: choose an instruction-tuned model, or add a template.")
    rendered: list[str] = tokenizer.apply_chat_template(
        [list(prompt) for prompt in prompts], tokenize=False, add_generation_prompt=True, enable_thinking=False
    )
    return rendered
