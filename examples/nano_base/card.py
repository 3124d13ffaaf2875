"""The model card of the nano base, written from the figures that its run recorded."""

from collections.abc import Mapping
from typing import Any

_CARD = """---
license: {license}
language: en
library_name: transformers
tags: [information-extraction, knowledge-graph, tiny]
---

# The nano base

A Qwen2-architecture model of {published:,} parameters. Its input is a list of entity types and relation types and a
passage, its output the graph that the passage states. It was pretrained on {generated:,} generated English passages
about invented things with made-up ontologies, and on nothing else: it writes valid answers, copies names and follows
the list of types, but knows almost nothing about the meaning of words. Fine-tune it on a corpus of your own.

Made by

```bash
python -m examples.nano_base.pretrain --out nano_base \\
  --examples {generated} --steps {steps} --seed {seed} --threads {threads}
```

in {cpu_seconds:,.0f} processor seconds on {threads} core(s) without a GPU. `examples/nano_base/README.md` of the
project describes the generated text. The licence is the project's; no text or model of a third party was used.

| on {passages} generated passages that it was not trained on | |
|---|---|
| strict relation F1 | {relation_f1:.3f} |
| precision, recall | {relation_precision:.3f}, {relation_recall:.3f} |
| strict entity F1 | {entity_f1:.3f} |
| answers that parse | {parse_rate:.3f} |

A type is one token. `text2graph_dagster/training/model/type_tokens.py` initialises the token of a new type from the
tokens of its words; `student.base_model: nano` does so by itself. Weights are stored in half precision and were
trained in single precision.

Made with Python {python}, {packages}.
"""


def card(result: Mapping[str, Any], published: int, license_name: str) -> str:
    """Return the model card.

    Args:
        result: the content of run.json.
        published: number of parameters, without the type tokens of pretraining.
        license_name: identifier of the licence.
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
