"""The affine part: starts from the frames of both pairs of lungs, and its refinement."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from models.registration.images import Frame, LungImage, Source, at_resolution, sample, voxel_places, within_image

SPACING_MM = 6.0
STEPS = 60
POINTS = 20_000
DOUBT = 2.0
"""A squared difference that costs half of what it would by itself; the cost never exceeds this. What has no counterpart
(a nodule that grew, a lung border that was drawn otherwise) so pulls at little."""

UNKNOWN_COST = 0.4
"""What a place costs that the moving scan does not show: less than a mismatch, more than a match."""


@dataclass(frozen=True, slots=True, eq=False)
class Affine:
    """`matrix` [3, 3] and `offset` [3] from places of the fixed frame to places of the moving frame."""

    matrix: torch.Tensor
    offset: torch.Tensor

    def at(self, places: torch.Tensor) -> torch.Tensor:
        """Places [n, 3] of the moving frame."""
        return places @ self.matrix.T + self.offset

    def inverted(self) -> Affine:
        """The map back."""
        inverse = torch.linalg.inv(self.matrix)
        return Affine(inverse, -inverse @ self.offset)


def mismatch(moving: LungImage, frame: Frame, places: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Mean cost of the moving scan at `places` [n, 3] against the features `wanted` [2, n]."""
    error = (sample(moving.features, moving.spacing_mm, places) - wanted).square().sum(dim=0)
    return torch.where(within_image(frame, places), error / (1 + error / DOUBT), UNKNOWN_COST).mean()


def affine_fit(fixed: Source, moving: Source, generator: torch.Generator) -> Affine:
    """The affine map of the least mismatch, refined from every start."""
    low, target = at_resolution(fixed, SPACING_MM), at_resolution(moving, SPACING_MM)
    tried = [_refined(start, low, target, moving.frame, generator) for start in _starts(fixed, moving, low, target)]
    return min(tried, key=lambda fit: fit[0])[1]


def _starts(fixed: Source, moving: Source, low: LungImage, target: LungImage) -> list[Affine]:
    """The same position in the patient, the same centre, and the same centre and extent of the lungs."""
    device = low.features.device
    turn = np.linalg.inv(moving.frame.grid.affine[:3, :3] / moving.frame.spacing_mm) @ (
        fixed.frame.grid.affine[:3, :3] / fixed.frame.spacing_mm
    )
    origin = moving.frame.places(fixed.frame.positions(np.zeros((1, 3))))[0]
    same = Affine(*(torch.tensor(value, dtype=torch.float32, device=device) for value in (turn, origin)))
    here, there = (voxel_places(image, image.inside.flatten().nonzero()[:, 0]) for image in (low, target))
    centred = Affine(same.matrix, there.mean(dim=0) - same.matrix @ here.mean(dim=0))
    extent = torch.diag(there.std(dim=0)) @ same.matrix @ torch.diag(1 / here.std(dim=0))
    return [same, centred, Affine(extent, there.mean(dim=0) - extent @ here.mean(dim=0))]


def _refined(
    start: Affine, fixed: LungImage, moving: LungImage, frame: Frame, generator: torch.Generator
) -> tuple[float, Affine]:
    """A start after gradient descent, with its mismatch."""
    inside = (fixed.features[1] > 0).flatten().nonzero()[:, 0]
    wanted = fixed.features.flatten(1)
    centre = voxel_places(fixed, inside).mean(dim=0)
    matrix = start.matrix.clone().requires_grad_()
    middle = start.at(centre[None])[0].clone().requires_grad_()
    adam = torch.optim.Adam([{"params": [matrix], "lr": 0.01}, {"params": [middle], "lr": 1.0}])
    fading = torch.optim.lr_scheduler.ExponentialLR(adam, 0.96)
    for _ in range(STEPS):
        chosen = inside[torch.randint(len(inside), (min(POINTS, len(inside)),), generator=generator).to(inside.device)]
        places = (voxel_places(fixed, chosen) - centre) @ matrix.T + middle
        loss = mismatch(moving, frame, places, wanted[:, chosen])
        adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        adam.step()
        fading.step()
    found = matrix.detach()
    fit = Affine(found, middle.detach() - found @ centre)
    with torch.no_grad():
        cost = mismatch(moving, frame, fit.at(voxel_places(fixed, inside)), wanted[:, inside])
    return float(cost), fit
