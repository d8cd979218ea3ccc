"""The surroundings of a region's border: how deep or far each voxel lies, and to which of two tissues it belongs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from cad.domain import BoolArray, Float32Array, FloatArray
from cad.policy import NodulePolicy
from cad.science.nodules.morphology import Box, box_around, depth_of
from cad.science.nodules.window import Window


@dataclass(frozen=True, slots=True, eq=False)
class Border:
    """A region `inside` within `box` of the window, with `depth` inside and distance `outside` in widths.

    `own` voxels are those of the region and those outside that are not nearer to other tissue or to what is not lung.
    """

    box: Box
    inside: BoolArray
    depth: FloatArray
    outside: FloatArray
    own: BoolArray

    def signed_mm(self, window: Window) -> FloatArray:
        """Distance [k, j, i] in the box from the region's surface, in mm, negative inside.

        The surface lies between two fine voxels.
        """
        half_mm = min(window.spacing_mm) / 2
        outside: FloatArray = ndimage.distance_transform_edt(~self.inside, sampling=window.spacing_mm)
        signed: FloatArray = np.where(
            self.inside, half_mm - depth_of(self.inside, window.spacing_mm), outside - half_mm
        )
        return signed


def border_of(window: Window, inside: BoolArray, dense: BoolArray, policy: NodulePolicy) -> Border:
    """The border of a region [k, j, i] of fine voxels; `dense` [k, j, i] says where there is tissue of any kind."""
    box = box_around(inside, window.fine_voxels(policy.border_reach_widths))
    part = inside[box]
    outside: FloatArray = ndimage.distance_transform_edt(~part, sampling=window.in_widths)
    other = (outside > policy.other_tissue_widths) & dense[box] | ~window.allowed[box] & ~part
    own = np.ones_like(part)
    if other.any():
        own = part | (outside < ndimage.distance_transform_edt(~other, sampling=window.in_widths))
    return Border(box, part, depth_of(part, window.in_widths), outside, own)


def blur(filled: Float32Array, blur_mm: float, window: Window, slices: bool = True) -> Float32Array:
    """A region [k, j, i] after the scanner's blur: a Gaussian in the plane, the mean over a slice across it."""
    _, dj, di = window.spacing_mm
    smooth: Float32Array = ndimage.gaussian_filter(filled, (0.0, blur_mm / dj, blur_mm / di), truncate=3)
    if slices and window.strides[0] > 1:
        smooth = ndimage.uniform_filter1d(smooth, window.strides[0], axis=0)
    return smooth
