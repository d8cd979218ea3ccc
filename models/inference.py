"""Where networks run: the device by name."""

from __future__ import annotations

import torch

from cad.errors import Unavailable


def device_named(name: str) -> torch.device:
    """The torch device "cpu" or "cuda". Raises Unavailable when CUDA is asked for and absent."""
    if name == "cuda" and not torch.cuda.is_available():
        raise Unavailable("cuda", "CUDA was asked for, but this machine or this build of torch has none")
    return torch.device(name)


def is_bf16_fast(device: torch.device) -> bool:
    """Whether bfloat16 is computed by the hardware there: on CUDA, and on CPUs with AVX-512 BF16 or AMX."""
    return device.type == "cuda" or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
