"""The nano student's tokenizer: byte-level BPE learnt from the passages, with the answer's skeleton as single tokens.

Most of a JSON answer is fixed: with the skeleton and the type names as tokens of their own, an answer of 150 tokens has
about 30. A name has the same tokens in the passage and in the answer, which copying by attention needs: in the
passage a blank precedes it, so the chat template writes one before every name in the answer, and the decoder takes it
out again. Nobody outside the tokenizer sees that blank.
"""

from collections.abc import Iterable, Sequence

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

PAD, BEGIN, END, ANSWER = "<|pad|>", "<|begin|>", "<|end|>", "<|answer|>"
_NAME_KEYS = ("text", "head", "tail")
MAX_NUMBERED_ENTITIES = 24  # entities whose number is one token with the skeleton around it; higher ones take a few

# A passage cannot smuggle in a special token: its "<|" is taken apart.
_CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}{{ message['content']"
    + "".join(f' | replace(\'"{key}":"\', \'"{key}":" \')' for key in _NAME_KEYS)
    + f" }}}}{END}"
    "{% else %}"
    f"{BEGIN}{{{{ message['content'] | replace('<|', '< |') }}}}{ANSWER}"
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


def train_tokenizer(texts: Iterable[str], type_names: Sequence[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """Learn a tokenizer of about `vocabulary` tokens from `texts`; each type name in quotes becomes one more token."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    blanks = [decoders.Replace(f'"{key}":" ', f'"{key}":"') for key in _NAME_KEYS]
    tokenizer.decoder = decoders.Sequence([decoders.ByteLevel(), *blanks])
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[PAD, BEGIN, END, ANSWER],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    names = [f'"{name}"' for name in dict.fromkeys(type_names)]
    tokenizer.add_tokens([AddedToken(piece, normalized=False, special=False) for piece in [*skeleton(), *names]])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        bos_token=BEGIN,
        eos_token=END,
        additional_special_tokens=[ANSWER],
        chat_template=_CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
        padding_side="left",
    )
