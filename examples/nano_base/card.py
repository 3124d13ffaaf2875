"""The base's model card, written from what its run recorded."""

from collections.abc import Mapping
from typing import Any

_CARD = """---
license: {license}
language: en
library_name: transformers
tags: [information-extraction, knowledge-graph, tiny]
---

# The nano base

A Qwen2-architecture model of {published:,} parameters that reads a list of entity types and relation types and a
passage, and writes the graph that the passage states. It was pretrained on {generated:,} generated English passages
about invented things under made-up ontologies, and on nothing else: it knows the form, copies names and keeps to the
list, and it knows next to nothing of what words mean. Fine-tune it on a corpus of your own.

Made by

```bash
python -m examples.nano_base.pretrain --out nano_base \\
  --examples {generated} --steps {steps} --seed {seed} --threads {threads}
```

in {cpu_seconds:,.0f} processor seconds on {threads} core(s) without a GPU. `examples/nano_base/README.md` of the
project says what is generated; the licence is the project's, and no third party's text or model is in it.

| on {passages} generated passages that it did not see | |
|---|---|
| strict relation F1 | {relation_f1:.3f} |
| precision, recall | {relation_precision:.3f}, {relation_recall:.3f} |
| strict entity F1 | {entity_f1:.3f} |
| answers that parse | {parse_rate:.3f} |

A type is one token. `type_tokens.add_types` makes the token of a new type of its words'
tokens; `student.base_model: nano` does so by itself. Weights are stored in half precision and trained in single.

Made with Python {python}, {packages}.
"""


def card(result: Mapping[str, Any], published: int, license_name: str) -> str:
    """Return the model card.

    Args:
        result: what run.json says.
        published: parameters of the model without the type tokens of pretraining.
    """
    packages = {name: version for name, version in result["versions"].items() if name != "python" and version}
    return _CARD.format(
        **result["held_out"],
        **{key: result[key] for key in ("generated", "steps", "seed", "threads", "cpu_seconds")},
        published=published,
        license=license_name,
        python=result["versions"]["python"],
        packages=", ".join(f"{name} {version}" for name, version in packages.items()),
    )
