"""Where networks run: the device by name."""

from __future__ import annotations

import torch

from cad.errors import Unavailable


def device_named(name: str) -> torch.device:
    """The torch device "cpu" or "cuda". Raises Unavailable when CUDA is asked for and absent."""
    if name == "cuda" and not torch.cuda.is_available():
        raise Unavailable("cuda", "CUDA was asked for, but this machine or this build of torch has none")
    return torch.device(name)
