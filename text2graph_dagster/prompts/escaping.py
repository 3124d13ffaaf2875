"""Escape documents in prompts: neutralise quotation marks of the template and control tokens of chat templates.

Templates put the passage between a line of `<<<` and a line of `>>>`. A document with such marks could close its own
quotation. A document with control tokens of a chat template could pose as the user, because servers interpret these
tokens anywhere in a text. A blank inside a mark or token makes it harmless and hardly disturbs a reader.
"""

import re

_MARKS = re.compile(r"<{3,}|>{3,}")
_CONTROL = re.compile(
    r"<(?=[|｜])"  # <|im_start|>, <|eot_id|>, <｜User｜>
    r"|(?<=[|｜])(?=>)"
    r"|<(?=/?(?:s|bos|eos|unk|pad|think|tool_call|tool_response|start_of_turn|end_of_turn|im_start|im_end)>)"
    r"|<(?=</?SYS>>)"
    r"|\[(?=/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\])",
    re.IGNORECASE,
)


def escape_document(text: str) -> str:
    """Return the text as a prompt may quote it; most texts are returned unchanged."""
    text = _MARKS.sub(lambda match: " ".join(match[0]), text)
    return _CONTROL.sub(lambda match: f"{match[0]} ", text)
