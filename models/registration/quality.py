"""How good a registration is: folding, similarity, overlap, and the error that is left."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from cad.domain import RegistrationQuality
from models.registration.deformable import Deformation
from models.registration.images import Frame, LungImage, Source, at_resolution, sample, voxel_places, within_image

SPACING_MM = 2.0
KEYPOINTS = 400
PATCH = 3
"""Half width of a patch, in voxels of 2 mm."""
REACH = 3
"""How far a better place is looked for, in voxels: 6 mm."""
LEAST_PEAK = 0.6
"""A correlation of patches below this tells no place."""
KEYPOINT_SPREAD = 0.8
"""A patch needs this spread of brightness: without a vessel it tells no place."""
LEAST_MATCHED = 30
RETURNING = 5_000
"""How many places are carried over and back."""


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """The two scans that a map joins."""

    fixed: Source
    moving: Source


def volume_ratios(deformation: Deformation, image: LungImage) -> torch.Tensor:
    """Volume in the moving scan per volume in the fixed one at each voxel of the lung [n]; not above 0: it folds."""
    affine, spline = deformation.affine, deformation.spline
    determinant = torch.linalg.det(affine.matrix)
    if spline is None:
        ratio: torch.Tensor = determinant.abs()[None]
        return ratio
    k, j, i = image.inside.shape
    shift = spline.on_grid((k, j, i), image.spacing_mm)
    rows = [torch.stack(torch.gradient(shift[axis], spacing=image.spacing_mm)) for axis in range(3)]
    jacobian = torch.stack([row[:, image.inside].T for row in rows], dim=1) + affine.matrix
    ratios: torch.Tensor = torch.linalg.det(jacobian) * torch.sign(determinant)
    return ratios


def _inconsistency_mm(fixed: LungImage, moving: Frame, forward: Deformation, back: Deformation) -> float | None:
    """Mean distance from which places of the lung come back; None when the moving scan shows none of them."""
    inside = fixed.inside.flatten().nonzero()[:, 0]
    places = voxel_places(fixed, inside[:: max(1, len(inside) // RETURNING)])
    there = forward.at(places)
    shown = within_image(moving, there)
    if not bool(shown.any()):
        return None
    return float((back.at(there[shown]) - places[shown]).norm(dim=1).mean())


def measure(pair: Pair, deformation: Deformation, back: Deformation | None = None) -> RegistrationQuality:
    """The quality of the map at 2 mm; its consistency with the map `back`, where there is one."""
    here, there = at_resolution(pair.fixed, SPACING_MM), at_resolution(pair.moving, SPACING_MM)
    places = _on_grid(deformation, here)
    brightness, border = sample(there.features, there.spacing_mm, places)
    shown = within_image(pair.moving.frame, places) & here.inside.flatten()
    other = border > here.features[1].max() / 2
    ratios = volume_ratios(deformation, here)
    return RegistrationQuality(
        method="affine" if deformation.spline is None else "deformable",
        similarity=_correlation(here.features[0].flatten()[shown], brightness[shown]),
        overlap=float((other & shown).sum() / shown.sum().clamp_min(1)),
        seen_fraction=float(shown.sum() / here.inside.sum()),
        folding_fraction=float((ratios <= 0).float().mean()),
        residual_mm=_residual_mm(here, brightness.reshape(here.inside.shape), shown.reshape(here.inside.shape)),
        inverse_consistency_mm=None if back is None else _inconsistency_mm(here, pair.moving.frame, deformation, back),
        volume_ratios=(float(ratios.min()), float(ratios.max())),
    )


def _on_grid(deformation: Deformation, image: LungImage) -> torch.Tensor:
    """The places [n, 3] that the voxels of an image are mapped to."""
    places = deformation.affine.at(voxel_places(image, torch.arange(image.inside.numel(), device=image.inside.device)))
    if deformation.spline is None:
        return places
    k, j, i = image.inside.shape
    return places + deformation.spline.on_grid((k, j, i), image.spacing_mm).flatten(1).T


def _correlation(a: torch.Tensor, b: torch.Tensor) -> float:
    a, b = a - a.mean(), b - b.mean()
    norm = a.square().sum() * b.square().sum()
    return float((a * b).sum() / norm.clamp_min(1e-12).sqrt())


def _residual_mm(fixed: LungImage, warped: torch.Tensor, shown: torch.Tensor) -> float | None:
    """Mean distance, over patches with vessels, to the place nearby that fits best; None when too few are told.

    A true error along a vessel is not seen, and one beyond the reach is missed.
    """
    wide = PATCH + REACH
    k, j, i = fixed.inside.shape
    if min(k, j, i) <= 2 * wide:
        return None
    core = torch.zeros_like(shown)
    core[wide : k - wide, wide : j - wide, wide : i - wide] = True
    candidates = (shown & core).flatten().nonzero()[:, 0]
    order = torch.randperm(len(candidates), generator=torch.Generator().manual_seed(0))[: 8 * KEYPOINTS]
    candidates = candidates[order.to(candidates.device)]
    patches = fixed.features[0].flatten()[candidates[:, None] + _offsets(PATCH, j, i, candidates.device)]
    chosen = patches.std(dim=1) >= KEYPOINT_SPREAD
    if int(chosen.sum()) < LEAST_MATCHED:
        return None
    candidates, patches = candidates[chosen][:KEYPOINTS], _standardised(patches[chosen][:KEYPOINTS])
    moves = _offsets(REACH, j, i, candidates.device)
    around = candidates[:, None] + _offsets(PATCH, j, i, candidates.device)
    scores = torch.stack(
        [(patches * _standardised(warped.flatten()[around + move])).mean(dim=1) for move in moves], dim=1
    )
    told = scores.max(dim=1).values >= LEAST_PEAK
    if int(told.sum()) < LEAST_MATCHED:
        return None
    distances = _peak_distance(scores[told]) * fixed.spacing_mm
    return float(distances.mean())


def _offsets(radius: int, rows: int, columns: int, device: torch.device) -> torch.Tensor:
    """Flat index offsets [n] of the cube of 2 · radius + 1 voxels."""
    steps = torch.arange(-radius, radius + 1, device=device)
    k, j, i = torch.meshgrid(steps, steps, steps, indexing="ij")
    return ((k * rows + j) * columns + i).flatten()


def _standardised(patches: torch.Tensor) -> torch.Tensor:
    centred = patches - patches.mean(dim=1, keepdim=True)
    return centred / centred.std(dim=1, keepdim=True, correction=0).clamp_min(1e-3)


def _peak_distance(scores: torch.Tensor) -> torch.Tensor:
    """Distance [n] of the peak of scores [n, cube] from the middle, in voxels, by a parabola along each axis."""
    side = 2 * REACH + 1
    cube = scores.reshape(-1, side, side, side)
    best = scores.argmax(dim=1)
    at = torch.stack([best // side**2, best // side % side, best % side], dim=1)
    rows = torch.arange(len(cube), device=cube.device)
    total = torch.zeros(len(cube), device=cube.device)
    for axis in range(3):
        place = at[:, axis].clamp(1, side - 2)
        low, mid, high = (cube[rows, *_moved(at, axis, place + step).unbind(1)] for step in (-1, 0, 1))
        curve = (low - 2 * mid + high).clamp_max(-1e-6)
        inner = (0.5 * (low - high) / curve).clamp(-0.5, 0.5)
        shift = torch.where(place == at[:, axis], place - REACH + inner, (at[:, axis] - REACH).float())
        total += shift.square()
    return total.sqrt()


def _moved(at: torch.Tensor, axis: int, place: torch.Tensor) -> torch.Tensor:
    moved = at.clone()
    moved[:, axis] = place
    return moved
