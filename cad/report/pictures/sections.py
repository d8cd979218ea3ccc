"""A section of a mask as a smooth region: its border runs between voxels and not along their edges."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from cad.domain import BoolArray, FloatArray

SMOOTHING_VOXELS = 0.7
"""Standard deviation: rounds the corners of voxels off and moves a straight border by nothing."""

MARGIN_VOXELS = 3
"""Room for the smooth border outside the section."""


def smooth_section(section: BoolArray) -> tuple[FloatArray, float]:
    """A field [row + 3, column + 3] around a section [row, column] and the level at which its region is as large.

    Raises ValueError for an empty section.
    """
    count = int(np.count_nonzero(section))
    if count == 0:
        raise ValueError("an empty section has no border")
    field: FloatArray = ndimage.gaussian_filter(np.pad(section, MARGIN_VOXELS).astype(np.float64), SMOOTHING_VOXELS)
    ranked = np.sort(field, axis=None)[::-1]
    return field, float(ranked[count - 1] + ranked[count]) / 2
