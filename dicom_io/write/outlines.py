"""The outlines of a mask in a slice, as lines in the patient."""

from __future__ import annotations

import numpy as np
from skimage.measure import find_contours

from cad.domain import NoduleMask, PointLps
from cad.geometry import positions_of
from cad.report.pictures.sections import MARGIN_VOXELS, smooth_section

MAX_CONTOUR_POINTS = 4000
"""Twice as many 32-bit numbers fit in one element of explicit VR FL (65,534 bytes, PS3.5 7.1.2)."""


def contours_of(mask: NoduleMask, k: int, *, smooth: bool = True) -> list[list[PointLps]]:
    """The outlines of a mask in slice `k`, each closed; none where the slice misses it.

    Smooth ones enclose as much area as the mask has; others run along its voxels, for what was counted by voxels.
    """
    row = k - mask.offset[0]
    if not 0 <= row < mask.voxels.shape[0]:
        return []
    if not mask.voxels[row].any():
        return []
    section = mask.voxels[row]
    field, level = smooth_section(section) if smooth else (np.pad(section, MARGIN_VOXELS).astype(np.float64), 0.5)
    first_j, first_i = (first - MARGIN_VOXELS for first in mask.offset[1:])
    found = []
    for closed_line in find_contours(field, level):
        line = closed_line[:-1]
        indices = np.column_stack([np.full(len(line), float(k)), line[:, 0] + first_j, line[:, 1] + first_i])
        thinned = indices[:: -(-len(indices) // MAX_CONTOUR_POINTS)]
        closed = np.vstack([thinned, thinned[:1]])
        found.append([PointLps(*(float(value) for value in point)) for point in positions_of(mask.grid, closed)])
    return found
