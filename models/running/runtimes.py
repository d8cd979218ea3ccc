"""How a trained network is run: one interface over torch, on CPU or CUDA, and OpenVINO, on the CPU.

Whatever runs it, a network that is ready takes and gives float32. Detectors on two runtimes give the same marks within
the tolerance below; tests/networks/running/test_runtimes.py holds them to it.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from cad.errors import Unavailable
from models.running.device import device_named, is_bf16_fast
from models.running.names import RUNTIMES as RUNTIMES

SCORE_TOLERANCE = 0.03
POSITION_TOLERANCE_MM = 0.25
DIAMETER_TOLERANCE = 0.03
"""How far two runtimes may differ in a mark's score, in its place, and in its diameter as a part of it.

Three times what bfloat16, which has 8 bits, made of it on two real scans at most: 0.011, 0.03 mm and 0.010. In float32
torch and OpenVINO gave the same marks. See docs/decisions.md, 2026-11-25.
"""


PRECISIONS = {torch.float32: "fp32", torch.bfloat16: "bf16"}

EXAMPLE, ANY_SHAPE = (1, 1, 48, 48, 48), [-1, 1, -1, -1, -1]
"""What OpenVINO traces a network with, and what the traced one then takes."""

Network = Callable[[torch.Tensor], torch.Tensor]
"""A network that is ready to run: float32 from any device in, float32 on the CPU out; any edges that suit it."""


class Runtime(Protocol):
    """Runs networks. `device` is where arrays for them are best prepared."""

    @property
    def name(self) -> str:
        """Engine and precision: "torch bf16"."""

    @property
    def device(self) -> torch.device: ...

    def ready(self, network: nn.Module) -> Network:
        """The network in evaluation mode, ready to run."""


@dataclass(frozen=True, slots=True, eq=False)
class TorchNetwork:
    """A module on `device` in channels-last layout, computed in `dtype`."""

    module: nn.Module
    device: torch.device
    dtype: torch.dtype

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        x = x.to(self.device).to(memory_format=torch.channels_last_3d)
        is_mixed = self.dtype != torch.float32
        with torch.inference_mode(), torch.autocast(self.device.type, self.dtype, enabled=is_mixed):
            y: torch.Tensor = self.module(x)
        return y.float().cpu()


@dataclass(frozen=True, slots=True)
class TorchRuntime:
    """torch, with the layers that gain from it in `dtype`."""

    device: torch.device
    dtype: torch.dtype

    @property
    def name(self) -> str:
        """Engine and precision."""
        return f"torch {PRECISIONS[self.dtype]}"

    def ready(self, network: nn.Module) -> TorchNetwork:
        """The module, moved to the device."""
        # torch's annotations of Module.to lack memory_format
        moved: nn.Module = network.to(self.device).to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
        return TorchNetwork(moved.eval(), self.device, self.dtype)


@dataclass(frozen=True, slots=True, eq=False)
class OpenVinoNetwork:
    """A network that OpenVINO compiled."""

    compiled: Any

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        # a request of its own for each call: several threads may run one network, and its memory is given back
        outputs = self.compiled.create_infer_request().infer([x.contiguous().cpu().numpy()], share_inputs=True)
        return torch.from_numpy(np.array(outputs[0]))


@dataclass(frozen=True, slots=True)
class OpenVinoRuntime:
    """OpenVINO on the CPU, with as many threads as torch has."""

    dtype: torch.dtype

    @property
    def name(self) -> str:
        """Engine and precision."""
        return f"openvino {PRECISIONS[self.dtype]}"

    @property
    def device(self) -> torch.device:
        """The CPU."""
        return torch.device("cpu")

    def ready(self, network: nn.Module) -> OpenVinoNetwork:
        """The network, traced and compiled once for every batch and shape."""
        import openvino

        with torch.inference_mode():
            graph = openvino.convert_model(network.eval(), example_input=torch.zeros(EXAMPLE), input=[ANY_SHAPE])
        choices = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "bf16" if self.dtype == torch.bfloat16 else "f32",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "ENABLE_CPU_PINNING": False,
        }
        return OpenVinoNetwork(openvino.Core().compile_model(graph, "CPU", choices))


def runtime_named(name: str, device_name: str) -> Runtime:
    """One of `RUNTIMES` on "cpu" or "cuda", in bfloat16 where the hardware computes it. Raises Unavailable."""
    device = device_named(device_name)
    dtype = torch.bfloat16 if is_bf16_fast(device) else torch.float32
    if name != "openvino":
        return TorchRuntime(device, dtype)
    if device.type != "cpu":
        raise Unavailable("openvino", "OpenVINO runs networks on the CPU only; for CUDA choose the runtime torch")
    if importlib.util.find_spec("openvino") is None:
        raise Unavailable("openvino", "OpenVINO was asked for and is not installed: pip install 'lungcad[openvino]'")
    return OpenVinoRuntime(dtype)


def as_network(network: nn.Module | Network) -> Network:
    """The network as it is if it is ready; a module as training holds it runs in float32 where its parameters are."""
    if isinstance(network, nn.Module):
        return TorchNetwork(network, next(network.parameters()).device, torch.float32)
    return network
