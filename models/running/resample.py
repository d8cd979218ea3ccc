"""Resampling to the networks' isotropic working grid: separable, anti-aliased, on CPU or CUDA."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from cad.domain import Float32Array, FloatArray, Grid, LungMask, Volume
from cad.geometry import crop_grid, positions_of


@dataclass(frozen=True, slots=True, eq=False)
class WorkingBox:
    """A box of the volume on an isotropic grid: `hu` float32 tensor [k, j, i] and its `grid`."""

    hu: torch.Tensor
    grid: Grid


def axis_weights(source: int, target: int, step: float, device: torch.device) -> torch.Tensor:
    """The matrix [target, source] of a triangle kernel that reads one voxel every `step` source voxels.

    The first target voxel's outer edge coincides with the first source voxel's outer edge. The kernel is `step`
    wide when that is more than a voxel, so that fine noise is averaged and not aliased. Rows sum to 1.
    """
    centres = (torch.arange(target, dtype=torch.float32, device=device) + 0.5) * step - 0.5
    support = max(1.0, step)
    distance = (centres[:, None] - torch.arange(source, dtype=torch.float32, device=device)[None, :]).abs()
    weights = (1.0 - distance / support).clamp_min(0.0)
    beyond = weights.sum(dim=1) == 0
    weights[beyond, -1] = 1.0
    return weights / weights.sum(dim=1, keepdim=True)


def working_box(
    volume: Volume,
    low_kji: tuple[int, int, int],
    high_kji: tuple[int, int, int],
    spacing_mm: float,
    device: torch.device,
) -> WorkingBox:
    """The voxels from `low_kji` to `high_kji` (exclusive) of the volume, resampled to `spacing_mm` isotropic."""
    part = volume.hu[low_kji[0] : high_kji[0], low_kji[1] : high_kji[1], low_kji[2] : high_kji[2]]
    hu = torch.from_numpy(np.array(part)).to(device=device, dtype=torch.float32)
    return resample(hu, crop_grid(volume.grid, low_kji, (hu.shape[0], hu.shape[1], hu.shape[2])), spacing_mm)


def resample(values: torch.Tensor, source: Grid, spacing_mm: float) -> WorkingBox:
    """Values float32 [k, j, i] on `source`, resampled to `spacing_mm` isotropic."""
    grid = isotropic_grid(source, spacing_mm)
    along_k, along_j, along_i = (
        axis_weights(n, target, spacing_mm / s, values.device)
        for n, target, s in zip(source.shape, grid.shape, source.spacing_kji_mm, strict=True)
    )
    # each product reads and writes contiguous memory
    values = along_j @ (values @ along_i.T)
    return WorkingBox((along_k @ values.flatten(1)).reshape(grid.shape), grid)


def isotropic_grid(source: Grid, spacing_mm: float) -> Grid:
    """The isotropic grid whose outer edges start where those of `source` start and that covers all of it."""
    old = source.spacing_kji_mm
    shape = [max(1, int(np.ceil(n * s / spacing_mm - 1e-6))) for n, s in zip(source.shape, old, strict=True)]
    first: FloatArray = np.array([[(spacing_mm / s - 1) / 2 for s in old]])
    affine = np.eye(4)
    affine[:3, :3] = source.affine[:3, :3] @ np.diag([spacing_mm / s for s in old])
    affine[:3, 3] = positions_of(source, first)[0]
    return Grid((shape[0], shape[1], shape[2]), affine)


def lung_bounds(lungs: LungMask, margin_mm: float) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """First and end (k, j, i) of the box of the lungs, with so much around it as the grid has."""
    low, high = [], []
    for axis, spacing in enumerate(lungs.grid.spacing_kji_mm):
        others = tuple(a for a in range(3) if a != axis)
        filled = np.flatnonzero((lungs.labels > 0).any(axis=others))
        pad = int(np.ceil(margin_mm / spacing))
        low.append(max(0, int(filled[0]) - pad))
        high.append(min(lungs.grid.shape[axis], int(filled[-1]) + 1 + pad))
    return (low[0], low[1], low[2]), (high[0], high[1], high[2])


def cells_of(
    shape: tuple[int, ...], spacing_kji_mm: tuple[float, float, float], cell_mm: float
) -> tuple[int, int, int]:
    """How many cells of about this side divide a volume evenly along k, j and i."""
    k, j, i = (max(1, round(n * mm / cell_mm)) for n, mm in zip(shape, spacing_kji_mm, strict=True))
    return k, j, i


def cell_means(planes: Iterable[Float32Array], size: tuple[int, int, int]) -> Float32Array:
    """Means [k, j, i] of planes [j, i] over cells, plane by plane, so that memory is bounded.

    Where there are fewer planes than cells along k they are interpolated.
    """
    small = [F.interpolate(torch.from_numpy(p)[None, None], size=size[1:], mode="area")[0, 0] for p in planes]
    stack = torch.stack(small).permute(1, 2, 0)
    stack = F.interpolate(stack, size=size[0], mode="area" if size[0] <= stack.shape[2] else "linear")
    return np.ascontiguousarray(stack.permute(2, 0, 1).numpy())
