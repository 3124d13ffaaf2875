"""Stands in for the conversion program: `--config x.json`; waits or fails where the file says so."""

import json
import sys
import time
from pathlib import Path

CALLS = "conversions.txt"  # beside the folder of models: a line per conversion


def main() -> int:
    config = json.loads(Path(sys.argv[2]).read_text())
    gguf, output = Path(config["gguf"]), Path(config["output"])
    content = gguf.read_bytes()
    calls = next(folder for folder in output.parents if folder.name == "models").with_name(CALLS)
    with calls.open("a") as file:
        file.write(f"{gguf.name}\n")
    output.mkdir()
    (output / "config.json").write_text("{}")
    if b"slow" in content:
        time.sleep(3)
    if b"full" in content:
        print("error: it cannot be converted (No space left on device (os error 28)).", file=sys.stderr)
        return 1
    if b"broken" in content:
        print("error: it cannot be converted (unknown architecture).", file=sys.stderr)
        return 1
    (output / "model.safetensors").write_bytes(content)
    (output / "origin.json").write_text(json.dumps({"title": "Tiny", "licence": "mit"}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
