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
    """Whether the hardware there computes bfloat16: CUDA since Ampere, CPUs with AVX-512 BF16 or AMX.

    oneDNN says yes to every AVX-512, where it only emulates bfloat16 and is slower than in float32; its own say still
    counts, for it may have been told not to use what the processor has.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    has_instructions = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return bool(has_instructions and torch.ops.mkldnn._is_mkldnn_bf16_supported())
