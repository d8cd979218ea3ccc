"""The network that says where lungs are to be expected: a chest at 6 mm → right lung, left lung, neither.

It learnt outlines with what lungs can hold put into them, so that a mass on the pleura or an effusion is lung to it. It
is the second opinion beside thresholds and morphology, which draw the border.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from cad.domain import ExpectedLungs, Float32Array, Int16Array, Volume
from models.running.resample import cell_means, cells_of

SPACING_MM = 6.0
WINDOW_HU = (-1100.0, 300.0)
STRIDE = 8
"""Sides that the network takes are multiples of it."""

CLASSES = 3
"""Neither, right lung, left lung; the labels of a `LungMask`."""


@dataclass(frozen=True, slots=True)
class LungNetConfig:
    """Channels at 1, 2, 4 and 8 times the side of a cell, and what is told apart."""

    channels: tuple[int, int, int, int] = (8, 16, 32, 64)
    classes: int = CLASSES


def _block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm3d(outputs),
        nn.ReLU(inplace=True),
    )


class LungNet(nn.Module):
    """A small U-Net: [n, 1, k, j, i], scaled by `scaled`, → logits [n, classes, k, j, i]."""

    def __init__(self, config: LungNetConfig) -> None:
        super().__init__()
        a, b, c, d = config.channels
        self.stem = _block(1, a)
        self.down1 = nn.Sequential(_block(a, b, 2), _block(b, b))
        self.down2 = nn.Sequential(_block(b, c, 2), _block(c, c))
        self.down3 = nn.Sequential(_block(c, d, 2), _block(d, d), _block(d, d))
        self.up2 = _block(d + c, c)
        self.up1 = _block(c + b, b)
        self.up0 = _block(b + a, a)
        self.head = nn.Conv3d(a, config.classes, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Logits [n, classes, k, j, i] of an image [n, 1, k, j, i] whose sides are multiples of 8."""
        fine = self.stem(image)
        at12 = self.down1(fine)
        at24 = self.down2(at12)
        found = self.up2(torch.cat([_twice(self.down3(at24)), at24], dim=1))
        found = self.up1(torch.cat([_twice(found), at12], dim=1))
        found = self.up0(torch.cat([_twice(found), fine], dim=1))
        return cast(torch.Tensor, self.head(found))


def _twice(image: torch.Tensor) -> torch.Tensor:
    return F.interpolate(image, scale_factor=2, mode="nearest")


def scaled(hu: torch.Tensor) -> torch.Tensor:
    """HU of an array [...] of any shape on the scale of the network: the window's ends are -1 and 1."""
    low, high = WINDOW_HU
    return (hu.clamp(low, high) - low) * (2 / (high - low)) - 1


def coarse(volume: Volume) -> Float32Array:
    """The means in HU [k, j, i] of the volume over cells of about 6 mm."""
    return coarse_hu(volume.hu, volume.grid.spacing_kji_mm)


def coarse_hu(hu: Int16Array, spacing_kji_mm: tuple[float, float, float]) -> Float32Array:
    """The means [k, j, i] of `hu` [k, j, i] over cells of about 6 mm; in slabs, so that memory is bounded."""
    shape = cells_of(hu.shape, spacing_kji_mm, SPACING_MM)
    return cell_means((plane.astype(np.float32) for plane in hu), shape)


def expected_lungs(network: LungNet, volume: Volume) -> ExpectedLungs:
    """Where the network expects the lungs of a volume."""
    right, left = shares_of(network, torch.from_numpy(coarse(volume)))
    return ExpectedLungs(right, left)


def shares_of(network: LungNet, hu: torch.Tensor) -> tuple[Float32Array, Float32Array]:
    """Probabilities [k, j, i] of the right and of the left lung in an image [k, j, i] at 6 mm, in HU."""
    share = torch.softmax(logits_of(network, hu), dim=0).numpy()
    right, left = (np.ascontiguousarray(share[n]) for n in (1, 2))
    return right, left


def logits_of(network: LungNet, hu: torch.Tensor) -> torch.Tensor:
    """Logits float32 [class, k, j, i] of a chest [k, j, i] in HU of any shape, in cells of the network's size."""
    pads = [(-n) % STRIDE for n in hu.shape]
    image = F.pad(scaled(hu)[None, None], (0, pads[2], 0, pads[1], 0, pads[0]), value=-1.0)
    device = next(network.parameters()).device
    with torch.inference_mode():
        found: torch.Tensor = network(image.to(device)).float()[0].cpu()
    k, j, i = hu.shape
    return found[:, :k, :j, :i]
