"""Learning to outline nodules from the readers' masks: samples, augmentation, batches, loss and loop."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from torch.nn import functional as F

from cad.domain import BoolArray, Float32Array, Int16Array
from models.detector.rpn3d import on_device
from models.nodules.inputs import MARGIN_SLICES, Crop, contrast_of_crop, contrast_of_hu, outline_channels
from models.nodules.lidc_crops import SIDE, RatedNodule
from models.nodules.networks import OutlineNet, TrunkConfig
from models.training.loop import PhaseRecipe, train_network
from models.training.nodules.blended_crops import BlendedCrop
from models.training.nodules.crop_places import PlacedCrop

VOXELS_PER_BATCH = 400_000
"""Padding counted: small nodules come in larger batches."""

SIDES: Mapping[int, int] = {32: 20, 48: 34}
"""Windows of so many pixels hold nodules of up to so many pixels across; larger ones are read in whole crops."""

ANY_SIDES: Mapping[int, float] = {32: 0.45, 48: 0.3, 64: 0.25}
"""Windows that do not depend on the nodule, and how often each is drawn; a large nodule is cut by a small one."""

CONTEXT_COPIES = 3
"""How often in each pass the few readers' nodules with real lung above and below come."""

BLENDED_SHARE = 0.2
"""Share of the blended nodules that come in a pass: they have many slices, and real ones teach more."""

EXTENDED_SHARE = 0.35
"""Share of crops that get slices without the nodule above and below."""


@dataclass(frozen=True, slots=True, eq=False)
class OutlineSample:
    """What one nodule teaches: `contrast` (0 lung, 1 soft tissue) and `target` 0..1, float32 [k, j, i], and its weight.

    `patients` are those that a network must not have seen to be measured on it. `extendable`: the slices end with
    the nodule.
    """

    patients: tuple[str, ...]
    contrast: Float32Array
    target: Float32Array
    spacing_mm: tuple[float, float, float]
    weight: float
    extendable: bool
    share: float = 1.0
    """How likely it is to come in a pass."""


def sample_of(nodule: RatedNodule) -> OutlineSample:
    """The consensus of a nodule's readers; what one or two readers marked counts half."""
    weight = 1.0 if nodule.readers >= 3 else 0.5
    target = nodule.consensus.astype(np.float32)
    contrast = contrast_of_crop(nodule.image)
    return OutlineSample((nodule.patient,), contrast, target, nodule.spacing_mm, weight, extendable=True)


def blended_sample(crop: BlendedCrop) -> OutlineSample:
    """A blended nodule."""
    return OutlineSample(
        crop.patients,
        contrast_of_hu(crop.hu),
        crop.mask.astype(np.float32),
        crop.spacing_mm,
        1.0,
        extendable=False,
        share=BLENDED_SHARE,
    )


def context_sample(nodule: RatedNodule, place: PlacedCrop, hu: Int16Array) -> OutlineSample:
    """A readers' nodule in its scan: `hu` [k, j, i] holds the crop's slices from `place.corner[0]` and more."""
    target = np.zeros(hu.shape, dtype=np.float32)
    k = place.corner[0]
    target[k : k + len(place.votes)] = (2 * place.votes.astype(int) >= nodule.readers) & (place.votes > 0)
    return OutlineSample((nodule.patient,), contrast_of_hu(hu), target, nodule.spacing_mm, 1.0, extendable=False)


Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]
"""Channels [n, 5, k, j, i], target [n, k, j, i], which voxels count [n, k, j, i] and the samples' weights [n]."""


@dataclass(frozen=True, slots=True)
class Group:
    """Samples, by number, that are read together in windows of `side` pixels."""

    side: int
    members: tuple[int, ...]


def passes(samples: Sequence[OutlineSample], seed: int, *, fitting: bool) -> Iterator[Batch]:
    """Endless augmented batches; in each pass a sample comes once, or not at all where its share is below 1.

    `fitting` windows are as small as the nodules allow, which is quick. They tell how large the nodule is, though, so
    that the last steps must be taken in windows that do not.
    """
    rng = np.random.default_rng(seed)
    while True:
        for group in groups(samples, rng, fitting=fitting):
            yield batch_of([augment(samples[n], rng) for n in group.members], group.side, rng)


def groups(samples: Sequence[OutlineSample], rng: np.random.Generator, *, fitting: bool) -> list[Group]:
    """One pass in random order, as groups of samples with like windows and numbers of slices."""
    drawn = [int(n) for n in rng.permutation(len(samples)) if rng.random() < samples[n].share]
    any_sides = rng.choice(list(ANY_SIDES), size=len(samples), p=list(ANY_SIDES.values()))
    sides = {n: side_of(samples[n]) if fitting else int(any_sides[n]) for n in drawn}
    found: list[Group] = []
    for start in range(0, len(drawn), 512):
        ordered = sorted(drawn[start : start + 512], key=lambda n: (sides[n], len(samples[n].contrast)))
        for side, members in groupby(ordered, key=sides.__getitem__):
            found += [Group(side, part) for part in _parted(samples, list(members), side)]
    return [found[n] for n in rng.permutation(len(found))]


def _parted(samples: Sequence[OutlineSample], ordered: Sequence[int], side: int) -> Iterator[tuple[int, ...]]:
    """Samples of growing numbers of slices, in parts that fit a batch."""
    part: list[int] = []
    for n in ordered:
        voxels = (len(part) + 1) * (len(samples[n].contrast) + 4) * side**2
        if part and voxels > VOXELS_PER_BATCH:
            yield tuple(part)
            part = []
        part.append(n)
    yield tuple(part)


def side_of(sample: OutlineSample) -> int:
    """The edge of the window in which the nodule is read."""
    _, j, i = np.nonzero(sample.target)
    extent = max(np.ptp(j), np.ptp(i)) + 1 if len(j) else 0
    return next((side for side, largest in SIDES.items() if extent <= largest), SIDE)


def batch_of(samples: Sequence[OutlineSample], side: int, rng: np.random.Generator) -> Batch:
    """Samples as tensors, cut about their nodules with some jitter and padded along k to the longest."""
    cut = [_window(s, side, rng) for s in samples]
    depth = max(len(s.contrast) for s in cut) + 2 * MARGIN_SLICES
    shape = (depth, side, side)
    channels = np.stack([outline_channels(_crop(s, rng), shape) for s in cut])
    targets = np.zeros((len(cut), *shape), dtype=np.float32)
    counted = np.zeros_like(targets)
    for n, s in enumerate(cut):
        rows = slice(MARGIN_SLICES, MARGIN_SLICES + len(s.contrast))
        targets[n, rows] = s.target >= 0.5
        counted[n, rows] = 1
    weights = np.array([s.weight for s in cut], dtype=np.float32)
    return (
        torch.from_numpy(channels),
        torch.from_numpy(targets),
        torch.from_numpy(counted),
        torch.from_numpy(weights),
    )


def _crop(sample: OutlineSample, rng: np.random.Generator) -> Crop:
    """The sample with a centre as a detector would give it: off by about a millimetre, more for large nodules."""
    target = sample.target >= 0.5
    centre = ndimage.center_of_mass(target) if target.any() else [(n - 1) / 2 for n in target.shape]
    extent = float(np.cbrt(max(float(target.sum()), 1.0) * math.prod(sample.spacing_mm)))
    jitter = rng.normal(size=3) * min(0.6 + 0.06 * extent, 2.5) / np.array(sample.spacing_mm)
    k, j, i = (float(c + d) for c, d in zip(centre, jitter, strict=True))
    return Crop(sample.contrast, sample.spacing_mm, (k, j, i))


def _window(sample: OutlineSample, side: int, rng: np.random.Generator) -> OutlineSample:
    free = SIDE - side
    j, i = (int(np.clip(round(free / 2 + rng.normal() * 2.0), 0, free)) for _ in range(2))
    rows, columns = slice(j, j + side), slice(i, i + side)
    return replace(sample, contrast=sample.contrast[:, rows, columns], target=sample.target[:, rows, columns])


def augment(sample: OutlineSample, rng: np.random.Generator) -> OutlineSample:
    """The sample turned, scaled, thinned out, extended and in another scanner's grey values."""
    if sample.extendable and rng.random() < EXTENDED_SHARE:
        sample = extend(sample, rng)
    image, target, spacing = sample.contrast, sample.target, sample.spacing_mm
    if len(image) >= 6 and spacing[0] <= 1.5 and rng.random() < 0.4:
        first = int(rng.integers(2))
        averaged = (image + np.concatenate([image[1:], image[-1:]])) / 2 if rng.random() < 0.5 else image
        image, target, spacing = averaged[first::2], target[first::2], (2 * spacing[0], *spacing[1:])
    if rng.random() < 0.8:
        image, target, spacing = turn(image, target, spacing, rng)
        target = (target >= 0.5).astype(np.float32)
    image, target = flip(image, target, rng)
    return replace(sample, contrast=in_other_greys(image, rng), target=target, spacing_mm=spacing)


def turn(
    image: Float32Array, target: Float32Array, spacing: tuple[float, float, float], rng: np.random.Generator
) -> tuple[Float32Array, Float32Array, tuple[float, float, float]]:
    """Image and map [k, j, i] rotated and scaled in plane; the spacing says so."""
    angle, scale = rng.uniform(-math.pi, math.pi), float(np.exp(rng.uniform(-0.2, 0.2)))
    cos, sin = math.cos(angle) / scale, math.sin(angle) / scale
    theta = torch.tensor([[[cos, -sin, 0.0], [sin, cos, 0.0]]], dtype=torch.float32)
    planes = torch.from_numpy(np.concatenate([image, target]).astype(np.float32))[None]
    grid = F.affine_grid(theta, [1, 1, *image.shape[1:]], align_corners=False)
    moved = F.grid_sample(planes, grid, mode="bilinear", padding_mode="reflection", align_corners=False)[0].numpy()
    k, j, i = spacing
    return moved[: len(image)], moved[len(image) :], (k, j / scale, i / scale)


def flip(image: Float32Array, target: Float32Array, rng: np.random.Generator) -> tuple[Float32Array, Float32Array]:
    """Image and map [k, j, i] mirrored along random axes, and rows exchanged for columns."""
    for axis in range(3):
        if rng.random() < 0.5:
            image, target = np.flip(image, axis), np.flip(target, axis)
    if rng.random() < 0.5:
        image, target = np.swapaxes(image, 1, 2), np.swapaxes(target, 1, 2)
    return np.ascontiguousarray(image), np.ascontiguousarray(target)


def in_other_greys(contrast: Float32Array, rng: np.random.Generator) -> Float32Array:
    """Contrast [k, j, i] with other blur and noise; lung's level and each slice's scale are off as when estimated."""
    draw = rng.random()
    if draw < 0.15:
        contrast = ndimage.gaussian_filter(contrast, (0, *[rng.uniform(0.3, 0.8)] * 2), truncate=2.5)
    elif draw < 0.35:
        soft = ndimage.gaussian_filter(contrast, (0, 0.8, 0.8), truncate=2.5)
        contrast = contrast + np.float32(rng.uniform(0.3, 1.2)) * (contrast - soft)
    if rng.random() < 0.4:
        contrast = contrast + rng.standard_normal(contrast.shape, dtype=np.float32) * np.float32(
            rng.uniform(0.005, 0.05)
        )
    gain = np.exp(rng.normal(scale=0.12)) * np.exp(rng.normal(scale=0.04, size=(len(contrast), 1, 1)))
    offset = rng.normal(scale=0.03) + rng.normal(scale=0.01, size=(len(contrast), 1, 1))
    return np.asarray(contrast * gain + offset, dtype=np.float32)


def extend(sample: OutlineSample, rng: np.random.Generator) -> OutlineSample:
    """With one to three slices more at each end, which are the end slices with lung in the nodule's place.

    The readers' crops end with the nodule; without this the network would learn that every slice holds some of it.
    """
    marked = ndimage.binary_dilation(sample.target.max(axis=0) > 0, iterations=3)
    below, above = (
        np.stack([_without(sample.contrast[end], marked, rng)] * int(rng.integers(1, 4))) for end in (0, -1)
    )
    image = np.concatenate([below, sample.contrast, above])
    empty = [np.zeros(part.shape, dtype=np.float32) for part in (below, above)]
    return replace(sample, contrast=image, target=np.concatenate([empty[0], sample.target, empty[1]]))


def _without(plane: Float32Array, marked: BoolArray, rng: np.random.Generator) -> Float32Array:
    """The slice with what is marked replaced by another part of it, the darkest of some drawn ones."""
    j, i = np.nonzero(marked)
    shifts = [(int(a), int(b)) for a, b in rng.integers(-SIDE // 2, SIDE // 2, size=(12, 2))]
    found = []
    for dj, di in shifts:
        rows, columns = (j + dj) % SIDE, (i + di) % SIDE
        if not marked[rows, columns].any():
            found.append((float(plane[rows, columns].mean()), dj, di))
    if not found:
        return plane
    _, dj, di = min(found)
    moved = np.roll(plane, (-dj, -di), axis=(0, 1))
    soft = ndimage.gaussian_filter(marked.astype(np.float32), 0.8)
    return np.asarray(plane * (1 - soft) + moved * soft, dtype=np.float32)


def outline_loss(logits: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Cross-entropy and overlap of each sample, weighted by its readers.

    Logits are [n, k, j, i]. The overlap is Tversky's, which counts what is missed for more than what is too much: the
    nodules' rims are thin.
    """
    _, target, counted, weights = batch
    entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none") * counted
    size = target.sum(dim=(1, 2, 3)).clamp_min(8.0)
    entropy = entropy.sum(dim=(1, 2, 3)) / (4 * size)
    p = torch.sigmoid(logits) * counted
    shared = (p * target).sum(dim=(1, 2, 3))
    excess, missed = p.sum(dim=(1, 2, 3)) - shared, target.sum(dim=(1, 2, 3)) - shared
    overlap = (shared + 1) / (shared + 0.4 * excess + 0.6 * missed + 1)
    return ((0.5 * entropy.clamp_max(8.0) + 1 - overlap) * weights).sum() / weights.sum()


@dataclass(frozen=True, slots=True)
class OutlineRecipe:
    """How the outlining networks are trained: the first steps in fitting windows, the rest in any.

    `mine_every` of the members' recipe is how often a checkpoint is written.
    """

    version: str = "0.1.0"
    config: TrunkConfig = field(default_factory=TrunkConfig)
    fitting_steps: int = 800
    member: PhaseRecipe = field(
        default_factory=lambda: PhaseRecipe(steps=2400, learning_rate=2e-3, ema_decay=0.995, mine_every=400)
    )


def train_outline_net(
    samples: Sequence[OutlineSample], recipe: OutlineRecipe, checkpoint: Path, device: torch.device
) -> OutlineNet:
    """The averaged network after all steps; resumes from `checkpoint` when it exists."""
    member = recipe.member
    torch.manual_seed(member.seed)

    def loss_of(network: OutlineNet, batch: Batch) -> torch.Tensor:
        channels = batch[0].to(memory_format=torch.channels_last_3d)
        return outline_loss(network(channels).float(), batch)

    def batches(step: int) -> Iterator[Batch]:
        return passes(samples, member.seed + step, fitting=step < recipe.fitting_steps)

    return train_network(on_device(OutlineNet(recipe.config), device), batches, loss_of, member, checkpoint)
