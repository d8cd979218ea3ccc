"""Displacements as cubic B-splines on a lattice of control points in the frame."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

ORDER_OVERHANG = 4
"""Control points beyond the number of intervals: one before the first, and what a cubic needs at the end."""


@dataclass(frozen=True, slots=True, eq=False)
class Spline:
    """`control` float32 [3, a, b, c]: displacements (k, j, i) in mm; point n of an axis lies at (n - 1) · step."""

    control: torch.Tensor
    step_mm: float

    def on_grid(self, shape: tuple[int, int, int], spacing_mm: float) -> torch.Tensor:
        """Displacements [3, k, j, i] at the voxel centres of a grid over the frame."""
        return product(self.control, grid_weights(shape, spacing_mm, self))

    def at(self, places: torch.Tensor) -> torch.Tensor:
        """Displacements [n, 3] at places [n, 3] of the frame; beyond the lattice those of its border."""
        total = torch.zeros_like(places)
        bases = [cubic(places[:, axis], self.step_mm, size) for axis, size in enumerate(self.control.shape[1:])]
        for a in range(4):
            for b in range(4):
                for c in range(4):
                    picks = (a, b, c)
                    k, j, i = (base.first + pick for base, pick in zip(bases, picks, strict=True))
                    along_k, along_j, along_i = (base.weights[:, p] for base, p in zip(bases, picks, strict=True))
                    weight = along_k * along_j * along_i
                    total += self.control[:, k, j, i].T * weight[:, None]
        return total


@dataclass(frozen=True, slots=True, eq=False)
class Cubic:
    """For each of n places the index of the `first` control point [n] and the `weights` [n, 4] of four."""

    first: torch.Tensor
    weights: torch.Tensor


def lattice_shape(size_mm: tuple[float, float, float], step_mm: float) -> tuple[int, int, int]:
    """How many control points cover a frame of this size."""
    k, j, i = (math.ceil(size / step_mm) + ORDER_OVERHANG - 1 for size in size_mm)
    return k, j, i


def cubic(places: torch.Tensor, step_mm: float, size: int) -> Cubic:
    """Uniform cubic B-spline weights at places [n] along an axis of `size` control points."""
    scaled = (places / step_mm).clamp(0, size - 3 - 1e-4)
    first = scaled.floor()
    t = scaled - first
    weights = [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]
    return Cubic(first.long(), torch.stack(weights, dim=1) / 6)


def grid_weights(shape: tuple[int, int, int], spacing_mm: float, spline: Spline) -> list[torch.Tensor]:
    """For each axis the matrix [voxels, control points] that evaluates the spline at voxel centres."""
    matrices = []
    for voxels, size in zip(shape, spline.control.shape[1:], strict=True):
        places = (torch.arange(voxels, device=spline.control.device) + 0.5) * spacing_mm
        at = cubic(places, spline.step_mm, size)
        matrix = torch.zeros(voxels, size, device=places.device)
        matrices.append(matrix.scatter_add(1, at.first[:, None] + torch.arange(4, device=places.device), at.weights))
    return matrices


def product(values: torch.Tensor, matrices: list[torch.Tensor]) -> torch.Tensor:
    """A matrix along each of the last three axes of values [3, a, b, c]."""
    along_k, along_j, along_i = matrices
    values = along_j @ (values @ along_i.T)
    return (along_k @ values.flatten(2)).reshape(values.shape[0], len(along_k), *values.shape[2:])


def refine(spline: Spline, size_mm: tuple[float, float, float], step_mm: float) -> Spline:
    """The same displacement on another lattice, by least squares at samples of a third of its step."""
    shape = lattice_shape(size_mm, step_mm)
    spacing = step_mm / 3
    samples = tuple(max(1, math.ceil(size / spacing)) for size in size_mm)
    dense = spline.on_grid((samples[0], samples[1], samples[2]), spacing)
    empty = Spline(torch.zeros(3, *shape, device=dense.device), step_mm)
    inverses = [torch.linalg.pinv(m) for m in grid_weights((samples[0], samples[1], samples[2]), spacing, empty)]
    return Spline(product(dense, inverses), step_mm)


def bending(control: torch.Tensor, step_mm: float) -> torch.Tensor:
    """Mean squared second derivatives, in 1/mm², of control points [3, k, j, i] in mm."""
    total = torch.zeros((), device=control.device)
    for a in range(1, 4):
        total = total + torch.diff(control, n=2, dim=a).square().mean()
        for b in range(a + 1, 4):
            total = total + 2 * torch.diff(torch.diff(control, dim=a), dim=b).square().mean()
    return total / step_mm**4
