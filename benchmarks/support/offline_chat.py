"""Call vLLM without a server, as in its own documentation: the other side of `benchmarks.support.throughput`.

A program for vLLM's environment, which has none of the pipeline's packages. It reads lines of JSON and writes each
result to the file that the line names as `result`, because vLLM logs to standard output. The first line has `options`
(of the server's command line, so that the engine is the same), `schema` and `max_tokens`; each further line has
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
    _write_result(task["result"], {})
    for line in sys.stdin:
        batch = json.loads(line)
        begun = time.monotonic()
        answers = engine.chat([[{"role": "user", "content": p}] for p in batch["prompts"]], how, use_tqdm=False)
        seconds = time.monotonic() - begun
        _write_result(
            batch["result"], {"seconds": seconds, "tokens": sum(len(g.outputs[0].token_ids) for g in answers)}
        )


def _write_result(file: str, result: dict[str, Any]) -> None:
    """Write a result atomically, so that no partial file is read."""
    Path(f"{file}.part").write_text(json.dumps(result))
    Path(f"{file}.part").replace(file)


if __name__ == "__main__":
    main()
