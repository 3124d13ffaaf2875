"""A document in a prompt is data: what could end it, or speak to the model's own chat template, is spaced out.

Templates put the passage between a line of `<<<` and a line of `>>>`. A document that holds such marks could close its
own quotation; one that holds a chat template's control words could pose as the user, because servers read them as
control tokens wherever they stand. A blank inside takes the power from both, and a reader hardly notices it.
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


def as_data(text: str) -> str:
    """Return the text as a prompt may quote it; most texts are returned as they are."""
    text = _MARKS.sub(lambda match: " ".join(match[0]), text)
    return _CONTROL.sub(lambda match: f"{match[0]} ", text)
