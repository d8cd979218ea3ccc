"""How good a registration is: folding, similarity, overlap, and the error that is left."""

from __future__ import annotations

import torch

from cad.domain import RegistrationQuality
from models.registration.affine import Affine
from models.registration.images import LungImage, Source, at_resolution, sampled, voxel_places, within_image
from models.registration.spline import Spline

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


def folding_fraction(spline: Spline, affine: Affine, image: LungImage) -> float:
    """The part of the lung's voxels at which the map does not keep its orientation (determinant not above 0)."""
    k, j, i = image.inside.shape
    shift = spline.on_grid((k, j, i), image.spacing_mm)
    rows = [torch.stack(torch.gradient(shift[axis], spacing=image.spacing_mm)) for axis in range(3)]
    jacobian = torch.stack([row[:, image.inside].T for row in rows], dim=1) + affine.matrix
    sign = torch.sign(torch.linalg.det(affine.matrix))
    return float((torch.linalg.det(jacobian) * sign <= 0).float().mean())


def measured(fixed: Source, moving: Source, affine: Affine, spline: Spline | None) -> RegistrationQuality:
    """The quality of the map at 2 mm; without a spline that of the affine map."""
    here, there = at_resolution(fixed, SPACING_MM), at_resolution(moving, SPACING_MM)
    everywhere = torch.arange(here.inside.numel(), device=here.inside.device)
    places = affine.at(voxel_places(here, everywhere))
    if spline is not None:
        k, j, i = here.inside.shape
        places = places + spline.on_grid((k, j, i), here.spacing_mm).flatten(1).T
    brightness, border = sampled(there.features, there.spacing_mm, places)
    shown = within_image(moving.frame, places) & here.inside.flatten()
    other = border > here.features[1].max() / 2
    residual = _residual_mm(here, brightness.reshape(here.inside.shape), shown.reshape(here.inside.shape))
    return RegistrationQuality(
        method="affine" if spline is None else "deformable",
        similarity=_correlation(here.features[0].flatten()[shown], brightness[shown]),
        overlap=float((other & shown).sum() / shown.sum().clamp_min(1)),
        seen_fraction=float(shown.sum() / here.inside.sum()),
        folding_fraction=0.0 if spline is None else folding_fraction(spline, affine, here),
        residual_mm=residual,
    )


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
    candidates, patches = candidates[chosen][:KEYPOINTS], _standardised(patches[chosen][:KEYPOINTS])
    if len(candidates) < LEAST_MATCHED:
        return None
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
