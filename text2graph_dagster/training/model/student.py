"""Make a student: the nano base, a nano from scratch, or any causal language model; fully trained or with LoRA."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import AutoConfig, PreTrainedTokenizerBase

from text2graph_dagster.errors import UserError
from text2graph_dagster.inference.base_models import NANO_BASE
from text2graph_dagster.inference.loading import load_student
from text2graph_dagster.ontology import Ontology
from text2graph_dagster.runtime.program import as_user_error
from text2graph_dagster.settings import NANO, SCRATCH, Settings
from text2graph_dagster.training.data.examples import Example
from text2graph_dagster.training.data.name_augmentation import NameAugmenter
from text2graph_dagster.training.model.adapters import add_lora
from text2graph_dagster.training.model.nano import build_nano
from text2graph_dagster.training.model.tokenizer import train_tokenizer
from text2graph_dagster.training.model.type_tokens import add_type_tokens


def make_scratch_nano(
    settings: Settings, examples: Sequence[Example], ontologies: Sequence[Ontology]
) -> tuple[Any, PreTrainedTokenizerBase]:
    """Return an untrained nano model and its tokenizer, trained on the examples' prompts.

    The tokenizer is trained on invented names, because a vocabulary with the names of the training passages would split
    the names of other passages into more and smaller tokens.
    """
    names = _list_type_names(ontologies)
    quoted = [f'"{name}"' for name in names]

    def without_types(prompt: str) -> str:
        for name in quoted:
            prompt = prompt.replace(name, "")
        return prompt

    renamed = NameAugmenter(examples).augment(examples, 1.0, settings)
    prompts = (message["content"].replace("\n", "\n ") for example in renamed for message in example.prompt)
    tokenizer = train_tokenizer(map(without_types, prompts), names, settings.student.vocabulary)
    return build_nano(settings.student, tokenizer, settings.seed), tokenizer


def load_nano_base(settings: Settings, ontologies: Sequence[Ontology]) -> tuple[Any, PreTrainedTokenizerBase]:
    """Return the pretrained nano model and its tokenizer, with a token for each of the ontologies' types."""
    model, tokenizer = load_student(NANO_BASE)
    model.config.max_position_embeddings = (
        settings.student.context
    )  # rotary embeddings: the weights do not depend on it
    add_type_tokens(model, tokenizer, _list_type_names(ontologies))
    return model, tokenizer


def make_student(
    source: str | Path, settings: Settings, examples: Sequence[Example], ontologies: Sequence[Ontology]
) -> tuple[Any, PreTrainedTokenizerBase]:
    """Return the student to fine-tune, with new adapters if LoRA is set, and its tokenizer.

    Args:
        source: nano, scratch, a model directory, or a hub name.

    Raises:
        UserError: the model cannot be loaded, or its weights are already quantised.
    """
    if str(source) == SCRATCH:
        model, tokenizer = make_scratch_nano(settings, examples, ontologies)
    elif str(source) == NANO:
        model, tokenizer = load_nano_base(settings, ontologies)
    else:
        _refuse_quantised(source)
        model, tokenizer = load_student(source, settings.student.lora)
    if settings.student.lora:
        model = add_lora(model, settings.student.lora, settings.seed)
    return model, tokenizer


def _refuse_quantised(source: str | Path) -> None:
    """Reject weights of four or eight bits: they cannot be trained, and adapters cannot be merged into them."""
    with as_user_error(f"the model {str(source)!r} cannot be loaded"):
        config = AutoConfig.from_pretrained(source, trust_remote_code=False)
    if getattr(config, "quantization_config", None):
        raise UserError(
            f"the weights of {str(source)!r} are quantised already: use the unquantised model, and set "
            "student.lora.quantised to train it in four bits."
        )


def is_foreign_to_nano(source: str | Path, ontologies: Sequence[Ontology]) -> bool:
    """Tell whether the student starts from the nano base and an ontology is for a language other than English."""
    return str(source) == NANO and any(ontology.language != "en" for ontology in ontologies)


def _list_type_names(ontologies: Sequence[Ontology]) -> list[str]:
    return [name for o in ontologies for name in (*o.entity_names, *o.relation_names)]
