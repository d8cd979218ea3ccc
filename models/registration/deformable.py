"""The deformation: a B-spline displacement by gradient descent on random voxels of the lungs, coarse to fine."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from models.registration.affine import Affine, mismatch
from models.registration.images import LungImage, Source, at_resolution, mean_around, voxel_places
from models.registration.spline import Spline, bending, grid_weights, lattice_shape, product, refine

RIM_MM = 3.0
"""How far beyond the lungs voxels are drawn: their border is to match."""

LAST_RATE = 0.1
"""The rate falls to this part of the first."""


@dataclass(frozen=True, slots=True)
class Level:
    """One resolution: voxels of `spacing_mm`, control points every `step_mm`, `points` voxels in each of `steps`.

    `rate_mm` is how far a control point moves in the first step; `stiffness` (mm²) is what bending costs.
    """

    spacing_mm: float
    step_mm: float
    steps: int
    points: int
    rate_mm: float
    stiffness: float


LEVELS = (
    Level(4.0, 24.0, steps=60, points=30_000, rate_mm=1.0, stiffness=200.0),
    Level(3.0, 14.0, steps=50, points=50_000, rate_mm=0.8, stiffness=100.0),
    Level(2.0, 8.0, steps=80, points=80_000, rate_mm=0.5, stiffness=30.0),
)


@dataclass(frozen=True, slots=True, eq=False)
class Deformation:
    """Places of the fixed frame to places of the moving frame: an affine map and a displacement added to it."""

    affine: Affine
    spline: Spline | None

    def at(self, places: torch.Tensor) -> torch.Tensor:
        """Places [n, 3] of the moving frame."""
        moved = self.affine.at(places)
        return moved if self.spline is None else moved + self.spline.at(places)


def deform(
    fixed: Source, moving: Source, affine: Affine, levels: tuple[Level, ...], generator: torch.Generator
) -> Spline:
    """The displacement to be added to the affine map."""
    size = fixed.frame.size_mm
    device = fixed.hu.device
    spline = Spline(torch.zeros(3, *lattice_shape(size, levels[0].step_mm), device=device), levels[0].step_mm)
    for level in levels:
        spline = refine(spline, size, level.step_mm)
        here, there = at_resolution(fixed, level.spacing_mm), at_resolution(moving, level.spacing_mm)
        spline = _descended(spline, here, _Target(there, moving, affine), level, generator)
    return spline


@dataclass(frozen=True, slots=True, eq=False)
class _Target:
    """The moving scan at one resolution, and the affine map to it."""

    image: LungImage
    source: Source
    affine: Affine


def _descended(spline: Spline, fixed: LungImage, target: _Target, level: Level, generator: torch.Generator) -> Spline:
    shape = (fixed.inside.shape[0], fixed.inside.shape[1], fixed.inside.shape[2])
    matrices = grid_weights(shape, fixed.spacing_mm, spline)
    rim = mean_around(fixed.inside.float()[None], max(1, round(RIM_MM / fixed.spacing_mm)))[0] > 0
    usable = rim.flatten().nonzero()[:, 0]
    wanted = fixed.features.flatten(1)
    control = spline.control.clone().requires_grad_()
    adam = torch.optim.Adam([control], lr=level.rate_mm)
    falling = torch.optim.lr_scheduler.LinearLR(adam, 1.0, LAST_RATE, level.steps)
    for _ in range(level.steps):
        chosen = usable[
            torch.randint(len(usable), (min(level.points, len(usable)),), generator=generator).to(usable.device)
        ]
        moved = product(control, matrices).flatten(1)[:, chosen].T
        places = target.affine.at(voxel_places(fixed, chosen)) + moved
        data = mismatch(target.image, target.source.frame, places, wanted[:, chosen])
        loss = data + level.stiffness * bending(control, level.step_mm)
        adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        adam.step()
        falling.step()
    return Spline(control.detach(), level.step_mm)
