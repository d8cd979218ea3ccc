"""The lungs of a scan as registration sees them, from coarse to fine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from torch.nn import functional as F

from cad.domain import FloatArray, Grid, LungMask, Volume
from cad.geometry import crop_grid, indices_of, positions_of
from models.running.resample import resample

MARGIN_MM = 12.0
"""What is seen around the lungs."""

DENSEST_HU, AIREST_HU = -100.0, -1000.0
"""Vessels are alike above this with and without contrast, and nothing in the lung is below that."""

NEIGHBOURHOOD_MM = 10.0
"""Half width of the neighbours that brightness is compared with: a vessel and the tissue around it."""

QUIET_HU = 30.0
"""A spread of the neighbours that noise alone gives."""

LN_RANGE = (-3.0, 5.0)
RIM_MM = 4.0
"""Half width over which the border of the lung is smoothed."""

BORDER_WEIGHT = 2.0
"""What the border of the lung counts, against one spread of brightness."""


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """A scan and its lungs."""

    volume: Volume
    lungs: LungMask


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """The box around the lungs: `grid` is isotropic, `cut` says at which faces (low, high) [3, 2] the image ends."""

    grid: Grid
    cut: tuple[tuple[bool, bool], ...]

    @property
    def spacing_mm(self) -> float:
        """Distance of voxels."""
        return self.grid.spacing_kji_mm[0]

    @property
    def size_mm(self) -> tuple[float, float, float]:
        """Extent of the box along k, j and i."""
        k, j, i = (n * self.spacing_mm for n in self.grid.shape)
        return k, j, i

    def places(self, positions_lps: FloatArray) -> FloatArray:
        """LPS positions [n, 3] in the frame."""
        places: FloatArray = (indices_of(self.grid, positions_lps) + 0.5) * self.spacing_mm
        return places

    def positions(self, places: FloatArray) -> FloatArray:
        """Places [n, 3] of the frame as LPS positions."""
        return positions_of(self.grid, places / self.spacing_mm - 0.5)


@dataclass(frozen=True, slots=True, eq=False)
class LungImage:
    """A scan at one resolution: `features` float32 [2, k, j, i] (brightness, border) and `inside` bool [k, j, i]."""

    features: torch.Tensor
    inside: torch.Tensor
    spacing_mm: float


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """Clipped HU and lungs (0..1) float32 [k, j, i] on the finest grid, from which every resolution is made."""

    hu: torch.Tensor
    lungs: torch.Tensor
    frame: Frame


def source_of(scan: Scan, spacing_mm: float, device: torch.device) -> Source:
    """The box around the lungs at `spacing_mm`."""
    (found,) = ndimage.find_objects((scan.lungs.labels > 0).astype(np.uint8))
    spacing, shape = scan.volume.grid.spacing_kji_mm, scan.volume.grid.shape
    pads = [int(np.ceil(MARGIN_MM / s)) for s in spacing]
    low = [max(0, f.start - p) for f, p in zip(found, pads, strict=True)]
    high = [min(n, f.stop + p) for f, p, n in zip(found, pads, shape, strict=True)]
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    hu = torch.from_numpy(np.array(scan.volume.hu[box])).to(device, torch.float32).clamp_(AIREST_HU, DENSEST_HU)
    grid = crop_grid(scan.volume.grid, (low[0], low[1], low[2]), (hu.shape[0], hu.shape[1], hu.shape[2]))
    image = resample(hu, grid, spacing_mm)
    lungs = torch.from_numpy((scan.lungs.labels[box] > 0).astype(np.float32)).to(device)
    cut = tuple((a == 0, b == n) for a, b, n in zip(low, high, shape, strict=True))
    return Source(image.hu, resample(lungs, grid, spacing_mm).hu, Frame(image.grid, cut))


def at_resolution(source: Source, spacing_mm: float) -> LungImage:
    """The scan as it is seen at `spacing_mm`, or at the spacing of `source` where that is coarser."""
    grid = source.frame.grid
    spacing_mm = max(spacing_mm, source.frame.spacing_mm)
    if spacing_mm > source.frame.spacing_mm:
        hu, lungs = (resample(values, grid, spacing_mm).hu for values in (source.hu, source.lungs))
    else:
        hu, lungs = source.hu, source.lungs
    inside = lungs > 0.5
    weight = inside.float()
    radius = max(1, round(NEIGHBOURHOOD_MM / spacing_mm))
    count, total, squares = mean_around(torch.stack([weight, weight * hu, weight * hu * hu]), radius)
    mean = total / count.clamp_min(1e-3)
    spread = torch.sqrt((squares / count.clamp_min(1e-3) - mean * mean).clamp_min(0) + QUIET_HU**2)
    brightness = torch.where(inside, ((hu - mean) / spread).clamp(*LN_RANGE), 0.0)
    around = max(1, round(RIM_MM / spacing_mm))
    border = mean_around(weight[None], around)[0] / mean_around(torch.ones_like(weight)[None], around)[0]
    return LungImage(torch.stack([brightness, BORDER_WEIGHT * border]), inside, spacing_mm)


def mean_around(values: torch.Tensor, radius: int) -> torch.Tensor:
    """Means [c, k, j, i] over cubes of 2 · radius + 1 voxels, zero beyond the border."""
    for axis in range(3):
        kernel, padding = [1, 1, 1], [0, 0, 0]
        kernel[axis], padding[axis] = 2 * radius + 1, radius
        values = F.avg_pool3d(values, kernel, stride=1, padding=padding)
    return values


def sample(values: torch.Tensor, spacing_mm: float, places: torch.Tensor) -> torch.Tensor:
    """Values [c, k, j, i] at places [n, 3] of the frame as [c, n], linear between voxels, the border's beyond."""
    sizes = torch.tensor(values.shape[1:], dtype=torch.float32, device=values.device)
    grid = (2 * places / (sizes * spacing_mm) - 1).flip(-1)
    found = F.grid_sample(values[None], grid[None, None, None], padding_mode="border", align_corners=False)
    return found[0, :, 0, 0]


def voxel_places(image: LungImage, chosen: torch.Tensor) -> torch.Tensor:
    """Places [n, 3] in the frame of voxels given by their flat indices [n]."""
    _, rows, columns = image.inside.shape
    k, rest = chosen // (rows * columns), chosen % (rows * columns)
    return (torch.stack([k, rest // columns, rest % columns], dim=1).float() + 0.5) * image.spacing_mm


def within_image(frame: Frame, places: torch.Tensor) -> torch.Tensor:
    """Whether places [n, 3] are where the scan shows anything: not beyond a face at which the image ends."""
    known = torch.ones(len(places), dtype=torch.bool, device=places.device)
    for axis, ((low, high), size) in enumerate(zip(frame.cut, frame.size_mm, strict=True)):
        if low:
            known &= places[:, axis] >= 0
        if high:
            known &= places[:, axis] <= size
    return known
