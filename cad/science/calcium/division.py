"""A lesion that runs from one artery into the next → the part in each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from cad.domain import Artery, BoolArray, FloatArray, Heart, NoduleMask
from cad.geometry import positions_of
from cad.policy import CalciumPolicy

LEFT = (Artery.LM, Artery.LAD, Artery.LCX)
"""The arteries that join: calcium of the main stem may run on into its branches. The right one stands alone."""


def divide(lesions: Sequence[NoduleMask], heart: Heart, policy: CalciumPolicy) -> tuple[NoduleMask, ...]:
    """The lesions, long ones near the fork of the left arteries divided by the nearest course, in the same order.

    A lesion is divided when it is longer than `policy.divide_from_mm`, lies within `policy.divide_near_mm` of a course,
    and two parts of it each hold `policy.divide_least_share` of it.
    """
    courses = {artery: points for artery, points in heart.courses if artery in LEFT and len(points)}
    if len(courses) < 2:
        return tuple(lesions)
    return tuple(part for lesion in lesions for part in _parts(lesion, courses, policy))


def _parts(lesion: NoduleMask, courses: dict[Artery, FloatArray], policy: CalciumPolicy) -> tuple[NoduleMask, ...]:
    index = np.argwhere(lesion.voxels)
    positions = positions_of(lesion.grid, (index + np.array(lesion.offset)).astype(np.float64))
    if float(np.ptp(positions, axis=0).max()) < policy.divide_from_mm:
        return (lesion,)
    away = np.stack([_distance_mm(positions, points) for points in courses.values()])
    if float(np.median(away.min(axis=0))) > policy.divide_near_mm:
        return (lesion,)
    nearest = away.argmin(axis=0)
    shares = np.bincount(nearest, minlength=len(courses)) / len(nearest)
    kept = np.flatnonzero(shares >= policy.divide_least_share)
    if len(kept) < 2:
        return (lesion,)
    owner = kept[away[kept].argmin(axis=0)]
    return tuple(_part(lesion, index[owner == artery]) for artery in kept)


def _distance_mm(positions: FloatArray, course: FloatArray) -> FloatArray:
    apart: FloatArray = np.linalg.norm(positions[:, None] - course[None], axis=2)
    return np.asarray(apart.min(axis=1))


def _part(lesion: NoduleMask, index: npt.NDArray[np.intp]) -> NoduleMask:
    voxels: BoolArray = np.zeros(lesion.voxels.shape, dtype=np.bool_)
    voxels[tuple(index.T)] = True
    (box,) = ndimage.find_objects(voxels.astype(np.uint8))
    k, j, i = (part.start + start for part, start in zip(box, lesion.offset, strict=True))
    return NoduleMask(voxels[box], (k, j, i), lesion.grid)
