"""Where the readers' crops lie in scans whose attenuation is known, so that lung above and below them is known too."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from skimage.feature import match_template

from cad.domain import Int16Array, UInt8Array
from models.nodules.lidc_crops import SIDE, RatedNodule

SURE_MATCH = 0.97
"""Correlation of a crop's middle slice with its own scan: 8-bit rounding is all that differs."""


@dataclass(frozen=True, slots=True, eq=False)
class PlacedCrop:
    """A crop in a scan: its first voxel is `corner` (k, j, i) of the scan.

    `votes` uint8 is in the scan's order along k, which may be the crop's own turned over.
    """

    corner: tuple[int, int, int]
    votes: UInt8Array


def place_crop(nodule: RatedNodule, hu: Int16Array) -> PlacedCrop | None:
    """Where the crop lies in `hu` [k, j, i]; None when it lies nowhere in it.

    The scan is searched as a whole: give the part of it that may hold the nodule.
    """
    if min(hu.shape[1:]) < SIDE or len(hu) < len(nodule.image):
        return None
    middle = len(nodule.image) // 2
    template = nodule.image[middle].astype(np.float32)
    maps = np.stack([match_template(plane.astype(np.float32), template) for plane in hu])
    k, j, i = (int(v) for v in np.unravel_index(int(maps.argmax()), maps.shape))
    if maps[k, j, i] < SURE_MATCH:
        return None
    for votes, image, first in (
        (nodule.votes, nodule.image, k - middle),
        (nodule.votes[::-1], nodule.image[::-1], k - (len(nodule.image) - 1 - middle)),
    ):
        part = hu[max(first, 0) : first + len(image), j : j + SIDE, i : i + SIDE]
        if first >= 0 and part.shape == image.shape and _agree(part, image):
            return PlacedCrop((first, j, i), np.ascontiguousarray(votes))
    return None


def _agree(hu: Int16Array, image: UInt8Array) -> bool:
    """Whether every slice of the scan is the crop's, whatever range that was scaled from."""
    pairs = zip(hu.reshape(len(hu), -1), image.reshape(len(image), -1), strict=True)
    return all(float(np.corrcoef(a, b)[0, 1]) >= SURE_MATCH for a, b in pairs)
