"""Mathematical morphology in millimetres on arrays [k, j, i], and sums over blocks of their planes."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from scipy import ndimage

from cad.domain import BoolArray, Float32Array

FAR_MM = 1e4
"""A distance that no patient has."""

Spacing = tuple[float, float, float]

Number = TypeVar("Number", np.int32, np.float32)


def block_sums(plane: npt.NDArray[Number], j: int, i: int) -> tuple[npt.NDArray[Number], Float32Array]:
    """Sums of a plane [j, i] over blocks of j × i pixels, and how many pixels each has: fewer at the ends."""
    height, width = plane.shape
    rows, columns = np.arange(0, height, j), np.arange(0, width, i)
    sums = np.add.reduceat(np.add.reduceat(plane, rows, axis=0), columns, axis=1)
    heights = np.diff(rows, append=height).astype(np.float32)
    widths = np.diff(columns, append=width).astype(np.float32)
    areas: Float32Array = np.outer(heights, widths)
    return sums, areas


def connected_to(mask: BoolArray, seed: BoolArray) -> BoolArray:
    """The components of the mask [k, j, i] that meet the seed [k, j, i]."""
    labels, count = ndimage.label(mask)
    met = np.zeros(count + 1, dtype=np.bool_)
    met[labels[seed]] = True
    met[0] = False
    found: BoolArray = met[labels]
    return found


def closed(mask: BoolArray, spacing_mm: Spacing, radius_mm: float) -> BoolArray:
    """Closing of a mask [k, j, i] with a ball; what lies beyond its border counts as neither inside nor outside."""
    near = distance_mm(mask, spacing_mm) <= radius_mm
    whole: BoolArray = (distance_mm(~near, spacing_mm) > radius_mm) | mask
    return whole


def closed_in_slices(mask: BoolArray, spacing_mm: Spacing, radius_mm: float) -> BoolArray:
    """Closing of each axial slice of a mask [k, j, i] with a disc, as if the image had no border."""
    rows, columns = (int(radius_mm / s) + 2 for s in spacing_mm[1:])
    padded = np.pad(mask, ((0, 0), (rows, rows), (columns, columns)))
    return closed(padded, (FAR_MM, *spacing_mm[1:]), radius_mm)[:, rows:-rows, columns:-columns]


def without_holes(mask: BoolArray) -> BoolArray:
    """The mask [k, j, i] with what it surrounds in two of the three planes; the diaphragm's dome is open below."""
    k, j, i = (holes(mask, axis) for axis in range(3))
    surrounded: BoolArray = (k & j) | (k & i) | (j & i)
    return mask | surrounded


def holes(mask: BoolArray, axis: int) -> BoolArray:
    """Background that the mask [k, j, i] cuts off from the border within each plane across the axis."""
    links = ndimage.generate_binary_structure(3, 1)
    links[tuple([0, 2] if n == axis else 1 for n in range(3))] = False
    labels, count = ndimage.label(~mask, links)
    is_hole = np.ones(count + 1, dtype=np.bool_)
    is_hole[0] = False
    for across in {0, 1, 2} - {axis}:
        is_hole[labels.take([0, -1], axis=across)] = False
    found: BoolArray = is_hole[labels]
    return found


def distance_mm(mask: BoolArray, spacing_mm: Spacing) -> Float32Array:
    """Distance [k, j, i] in mm of every voxel centre to the nearest voxel of the mask; 0 inside, far when empty."""
    if not mask.any():
        return np.full(mask.shape, FAR_MM, dtype=np.float32)
    image = sitk.GetImageFromArray(mask.astype(np.uint8))
    image.SetSpacing(spacing_mm[::-1])
    distance = sitk.SignedMaurerDistanceMap(image, insideIsPositive=False, squaredDistance=False, useImageSpacing=True)
    found: Float32Array = np.maximum(sitk.GetArrayViewFromImage(distance), 0)
    return found


def box_of(mask: BoolArray, margin_mm: float = 0, spacing_mm: Spacing = (1, 1, 1)) -> tuple[slice, slice, slice]:
    """The smallest box around the mask [k, j, i], wider by a margin as far as the array reaches."""
    spans = [np.flatnonzero(mask.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    margins = [0 if margin_mm == 0 else round(margin_mm / s) + 2 for s in spacing_mm]
    k, j, i = (
        slice(max(0, int(span[0]) - margin), min(size, int(span[-1]) + 1 + margin))
        for span, margin, size in zip(spans, margins, mask.shape, strict=True)
    )
    return k, j, i
