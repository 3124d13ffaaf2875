"""The nano student's tokenizer: byte-level BPE learnt from the passages, with the answer's skeleton as single tokens.

Most of a JSON answer is fixed: with the skeleton and the type names as tokens of their own, an answer of 150 tokens has
about 30. A name has the same tokens in the passage and in the answer, which copying by attention needs: in the
passage a blank precedes it, so the chat template writes one before every name in the answer, and so does the student;
`wire.without_blanks` takes it out again.
"""

import json
from collections.abc import Iterable, Sequence

from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, trainers
from transformers import Qwen2Tokenizer

from text2graph_dagster.graph.wire import NAME_KEYS

PAD, BEGIN, END, ANSWER = "<|pad|>", "<|begin|>", "<|end|>", "<|answer|>"
MAX_NUMBERED_ENTITIES = 24  # entities whose number is one token with the skeleton around it; higher ones take a few

# A passage cannot smuggle in a special token: its "<|" is taken apart. A line begins with a blank, so that a name there
# has the same tokens as anywhere else.
_CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}{{ message['content']"
    + "".join(f' | replace(\'"{key}":"\', \'"{key}":" \')' for key in NAME_KEYS)
    + f" }}}}{END}"
    "{% else %}"
    f"{BEGIN}{{{{ message['content'] | replace('<|', '< |') | replace('\\n', '\\n ') }}}}{ANSWER}"
    "{% endif %}{% endfor %}"
)


def skeleton() -> list[str]:
    """Return the pieces of answers that become single tokens, in every wire form."""
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
    """Learn a tokenizer of about `vocabulary` tokens from `texts`; each type name in quotes becomes one more token.

    Transformers gives every model of the Qwen2 architecture a Qwen2Tokenizer, whatever its files say; so the way that
    class parts text into words is the way the vocabulary is learnt here.
    """
    special = [PAD, BEGIN, END, ANSWER]
    tokenizer = Qwen2Tokenizer(unk_token=PAD).backend_tokenizer
    learnt = Tokenizer(models.BPE())
    learnt.normalizer, learnt.pre_tokenizer = tokenizer.normalizer, tokenizer.pre_tokenizer
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=special,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    learnt.train_from_iterator(texts, trainer)
    model = json.loads(learnt.to_str())["model"]
    made = Qwen2Tokenizer(
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
    made.add_tokens([AddedToken(piece, normalized=False, special=False) for piece in [*skeleton(), *names]])
    made.chat_template = _CHAT_TEMPLATE
    return made
