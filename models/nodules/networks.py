"""The two networks that look at one nodule: one outlines it, one rates it as readers would.

Both work on the scan's own slices, so that nothing is interpolated before or after: in-plane the features are pooled
three times, along k never, for most nodules have but a few slices. Axes are (k, j, i) throughout.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import nn
from torch.nn import functional as F

IN_PLANE_STRIDE = 8
"""Edges along j and i must be multiples of this."""

CHANNELS = 6
"""Contrast as a part of the nodule's, inside the image or beyond it, nearness to the centre (or, for ratings, the
outline), pixel and slice spacing, contrast as a part of the soft tissue's."""

RATED = ("subtlety", "sphericity", "margin", "lobulation", "spiculation", "texture", "malignancy")
"""The mean ratings that the rating network predicts, after suspicion and calcification."""

MIDDLE_RATING, RATING_STEP = 3.0, 1.5
"""A predicted value x stands for a mean rating of 3 + 1.5 x."""

SIZE_FACTS = 4
"""Facts of the outline that the rating network is told: see `models.nodules.inputs.size_facts`."""


@dataclass(frozen=True, slots=True)
class TrunkConfig:
    """Channels at in-plane strides 1, 2, 4 and 8."""

    channels: tuple[int, int, int, int] = (16, 24, 48, 96)


def _conv(inputs: int, outputs: int, *, flat: bool = False, stride: int = 1) -> nn.Sequential:
    kernel, padding = ((1, 3, 3), (0, 1, 1)) if flat else ((3, 3, 3), (1, 1, 1))
    return nn.Sequential(
        nn.Conv3d(inputs, outputs, kernel, (1, stride, stride), padding, bias=False),
        nn.BatchNorm3d(outputs),
        nn.ReLU(inplace=True),
    )


class _Residual(nn.Module):
    def __init__(self, channels: int, *, flat: bool = False) -> None:
        super().__init__()
        kernel, padding = ((1, 3, 3), (0, 1, 1)) if flat else ((3, 3, 3), (1, 1, 1))
        self.first = _conv(channels, channels, flat=flat)
        self.second = nn.Sequential(
            nn.Conv3d(channels, channels, kernel, 1, padding, bias=False), nn.BatchNorm3d(channels)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.second(self.first(x)) + x)


class _Trunk(nn.Module):
    """Features at in-plane strides 1, 2, 4 and 8."""

    def __init__(self, inputs: int, config: TrunkConfig) -> None:
        super().__init__()
        c1, c2, c4, c8 = config.channels
        self.at1 = nn.Sequential(_conv(inputs, c1, flat=True), _conv(c1, c1, flat=True))
        self.at2 = nn.Sequential(_conv(c1, c2, stride=2), _Residual(c2))
        self.at4 = nn.Sequential(_conv(c2, c4, stride=2), _Residual(c4))
        self.at8 = nn.Sequential(_conv(c4, c8, stride=2), _Residual(c8))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        at1 = self.at1(x)
        at2 = self.at2(at1)
        at4 = self.at4(at2)
        return at1, at2, at4, self.at8(at4)


class OutlineNet(nn.Module):
    """Which voxels belong to the nodule at the centre: `forward` takes [n, 6, k, j, i] and returns logits [n, k, j, i].

    The channels are those of `models.nodules.inputs.outline_channels`.
    """

    def __init__(self, config: TrunkConfig) -> None:
        super().__init__()
        self.config = config
        c1, c2, c4, c8 = config.channels
        self.trunk = _Trunk(CHANNELS, config)
        self.down4, self.down2, self.down1 = (nn.Conv3d(a, b, 1) for a, b in ((c8, c4), (c4, c2), (c2, c1)))
        self.join4, self.join2 = _conv(c4, c4), _conv(c2, c2)
        self.join1 = nn.Sequential(_conv(c1, c1, flat=True), _conv(c1, c1, flat=True))
        self.head = nn.Conv3d(c1, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        at1, at2, at4, at8 = self.trunk(x)
        at4 = self.join4(at4 + _upsampled(self.down4(at8)))
        at2 = self.join2(at2 + _upsampled(self.down2(at4)))
        at1 = self.join1(at1 + _upsampled(self.down1(at2)))
        return cast(torch.Tensor, self.head(at1))[:, 0]


class RatingNet(nn.Module):
    """What readers say of a nodule. `forward` takes [n, 6, k, j, i] and facts [n, 4] and returns [n, 9].

    The values are the logit of suspicion, the logit of calcification and the mean ratings of `RATED` in units of
    1.5 about 3.
    """

    def __init__(self, config: TrunkConfig) -> None:
        super().__init__()
        self.config = config
        _, c2, c4, c8 = config.channels
        self.trunk = _Trunk(CHANNELS, config)
        pooled = 2 * (c2 + c4 + c8)
        self.hidden = nn.Sequential(nn.Dropout(0.3), nn.Linear(pooled + SIZE_FACTS, 96), nn.ReLU(), nn.Dropout(0.3))
        self.head = nn.Linear(96, 2 + len(RATED))

    def forward(self, x: torch.Tensor, facts: torch.Tensor) -> torch.Tensor:
        _, *levels = self.trunk(x)
        outline, inside = x[:, 2:3], x[:, 1:2]
        pooled = [facts]
        for level in levels:
            stride = x.shape[-1] // level.shape[-1]
            near = F.max_pool3d(outline, (1, stride, stride))
            valid = F.max_pool3d(inside, (1, stride, stride))
            pooled.append(_mean_where(level, near))
            pooled.append((level * valid + (valid - 1) * 1e4).amax(dim=(2, 3, 4)).clamp_min(-10.0))
        return cast(torch.Tensor, self.head(self.hidden(torch.cat(pooled, dim=1))))


def _mean_where(features: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """The mean of features [n, c, k, j, i] weighted by [n, 1, k, j, i]."""
    return (features * weight).sum(dim=(2, 3, 4)) / weight.sum(dim=(2, 3, 4)).clamp_min(1e-3)


def _upsampled(x: torch.Tensor) -> torch.Tensor:
    return F.interpolate(x, scale_factor=(1.0, 2.0, 2.0), mode="nearest")
