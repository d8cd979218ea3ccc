"""The 3-D region-proposal network: an anchor-free feature pyramid that proposes centre, size and objectness.

Input is one channel of CT on a 1 mm grid; output has one cell every 4 mm. Axes are (k, j, i) throughout.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

STRIDE = 4
"""Edge of one output cell in voxels of the working grid."""

REFERENCE_DIAMETER_MM = 8.0
"""Sizes are regressed as ln(diameter / 8 mm)."""


@dataclass(frozen=True, slots=True)
class RpnConfig:
    """What a trained network needs to be used: architecture, working grid and intensity window."""

    channels: tuple[int, int, int, int, int] = (16, 24, 48, 96, 128)
    blocks: tuple[int, int, int] = (1, 2, 1)
    spacing_mm: float = 1.0
    low_hu: float = -1000.0
    high_hu: float = 400.0


def normalise(hu: torch.Tensor, config: RpnConfig) -> torch.Tensor:
    """HU [...] clipped to the window and mapped to -1..1."""
    half = (config.high_hu - config.low_hu) / 2
    return (hu.clamp(config.low_hu, config.high_hu) - config.low_hu) / half - 1


def _conv(inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    padding = (kernel - 1) // 2
    return nn.Sequential(
        nn.Conv3d(inputs, outputs, kernel, stride, padding, bias=False),
        nn.BatchNorm3d(outputs),
        nn.ReLU(inplace=True),
    )


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _conv(channels, channels)
        self.second = nn.Sequential(nn.Conv3d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm3d(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.second(self.first(x)) + x)


def _stage(inputs: int, outputs: int, blocks: int) -> nn.Sequential:
    return nn.Sequential(_conv(inputs, outputs, stride=2), *[_Residual(outputs) for _ in range(blocks)])


class Rpn3d(nn.Module):
    """Feature pyramid over strides 2 to 16 with one head at stride 4.

    `forward` takes [n, 1, k, j, i] (edges multiples of 16) and returns [n, 5, k/4, j/4, i/4]: objectness logit,
    offset of the centre from the cell's centre (k, j, i, in cells), ln(diameter / 8 mm).
    """

    def __init__(self, config: RpnConfig) -> None:
        super().__init__()
        self.config = config
        c2a, c2, c4, c8, c16 = config.channels
        n4, n8, n16 = config.blocks
        self.stem = nn.Sequential(_conv(1, c2a, kernel=4, stride=2), _conv(c2a, c2))
        self.stage4 = _stage(c2, c4, n4)
        self.stage8 = _stage(c4, c8, n8)
        self.stage16 = _stage(c8, c16, n16)
        self.lateral16 = nn.Conv3d(c16, c8, 1)
        self.smooth8 = _conv(c8, c8)
        self.lateral8 = _conv(c8, c4, kernel=1)
        self.head = nn.Sequential(_conv(c4, c4), nn.Conv3d(c4, 5, 1))
        final = cast(nn.Conv3d, self.head[-1])
        nn.init.normal_(final.weight, std=0.01)
        nn.init.zeros_(cast(torch.Tensor, final.bias))
        with torch.no_grad():
            cast(torch.Tensor, final.bias)[0] = -4.0  # objectness starts near 0.02, as focal losses want

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        at4 = self.stage4(self.stem(x))
        at8 = self.stage8(at4)
        at16 = self.stage16(at8)
        at8 = self.smooth8(at8 + _upsampled(self.lateral16(at16)))
        return cast(torch.Tensor, self.head(at4 + _upsampled(self.lateral8(at8))))


class Mirrored(nn.Module):
    """The mean of what a region-proposal network says of a box and of its mirror image, left and right exchanged."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mirrored = self.network(x.flip(-1)).flip(-1)
        objectness, offset_kj, offset_i, size = mirrored.split((1, 2, 1, 1), dim=1)
        return cast(torch.Tensor, (self.network(x) + torch.cat([objectness, offset_kj, -offset_i, size], dim=1)) / 2)


Net = TypeVar("Net", bound=nn.Module)


def on_device(network: Net, device: torch.device) -> Net:
    """The network on `device` in channels-last layout, in which its convolutions are fastest."""
    # torch's annotations of Module.to lack memory_format
    return cast(Net, network.to(device).to(memory_format=torch.channels_last_3d))  # type: ignore[call-overload]


def fold(network: Net) -> Net:
    """The network for inference: each batch normalisation is folded into the convolution before it."""
    network = copy.deepcopy(network).eval()
    for module in network.modules():
        if isinstance(module, nn.Sequential) and len(module) > 1 and isinstance(module[1], nn.BatchNorm3d):
            module[0] = fuse_conv_bn_eval(cast(nn.Conv3d, module[0]), module[1])
            module[1] = nn.Identity()
    return network


def _upsampled(x: torch.Tensor) -> torch.Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


@dataclass(frozen=True, slots=True)
class Proposal:
    """One proposal in voxels of the working grid: centre (k, j, i), diameter and objectness logit."""

    centre: tuple[float, float, float]
    diameter: float
    logit: float


def decode(output: torch.Tensor, min_logit: float, within: torch.Tensor | None = None) -> list[Proposal]:
    """Local maxima of objectness in one output [5, k, j, i], as proposals in input voxels.

    `within` is bool [k, j, i]: the cells in which a maximum counts; all by default.
    """
    logits = output[0]
    peak = F.max_pool3d(logits[None, None], 3, 1, 1)[0, 0]
    chosen = (logits == peak) & (logits >= min_logit)
    cells = torch.nonzero(chosen if within is None else chosen & within)
    if not len(cells):
        return []
    picked = output[:, cells[:, 0], cells[:, 1], cells[:, 2]].T
    centres = (cells + 0.5 + picked[:, 1:4].clamp(-1.5, 1.5)) * STRIDE - 0.5
    diameters = REFERENCE_DIAMETER_MM * picked[:, 4].clamp(-1.5, 2.0).exp()
    return [
        Proposal((c[0], c[1], c[2]), d, s)
        for c, d, s in zip(centres.tolist(), diameters.tolist(), picked[:, 0].tolist(), strict=True)
    ]


def suppress(proposals: Sequence[Proposal], limit: int) -> list[Proposal]:
    """The best `limit` proposals, without those within the radius of a better one (or it within theirs)."""
    ranked = sorted(proposals, key=lambda p: -p.logit)
    centres = np.array([p.centre for p in ranked]).reshape(-1, 3)
    radii = np.array([p.diameter for p in ranked]) / 2
    kept: list[int] = []
    for n in range(len(ranked)):
        squared = ((centres[kept] - centres[n]) ** 2).sum(axis=1)
        if not (squared < np.maximum(radii[kept], radii[n]) ** 2).any():
            kept.append(n)
        if len(kept) == limit:
            break
    return [ranked[n] for n in kept]
