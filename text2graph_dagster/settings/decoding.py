"""Settings of decoding."""

from typing import Literal

from pydantic import Field

from text2graph_dagster.settings.section import Section

Precision = Literal["auto", "float32", "bfloat16"]


class DecodingSettings(Section):
    """How a student's answers are decoded, constrained by a grammar, and repaired (docs/extract.md)."""

    grammar: Literal["none", "json", "copy"] = Field(
        "copy", description="json: only a graph in the student's JSON; copy: names must also be in the passage"
    )
    types: Literal["any", "requested"] = Field(
        "any", description="any: allow every type of the ontology and filter out unrequested types afterwards"
    )
    repair: bool = Field(
        True,
        description="correct a relation that violates its signatures, if they leave one choice: invert it, or else "
        "replace its tail, or else its head, by the only entity of the answer that fits; false: drop it",
    )
    precision: Precision = Field(
        "auto",
        description="arithmetic of decoding on a CPU; auto: bfloat16 for models of more than 20 million parameters if "
        "the processor has it (AVX-512 BF16 or AMX), else float32; nothing changes on a GPU, or if `generate` decodes",
    )


UNCONSTRAINED = DecodingSettings(grammar="none")  # for models that are not known to write the student's JSON
