"""Settings of constrained decoding."""

from typing import Literal

from pydantic import Field

from text2graph_dagster.settings.section import Section


class DecodingSettings(Section):
    """The grammar that constrains a student's answers (docs/extract.md)."""

    grammar: Literal["none", "json", "copy"] = Field(
        "copy", description="json: only a graph in the student's JSON; copy: names must also be in the passage"
    )
    types: Literal["any", "requested"] = Field(
        "any", description="any: allow every type of the ontology and filter out unrequested types afterwards"
    )


UNCONSTRAINED = DecodingSettings(grammar="none")  # for models that are not known to write the student's JSON
