"""vLLM asked without a server, as its own documentation does it: the other side of `benchmarks.throughput`.

A program for vLLM's environment, which has none of the pipeline's packages. It reads lines of JSON, and writes what
each came to into the file that the line names as `result`, because vLLM's logs take the output. The first line has
`options` (of the server's command line, so that the engine is the same), `schema` and `max_tokens`; each other one has
`prompts`. A result is the seconds that answering took, and the tokens of the answers.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any


def main() -> None:
    """Load the engine, then answer until the input ends."""
    from vllm import LLM, SamplingParams
    from vllm.engine.arg_utils import EngineArgs
    from vllm.sampling_params import StructuredOutputsParams
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    task = json.loads(sys.stdin.readline())
    options = EngineArgs.add_cli_args(FlexibleArgumentParser()).parse_args(task["options"])
    engine = LLM(**vars(EngineArgs.from_cli_args(options)))
    how = SamplingParams(
        temperature=0.0,
        max_tokens=task["max_tokens"],
        seed=0,
        structured_outputs=StructuredOutputsParams(json=task["schema"]),
    )
    _tell(task["result"], {})
    for line in sys.stdin:
        asked = json.loads(line)
        begun = time.monotonic()
        given = engine.chat([[{"role": "user", "content": p}] for p in asked["prompts"]], how, use_tqdm=False)
        seconds = time.monotonic() - begun
        _tell(asked["result"], {"seconds": seconds, "tokens": sum(len(g.outputs[0].token_ids) for g in given)})


def _tell(file: str, result: dict[str, Any]) -> None:
    """Write a result; whoever waits for the file finds it whole."""
    Path(f"{file}.part").write_text(json.dumps(result))
    Path(f"{file}.part").replace(file)


if __name__ == "__main__":
    main()
