"""Long and short axis in the axial plane."""

from __future__ import annotations

import math

import numpy as np
from skimage.measure import find_contours

from cad.domain import AxialAxis, BoolArray, Diameters, Float32Array, FloatArray, Grid
from cad.geometry import position_of
from cad.science.nodules.window import Window

ABOUT_LARGEST, MOST_SLICES = 0.9, 7
"""A slice with so much of the largest area may hold the axes; of masses, so many of the largest are looked at."""


def axial_diameters(occupancy: Float32Array, spacing_ji_mm: tuple[float, float]) -> tuple[FloatArray, FloatArray]:
    """Long and short axis of the largest region with `occupancy` [j, i] of at least one half, as [2, 2] arrays of
    end points (j, i) in fractional pixels.

    The long axis is the greatest distance of two border points, the short axis the longest chord perpendicular to
    it (RECIST 1.1; Fleischner 2017 measures both in one plane). The border is interpolated between pixels.
    """
    contours = find_contours(np.pad(occupancy.astype(np.float64), 1), 0.5)
    scale = np.array(spacing_ji_mm)
    border_mm = max(((c - 1) * scale for c in contours), key=_polygon_area)
    squared: FloatArray = ((border_mm[:, None, :] - border_mm[None, :, :]) ** 2).sum(axis=2)
    a, b = np.unravel_index(int(squared.argmax()), squared.shape)
    long_mm = border_mm[[a, b]]
    return long_mm / scale, _longest_perpendicular_chord(border_mm, long_mm) / scale


def axial_axes(window: Window, inside: BoolArray, occupancy: Float32Array, grid: Grid) -> Diameters:
    """The axes of the region `inside` in the source slice where they are longest, the border placed by `occupancy`.

    Both are [k, j, i] on the fine grid of the window. Slices whose area is within a tenth of the largest are looked at:
    which of them is the largest is a matter of where the slices happen to lie. A region between two slices is measured
    where it is largest, and shown on the nearest of them.
    """
    step_k, step_j, step_i = window.steps
    # the smoothing and the cuts decide what is inside; the attenuation only places the border between two voxels
    planes = np.clip(np.where(inside, np.maximum(occupancy, 0.5001), np.minimum(occupancy, 0.4999)), 0, None)
    areas = np.where(inside.any(axis=(1, 2)), planes.sum(axis=(1, 2)), 0.0)
    on_slices = np.arange(len(areas)) % step_k == 0
    if areas[on_slices].any():
        areas = np.where(on_slices, areas, 0.0)
    spacing = (window.spacing_mm[1], window.spacing_mm[2])
    largest = np.argsort(-areas, kind="stable")[:MOST_SLICES]
    found = [
        (int(n), axial_diameters(planes[n], spacing)) for n in largest if areas[n] >= ABOUT_LARGEST * areas[largest[0]]
    ]
    k, (long_ji, short_ji) = max(found, key=lambda one: sum(_length(ends, spacing) for ends in one[1]))
    slice_k = min(window.offset[0] + round(k / step_k), grid.shape[0] - 1)

    def axis(ends_ji: FloatArray) -> AxialAxis:
        start, end = (
            position_of(grid, (slice_k, window.offset[1] + j / step_j, window.offset[2] + i / step_i))
            for j, i in ends_ji
        )
        return AxialAxis(start, end)

    return Diameters(axis(long_ji), axis(short_ji), slice_k)


def _length(ends_ji: FloatArray, spacing_ji_mm: tuple[float, float]) -> float:
    """Length in mm of a line between two end points [2, 2] in pixels."""
    return float(np.linalg.norm((ends_ji[1] - ends_ji[0]) * np.array(spacing_ji_mm)))


def _polygon_area(points: FloatArray) -> float:
    """Area of a closed polygon [n, 2] (shoelace formula)."""
    y, x = points[:, 0], points[:, 1]
    return abs(float(np.dot(y, np.roll(x, 1)) - np.dot(x, np.roll(y, 1)))) / 2


def _longest_perpendicular_chord(border_mm: FloatArray, long_mm: FloatArray) -> FloatArray:
    """End points [2, 2] of the longest chord inside the closed polygon `border_mm` [n, 2] across the long axis."""
    along = (long_mm[1] - long_mm[0]) / np.linalg.norm(long_mm[1] - long_mm[0])
    across = np.array([-along[1], along[0]])
    u, v = (border_mm - long_mm[0]) @ along, (border_mm - long_mm[0]) @ across
    length_mm = float(np.linalg.norm(long_mm[1] - long_mm[0]))
    best = (-1.0, 0.0, 0.0, 0.0)
    for at in np.linspace(0, length_mm, 2 * math.ceil(length_mm / 0.1) + 2)[1:-1]:
        crossings = _crossings(u, v, float(at))
        chords = crossings[1::2] - crossings[0::2]
        widest = int(chords.argmax())
        best = max(best, (float(chords[widest]), float(at), crossings[2 * widest], crossings[2 * widest + 1]))
    _, at, start, end = best
    return np.array([long_mm[0] + at * along + start * across, long_mm[0] + at * along + end * across])


def _crossings(u: FloatArray, v: FloatArray, at: float) -> FloatArray:
    """Sorted v where the closed polygon (u, v) crosses the line u = at; their number is even."""
    next_u, next_v = np.roll(u, -1), np.roll(v, -1)
    crossing = (u < at) != (next_u < at)
    share = (at - u[crossing]) / (next_u[crossing] - u[crossing])
    return np.sort(v[crossing] + share * (next_v[crossing] - v[crossing]))
