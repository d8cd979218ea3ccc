"""Attenuation of a nodule and of the lung around it, freed of the scanner's blur."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from cad.domain import BoolArray, Float32Array, FloatArray
from cad.geometry import sphere_diameter_mm
from cad.policy import NodulePolicy
from cad.science.nodules.border import Border, blur
from cad.science.nodules.morphology import Box
from cad.science.nodules.window import Window, aerated_lung, lung_hu_around


@dataclass(frozen=True, slots=True)
class Levels:
    """Attenuation of the lung around a nodule and of its outer part, and the noise, in HU.

    `blur_mm` says how far the scanner spreads a border in the plane: about the standard deviation of its blur.
    """

    lung_hu: float
    tissue_hu: float
    noise_hu: float
    blur_mm: float

    @property
    def contrast_hu(self) -> float:
        """How much denser than lung the nodule's outer part is."""
        return self.tissue_hu - self.lung_hu

    @property
    def border_hu(self) -> float:
        """Half-way between both."""
        return (self.lung_hu + self.tissue_hu) / 2


def first_levels(window: Window, inner: BoolArray, policy: NodulePolicy) -> Levels:
    """Levels with a first guess of the nodule's attenuation, from its `inner` voxels [k, j, i]."""
    tissue_hu = float(np.percentile(window.hu[inner], policy.inner_percentile))
    return Levels(lung_hu_around(window, policy), tissue_hu, _noise_hu(window, policy), policy.usual_blur_mm)


def refined_levels(window: Window, border: Border, levels: Levels, policy: NodulePolicy) -> Levels:
    """Levels from the tissue in a region: that of a ground-glass halo outside it, else that of its rim."""
    rim_hu, blur_mm = _rim(window, border, levels, policy)
    halo_hu = _halo_hu(window, border, policy)
    low, high = levels.lung_hu + policy.halo_contrast_hu, rim_hu - policy.halo_contrast_hu
    tissue_hu = halo_hu if halo_hu is not None and low <= halo_hu <= high else rim_hu
    return Levels(levels.lung_hu, max(tissue_hu, levels.lung_hu + policy.min_contrast_hu), levels.noise_hu, blur_mm)


def _noise_hu(window: Window, policy: NodulePolicy) -> float:
    """Noise from pixels of aerated lung a width apart: median absolute difference × 1.4826 / √2; 0 where unknown."""
    source = tuple(slice(None, None, n) for n in window.strides)
    aerated = aerated_lung(window, policy)[source]
    differences = np.diff(window.hu[source], axis=1)[aerated[:, 1:] & aerated[:, :-1]]
    return 1.4826 / math.sqrt(2) * float(np.median(np.abs(differences))) if len(differences) else 0.0


def _halo_hu(window: Window, border: Border, policy: NodulePolicy) -> float | None:
    """Attenuation of the shell outside the blurred border, inside the lungs; None where there is too little of it."""
    low, high = policy.halo_widths
    allowed = np.pad(window.allowed[border.box], 1, constant_values=True)
    lung = ndimage.distance_transform_edt(allowed, sampling=window.in_widths)[1:-1, 1:-1, 1:-1] > 1
    around = window.hu[border.box][(border.outside >= low) & (border.outside <= high) & lung]
    return float(np.median(around)) if len(around) * window.fine_voxel_mm3 >= policy.min_rim_mm3 else None


def _rim(window: Window, border: Border, levels: Levels, policy: NodulePolicy) -> tuple[float, float]:
    """Attenuation of the rim and blur: those with which the blurred region resembles the image most.

    Each blur of the policy is tried, with the edge enhancement and the shift of the whole border that fit best; the
    slice profile is as wide as a slice. Only voxels around the border and before a denser centre are looked at.
    """
    source, in_box = window.at_source(border.box)
    signed_mm = border.signed_mm(window)
    near = ((signed_mm >= -policy.rim_depth_mm) & (border.outside <= policy.rim_outside_widths) & border.own)[in_box]
    rise = (window.hu[source] - np.float32(levels.lung_hu))[near].astype(np.float64)
    fits = [
        _fit(_shapes(window, signed_mm, blur_mm, policy), (rise, near, in_box), levels, policy)
        for blur_mm in policy.blurs_mm
    ]
    misfits = [
        misfit + ((blur_mm - policy.usual_blur_mm) / policy.blur_spread_mm) ** 2
        for (_, _, misfit), blur_mm in zip(fits, policy.blurs_mm, strict=True)
    ]
    best = min(range(len(fits)), key=misfits.__getitem__)
    contrast_hu, gain, _ = fits[best]
    spread_mm = policy.blurs_mm[best] + min(gain, 1.0) * (policy.enhanced_blur_mm - policy.blurs_mm[best])
    across_mm = window.width_mm[0]
    diameter_mm = sphere_diameter_mm(np.count_nonzero(border.inside) * window.fine_voxel_mm3)
    recovered_hu = contrast_hu * (1 + policy.slice_recovery * (across_mm / max(diameter_mm, across_mm)) ** 2)
    return min(levels.lung_hu + recovered_hu, policy.densest_border_hu), spread_mm


def _shapes(window: Window, signed_mm: FloatArray, blur_mm: float, policy: NodulePolicy) -> tuple[Float32Array, ...]:
    """The region as the scanner shows it, what enhancement adds to it, and what a border 1 mm farther out adds."""
    fine_mm = window.spacing_mm[1]
    step_mm = policy.shift_spread_mm
    filled = [np.clip(0.5 - (signed_mm - d) / fine_mm, 0, 1).astype(np.float32) for d in (-step_mm, 0.0, step_mm)]
    within, seen, beyond = (blur(part, blur_mm, window) for part in filled)
    wide = blur(seen, policy.enhanced_blur_mm, window, slices=False)
    return seen, seen - wide, (beyond - within) / np.float32(2 * step_mm)


def _fit(
    shapes: tuple[Float32Array, ...],
    seen: tuple[FloatArray, BoolArray, Box],
    levels: Levels,
    policy: NodulePolicy,
) -> tuple[float, float, float]:
    """The contrast with which the shapes fit the attenuation above lung that is `seen`, the enhancement and the misfit.

    Least squares in units of the noise, where enhancement, shift and the attenuation of what is solid are held to
    what is usual.
    """
    rise, near, in_box = seen
    noise_hu = math.hypot(levels.noise_hu, policy.unexplained_share * levels.contrast_hu)
    usual = np.array([np.inf, policy.enhancement_spread, policy.shift_spread_mm]) * levels.contrast_hu
    design = np.stack([shape[in_box][near] for shape in shapes], axis=1).astype(np.float64) / noise_hu
    solid = math.sqrt(policy.usual_solid_weight) / noise_hu if levels.tissue_hu > policy.surely_solid_hu else 0.0
    rows = np.concatenate([design, np.diag(1 / usual), [[solid, 0, 0]]])
    target = np.concatenate([rise / noise_hu, np.zeros(3), [solid * (policy.usual_solid_hu - levels.lung_hu)]])
    for free in ([0, 1, 2], [0, 2]):
        found, *_ = np.linalg.lstsq(rows[:, free], target, rcond=None)
        if len(free) == 2 or found[1] >= 0:
            break
    gain = float(found[1] / found[0]) if len(free) == 3 and found[0] > 0 else 0.0
    return float(found[0]), gain, float(((rows[:, free] @ found - target) ** 2).sum())
