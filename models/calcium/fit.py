"""Brings the mean chest's frame into a patient: a search over places and sizes, an affine map, a deformation."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from models.calcium.frames import Frame, HeartMap, Seen, coarser, spline_matrix, spread

SIZES = (0.8, 0.9, 1.0, 1.1, 1.2)
"""Sizes of the chest that are tried, relative to the mean."""

LEAST_SHOWN = 0.35
"""The part of the frame's weight that must lie in view where the heart is looked for."""

AFFINE_STEPS = 50
AFFINE_POINTS, POINTS = 6_000, 25_000
"""So many places, drawn anew, are looked at in each step."""

SEED = 0
DOUBT = 0.15
"""A squared difference that costs half of what it would by itself, so that what has no counterpart pulls little."""


@dataclass(frozen=True, slots=True, eq=False)
class MeanChest:
    """The mean image `views` [2, k, j, i] of the chest about the heart, and how much each place counts, `weight`."""

    frame: Frame
    views: torch.Tensor
    weight: torch.Tensor


@dataclass(frozen=True, slots=True)
class Level:
    """Control points every `step_mm`, `steps` descents of at most `rate_mm` each, and what bending costs."""

    step_mm: float
    steps: int
    rate_mm: float
    stiffness: float


LEVELS = (Level(40.0, 40, 1.2, 1.0), Level(20.0, 50, 0.8, 1.0))


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """The map, and how alike the patient and the mean chest are under it (correlation, 1 for the same)."""

    map: HeartMap
    likeness: float


def fit_chest(chest: MeanChest, image: Seen, levels: tuple[Level, ...] = LEVELS) -> Fit | None:
    """Where the frame lies in a scan seen at the frame's spacing; None when no part of the scan can be it."""
    start = search(chest, coarser(image, 2))
    if start is None:
        return None
    return fit_from(chest, image, start, levels)


Affine = tuple[torch.Tensor, torch.Tensor]
"""`matrix` [3, 3] and `offset` [3] from the frame to LPS mm."""


def fit_from(chest: MeanChest, image: Seen, start: Affine, levels: tuple[Level, ...] = LEVELS) -> Fit:
    """The affine map and the deformation, from a start."""
    matrix, offset = affine_fit(chest, coarser(image, 2), start)
    shift = deformation(chest, image, (matrix, offset), levels)
    found = HeartMap(chest.frame, matrix, offset, shift)
    with torch.no_grad():
        return Fit(found, likeness(chest, image, found.to_patient(chest.frame.places())))


def likeness(chest: MeanChest, image: Seen, places: torch.Tensor) -> float:
    """Weighted correlation of the views at the frame's voxels, mapped to LPS `places` [n, 3], where known."""
    there, known = image.at(places)
    weight = chest.weight.flatten() * known
    values = []
    for a, b in zip(chest.views.flatten(1), there, strict=True):
        total = weight.sum().clamp_min(1e-6)
        a, b = a - (weight * a).sum() / total, b - (weight * b).sum() / total
        values.append((weight * a * b).sum() / ((weight * a * a).sum() * (weight * b * b).sum()).sqrt().clamp_min(1e-6))
    return float(torch.stack(values).mean())


def search(chest: MeanChest, image: Seen) -> Affine | None:
    """The size and place at which a coarse scan correlates best with the mean chest; None when it never does."""
    smalls = [_small(chest, image.spacing_mm, size) for size in SIZES]
    largest = smalls[-1].weight.shape
    padded = _Padded(image, tuple(n + m - 1 for n, m in zip(image.known.shape, largest, strict=True)))
    score, at, best = max(((*_correlated(small, padded), small) for small in smalls), key=lambda found: found[0])
    if score <= 0:
        return None
    corner = at - torch.tensor(best.weight.shape) + 1
    place: torch.Tensor = torch.linalg.solve(image.matrix, corner + best.origin - image.offset)
    return torch.eye(3) * best.size, place


@dataclass(frozen=True, slots=True, eq=False)
class _Small:
    """The mean chest at one size with coarse voxels, and the index (k, j, i) of the frame's origin in it."""

    size: float
    views: torch.Tensor
    weight: torch.Tensor
    origin: torch.Tensor


class _Padded:
    """Fourier transforms of a coarse scan, long enough for every template."""

    def __init__(self, image: Seen, lengths: tuple[int, ...]) -> None:
        self.lengths = lengths
        self.known = torch.fft.rfftn(image.known, s=lengths)
        self.views = [torch.fft.rfftn(view, s=lengths) for view in image.views]
        self.squares = [torch.fft.rfftn(view * view, s=lengths) for view in image.views]

    def transformed(self, template: torch.Tensor) -> torch.Tensor:
        """The transform of a template, turned round so that products correlate."""
        turned: torch.Tensor = torch.fft.rfftn(template.flip(0, 1, 2), s=self.lengths)
        return turned

    def back(self, product: torch.Tensor) -> torch.Tensor:
        """From a product of transforms to sums over the template at every place."""
        sums: torch.Tensor = torch.fft.irfftn(product, s=self.lengths)
        return sums


def _correlated(small: _Small, image: _Padded) -> tuple[float, torch.Tensor]:
    """The best weighted correlation over all places, and the index at which the template ends there."""
    weight = image.transformed(small.weight)
    count = image.back(image.known * weight).clamp_min(1e-3)
    total = torch.zeros_like(count)
    for t, p, pp in zip(small.views, image.views, image.squares, strict=True):
        wt, wtt = image.transformed(small.weight * t), image.transformed(small.weight * t * t)
        sp, st = image.back(p * weight), image.back(image.known * wt)
        spread_p = (image.back(pp * weight) - sp * sp / count).clamp_min(1e-3)
        spread_t = (image.back(image.known * wtt) - st * st / count).clamp_min(1e-3)
        total += (image.back(p * wt) - sp * st / count) / (spread_p * spread_t).sqrt()
    shown = count / small.weight.sum()
    score = torch.where(shown > LEAST_SHOWN, total / 2 * shown.clamp(max=1) ** 0.25, -1.0)
    value, flat = score.flatten().max(dim=0)
    at = torch.tensor([int(n) for n in torch.unravel_index(flat, score.shape)], dtype=torch.float32)
    return float(value), at


def _small(chest: MeanChest, spacing_mm: float, size: float) -> _Small:
    factor = chest.frame.spacing_mm * size / spacing_mm
    stacked = torch.cat([chest.views, chest.weight[None]])[None]
    shape = [max(2, round(n * factor)) for n in chest.frame.shape]
    small = F.interpolate(stacked, size=shape, mode="area")[0]
    ratio = torch.tensor([m / n for m, n in zip(shape, chest.frame.shape, strict=True)])
    origin = -torch.tensor(chest.frame.first[::-1]) / chest.frame.spacing_mm
    return _Small(size, small[:2], small[2], (origin + 0.5) * ratio - 0.5)


def affine_fit(chest: MeanChest, image: Seen, start: Affine) -> Affine:
    """The start, refined by gradient descent."""
    places, wanted, weight = _targets(chest, 2)
    generator = torch.Generator().manual_seed(SEED)
    centre = (places * weight[:, None]).sum(0) / weight.sum()
    matrix = start[0].clone().requires_grad_()
    middle = (centre @ start[0].T + start[1]).clone().requires_grad_()
    adam = torch.optim.Adam([{"params": [matrix], "lr": 0.015}, {"params": [middle], "lr": 1.5}])
    fading = torch.optim.lr_scheduler.ExponentialLR(adam, 0.95)
    for _ in range(AFFINE_STEPS):
        few = torch.randint(len(places), (AFFINE_POINTS,), generator=generator)
        loss = _mismatch(image, (places[few] - centre) @ matrix.T + middle, wanted[:, few], weight[few])
        adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        adam.step()
        fading.step()
    found = matrix.detach()
    return found, middle.detach() - found @ centre


def _targets(chest: MeanChest, stride: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Places [n, 3], views [2, n] and weights [n] of every `stride`-th voxel that counts, averaged about it."""
    if stride == 1:
        frame, views, weight = chest.frame, chest.views, chest.weight
    else:
        views, weight = F.avg_pool3d(chest.views, stride), F.avg_pool3d(chest.weight[None], stride)[0]
        step = chest.frame.spacing_mm
        first = [value + step * (stride - 1) / 2 for value in chest.frame.first]
        shape = (weight.shape[0], weight.shape[1], weight.shape[2])
        frame = Frame(shape, step * stride, (first[0], first[1], first[2]))
    counts = weight.flatten() > 0
    return frame.places()[counts], views.flatten(1)[:, counts], weight.flatten()[counts]


def _mismatch(image: Seen, places: torch.Tensor, wanted: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    there, known = image.at(places)
    error = (there - wanted).square().sum(0)
    weight = weight * known
    return (weight * error / (1 + error / DOUBT)).sum() / weight.sum().clamp_min(1.0)


def deformation(chest: MeanChest, image: Seen, affine: Affine, levels: tuple[Level, ...]) -> torch.Tensor:
    """The dense shift [3, k, j, i] in mm that is to be added to the affine map."""
    places, wanted, weight = _targets(chest, 1)
    counts = (chest.weight.flatten() > 0).nonzero()[:, 0]
    generator = torch.Generator().manual_seed(SEED)
    start = places @ affine[0].T + affine[1]
    total = torch.zeros(3, *chest.frame.shape)
    for level in levels:
        step = level.step_mm / chest.frame.spacing_mm
        matrices = tuple(spline_matrix(n, step) for n in chest.frame.shape)
        three = (matrices[0], matrices[1], matrices[2])
        control = torch.zeros(3, *(m.shape[1] for m in three), requires_grad=True)
        adam = torch.optim.Adam([control], lr=level.rate_mm)
        falling = torch.optim.lr_scheduler.LinearLR(adam, 1.0, 0.1, level.steps)
        for _ in range(level.steps):
            few = torch.randint(len(counts), (POINTS,), generator=generator)
            moved = (total + spread(control, three)).flatten(1)[:, counts[few]].T
            data = _mismatch(image, start[few] + moved, wanted[:, few], weight[few])
            loss = data + level.stiffness * _bending(control, level.step_mm)
            adam.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            adam.step()
            falling.step()
        total = total + spread(control.detach(), three)
    return total


def _bending(control: torch.Tensor, step_mm: float) -> torch.Tensor:
    """Mean squared second difference of the control points, per step."""
    cost = torch.zeros(())
    for axis in (1, 2, 3):
        n = control.shape[axis]
        second = control.narrow(axis, 2, n - 2) - 2 * control.narrow(axis, 1, n - 2) + control.narrow(axis, 0, n - 2)
        cost = cost + (second / step_mm).square().mean()
    return cost
