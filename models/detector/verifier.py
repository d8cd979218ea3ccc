"""The second stage: a small 3-D network that looks at each proposal alone, at full resolution, and says how likely
it is a nodule. The region-proposal network sees the whole lung once at a coarse grid; this one sees little, closely.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import nn

from models.detector.rpn3d import RpnConfig, normalised
from models.running.runtimes import Network, as_network

BATCH = 16


@dataclass(frozen=True, slots=True)
class VerifierConfig:
    """Architecture: edge of the cube it sees in voxels of the working grid, and channels at strides 1, 2, 4 and 8."""

    side: int = 40
    channels: tuple[int, int, int, int] = (12, 28, 56, 96)


def _conv(inputs: int, outputs: int, *, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm3d(outputs), nn.ReLU(inplace=True)
    )


class Verifier(nn.Module):
    """`forward` takes cubes [n, 1, k, j, i] about proposals, normalised as for the RPN, and returns logits [n]."""

    def __init__(self, config: VerifierConfig) -> None:
        super().__init__()
        self.config = config
        c1, c2, c4, c8 = config.channels
        self.features = nn.Sequential(
            *(_conv(1, c1), _conv(c1, c2, stride=2), _conv(c2, c2)),
            *(_conv(c2, c4, stride=2), _conv(c4, c4)),
            *(_conv(c4, c8, stride=2), _conv(c8, c8)),
        )
        self.head = nn.Linear(2 * c8, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = self.features(x)
        middle = features[:, :, 1:-1, 1:-1, 1:-1]
        pooled = torch.cat([features.mean(dim=(2, 3, 4)), middle.amax(dim=(2, 3, 4))], dim=1)
        return cast(torch.Tensor, self.head(pooled))[:, 0]


def cubes_at(hu: torch.Tensor, centres: Sequence[tuple[float, float, float]], side: int) -> torch.Tensor:
    """Cubes [n, 1, side, side, side] of `hu` [k, j, i] about centres (k, j, i); edge voxels repeated outside."""
    cubes = []
    for centre in centres:
        index = []
        for c, size in zip(centre, hu.shape, strict=True):
            start = round(c + 0.5 - side / 2)
            index.append(torch.arange(start, start + side, device=hu.device).clamp(0, size - 1))
        cubes.append(hu[index[0]][:, index[1]][:, :, index[2]])
    return torch.stack(cubes)[:, None]


def verified(
    network: nn.Module | Network,
    configs: tuple[RpnConfig, VerifierConfig],
    hu: torch.Tensor,
    centres: Sequence[tuple[float, float, float]],
) -> list[float]:
    """The second stage's logit for each centre (k, j, i) in `hu` [k, j, i] on the working grid."""
    window, config = configs
    run = as_network(network)
    logits: list[float] = []
    for start in range(0, len(centres), BATCH):
        cubes = cubes_at(hu, centres[start : start + BATCH], config.side)
        logits.extend(run(normalised(cubes, window)).tolist())
    return logits
