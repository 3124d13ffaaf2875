"""The nano student's tokenizer: byte-level BPE trained on the passages, with the answer's skeleton as single tokens.

Most of a JSON answer is fixed text. If its pieces and the type names are single tokens, an answer of 150 tokens shrinks
to about 30. To be copied by attention, a name must have the same tokens in the passage and in the answer. In the
passage, a space precedes the name, so the chat template and the student write a space before every name in the answer;
`wire.strip_leading_blanks` removes this space again.
"""

import json
from collections.abc import Iterable, Sequence

from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, trainers
from transformers import Qwen2Tokenizer

from text2graph_dagster.graph.wire import NAME_KEYS

PAD, BEGIN, END, ANSWER = "<|pad|>", "<|begin|>", "<|end|>", "<|answer|>"
MAX_NUMBERED_ENTITIES = 24  # lower indices are one token with the JSON around them; higher ones take a few

# "<|" in a passage is split, so that it cannot inject a special token. Every line begins with a space, so that a name
# at its beginning has the same tokens as elsewhere.
_CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}{{ message['content']"
    + "".join(f' | replace(\'"{key}":"\', \'"{key}":" \')' for key in NAME_KEYS)
    + f" }}}}{END}"
    "{% else %}"
    f"{BEGIN}{{{{ message['content'] | replace('<|', '< |') | replace('\\n', '\\n ') }}}}{ANSWER}"
    "{% endif %}{% endfor %}"
)


def list_skeleton_pieces() -> list[str]:
    """Return the parts of answers that become single tokens, for every wire form."""
    pieces = [
        '{"entities":[',
        '{"entities":[],"relations":[]}',
        '{"text":"',
        '{"entities":[{"text":"',
        '","type":',
        ',"type":',
        '},{"text":"',
        '}],"relations":[',
        '}],"relations":[]}',
        '{"head":"',
        '}],"relations":[{"head":"',
        '","tail":"',
        ',"tail":"',
        '"},{"head":"',
        "}]}",
        '"}]}',
        "<think>",
        "</think>",
    ]
    for number in range(MAX_NUMBERED_ENTITIES):
        pieces += [f'}},{{"id":{number},"text":"', f',"tail":{number}']
        pieces += [f'{{"head":{number},"type":', f'}},{{"head":{number},"type":']
    return [*pieces, '{"entities":[{"id":0,"text":"', "},", "]}"]


def train_tokenizer(texts: Iterable[str], type_names: Sequence[str], vocabulary: int) -> Qwen2Tokenizer:
    """Train a tokenizer of about `vocabulary` tokens on `texts`; each type name in quotes becomes one more token.

    Transformers loads a Qwen2Tokenizer for every model of the Qwen2 architecture, regardless of its files, so the
    vocabulary is trained with that class's pre-tokenizer.
    """
    special = [PAD, BEGIN, END, ANSWER]
    qwen = Qwen2Tokenizer(unk_token=PAD).backend_tokenizer
    bpe = Tokenizer(models.BPE())
    bpe.normalizer, bpe.pre_tokenizer = qwen.normalizer, qwen.pre_tokenizer
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=special,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    model = json.loads(bpe.to_str())["model"]
    tokenizer = Qwen2Tokenizer(
        vocab=model["vocab"],
        merges=[tuple(merge) for merge in model["merges"]],
        unk_token=PAD,
        pad_token=PAD,
        bos_token=BEGIN,
        eos_token=END,
        extra_special_tokens=[ANSWER],
        clean_up_tokenization_spaces=False,
        padding_side="left",
    )
    names = [f'"{name}"' for name in dict.fromkeys(type_names)]
    tokenizer.add_tokens(
        [AddedToken(piece, normalized=False, special=False) for piece in [*list_skeleton_pieces(), *names]]
    )
    tokenizer.chat_template = _CHAT_TEMPLATE
    return tokenizer
