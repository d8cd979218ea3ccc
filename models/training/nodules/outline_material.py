"""What the outlining networks learn from: the readers' crops, the same nodules in their scans, and blended ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from cad.domain import Int16Array
from models.nodules.lidc_crops import SIDE, RatedNodule
from models.training.detector.patches import Background
from models.training.material.shapes import NoduleShape
from models.training.nodules.blended_crops import blend_crops
from models.training.nodules.crop_places import PlacedCrop, place_crop
from models.training.nodules.outlines import CONTEXT_COPIES, OutlineSample, blended_sample, context_sample, sample_of

BLENDED, BLENDED_SEED = 700, 1

CONTEXT_SLICES = 10
"""Slices kept above and below a nodule that lies in its scan."""

MIN_READERS = 2


@dataclass(frozen=True, slots=True, eq=False)
class Surroundings:
    """A part of a scan that may hold nodules of the crops: `hu` [k, j, i] of one patient."""

    patient: str
    hu: Int16Array


def outline_samples(
    nodules: Sequence[RatedNodule],
    surroundings: Iterable[Surroundings],
    backgrounds: Sequence[tuple[str, Background]],
    shapes: Sequence[NoduleShape],
) -> tuple[OutlineSample, ...]:
    """Every sample; backgrounds come with the patient they are of."""
    crops = [sample_of(nodule) for nodule in nodules]
    context = [sample for part in surroundings for sample in _in_scan(nodules, part)]
    blended = [blended_sample(crop) for crop in blend_crops(backgrounds, shapes, BLENDED, BLENDED_SEED)]
    return (*crops, *context * CONTEXT_COPIES, *blended)


def _in_scan(nodules: Sequence[RatedNodule], part: Surroundings) -> Iterable[OutlineSample]:
    for nodule in nodules:
        if nodule.patient != part.patient or nodule.readers < MIN_READERS:
            continue
        place = place_crop(nodule, part.hu)
        if place is not None:
            yield _with_lung(nodule, place, part.hu)


def _with_lung(nodule: RatedNodule, place: PlacedCrop, hu: Int16Array) -> OutlineSample:
    k, j, i = place.corner
    low = max(0, k - CONTEXT_SLICES)
    slices = hu[low : k + len(place.votes) + CONTEXT_SLICES, j : j + SIDE, i : i + SIDE]
    return context_sample(nodule, replace(place, corner=(k - low, j, i)), slices)
