"""Whether coronary calcium can be scored on a scan, and what has to be said beside the score."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from cad.domain import (
    BoolArray,
    Caution,
    CtSeries,
    Grid,
    Heart,
    LungMask,
    NotAssessed,
    NotAssessedReason,
    UInt8Array,
    Volume,
)
from cad.policy import CalciumPolicy, CalciumSuitabilityPolicy
from cad.science.calcium.candidates import is_near, surroundings

TENTHS, SPREAD_OF_TENTHS = (10.0, 90.0), 2.563
"""The values below and above which a tenth lies, and their distance in standard deviations of a normal distribution.
Calcium and the rim of the blood are among the tenths; quartiles would feel that HU are whole numbers."""


@dataclass(frozen=True, slots=True)
class HeartImage:
    """What the images say of a heart.

    `blood_hu` is the median of the blood and `noise_hu` its standard deviation within slices, without the outer tenths.
    `metal_mm3` and `metal_near_mm3` are volumes denser than any calcium in the heart, and beside it.
    """

    blood_hu: float
    noise_hu: float
    metal_mm3: float
    metal_near_mm3: float
    coverage: float


@dataclass(frozen=True, slots=True)
class Technique:
    """How the images were made. `contrast`, `kvp` and `kernel` None: the header does not say.

    `spacing_mm` is the distance of the slices as scanned.
    """

    contrast: bool | None
    kvp: float | None
    kernel: str | None
    thickness_mm: float | None
    spacing_mm: float

    @property
    def thickest_mm(self) -> float:
        """The larger of thickness and distance of the slices."""
        return max(self.thickness_mm or 0.0, self.spacing_mm)


def technique_of(series: CtSeries | None, volume: Volume) -> Technique:
    """The technique of a series; unknown but for the spacing when there is no header."""
    spacing = volume.grid.spacing_kji_mm[0]
    if series is None:
        return Technique(None, None, None, None, spacing)
    return Technique(series.contrast, series.kvp, series.kernel, series.slice_thickness_mm, spacing)


def measure_heart(volume: Volume, heart: Heart, policy: CalciumSuitabilityPolicy) -> HeartImage | None:
    """What the images say of a heart; None without any blood in view. `volume` are the images that are scored."""
    box = surroundings(heart, policy.metal_margin_mm)
    if box is None or not heart.blood.voxels.any():
        return None
    blood = volume.hu[heart.blood.voxels].astype(np.float64)
    metal = np.argwhere(volume.hu[box] >= policy.metal_from_hu) + [part.start for part in box]
    inside = int(np.count_nonzero(heart.heart.voxels[tuple(metal.T)]))
    near = int(np.count_nonzero(is_near(metal, heart.heart, policy.metal_margin_mm)))
    voxel = volume.grid.voxel_volume_mm3
    return HeartImage(
        blood_hu=float(np.median(blood)),
        noise_hu=_noise(volume, heart),
        metal_mm3=inside * voxel,
        metal_near_mm3=(near - inside) * voxel,
        coverage=heart.coverage,
    )


def _noise(volume: Volume, heart: Heart) -> float:
    """The spread of the blood about the median of its own slice, so that shading along the body is not noise."""
    rest = []
    for hu, blood in zip(volume.hu, heart.blood.voxels, strict=True):
        if blood.any():
            values = hu[blood].astype(np.float64)
            rest.append(values - np.median(values))
    low, high = np.percentile(np.concatenate(rest), TENTHS)
    return float(high - low) / SPREAD_OF_TENTHS


def unsuitable(image: HeartImage, contrast: bool | None, policy: CalciumSuitabilityPolicy) -> NotAssessed | None:
    """Why a scan is not scored; None when it is. Coverage is judged first, then contrast, metal and noise."""
    rules: tuple[Callable[[], NotAssessed | None], ...] = (
        lambda: _not_covered(image, policy),
        lambda: _enhanced(image, contrast, policy),
        lambda: _metal(image, policy),
        lambda: _too_noisy(image, policy),
    )
    return next((said for rule in rules if (said := rule()) is not None), None)


def no_heart() -> NotAssessed:
    """What is said when no heart was found."""
    text = "Coronary calcium was not scored: no heart was found in the field of view."
    return NotAssessed(NotAssessedReason.HEART_NOT_COVERED, text)


def not_between_lungs(heart: Heart, lungs: LungMask | None, policy: CalciumSuitabilityPolicy) -> NotAssessed | None:
    """Why what was found is no heart in a chest: of a size that none has, or without a lung on both sides of it."""
    ml = float(np.count_nonzero(heart.heart.voxels)) * heart.heart.grid.voxel_volume_mm3 / 1000
    low, high = policy.heart_ml
    if not low <= ml <= high:
        text = f"Coronary calcium was not scored: what looks like the heart measures {ml:.0f} ml."
        return NotAssessed(NotAssessedReason.HEART_NOT_COVERED, text, (("heart_ml", round(ml, 1)),))
    share = 0.0 if lungs is None else _flanked(heart.heart.voxels, lungs.labels)
    if share >= policy.min_flanked or (lungs is None and _shows_a_heart_alone(heart.heart.grid, policy)):
        return None
    text = "Coronary calcium was not scored: no heart was found between two lungs."
    return NotAssessed(NotAssessedReason.HEART_NOT_COVERED, text, (("flanked", round(share, 3)),))


def _shows_a_heart_alone(grid: Grid, policy: CalciumSuitabilityPolicy) -> bool:
    """Whether the field of view is one of the heart, in which no lungs need be."""
    _, rows, columns = grid.shape
    _, row_mm, column_mm = grid.spacing_kji_mm
    return max(rows * row_mm, columns * column_mm) <= policy.heart_field_mm


def _flanked(heart: BoolArray, labels: UInt8Array) -> float:
    """In which share of the slices of a heart [k, j, i] the right lung lies to its right and the left to its left."""
    slices = np.flatnonzero(heart.any(axis=(1, 2)))
    flanked = 0
    for k in slices:
        middle = float(np.nonzero(heart[k])[1].mean())
        right, left = (np.nonzero(labels[k] == side)[1] for side in (LungMask.RIGHT, LungMask.LEFT))
        flanked += bool(len(right) and len(left) and right.mean() < middle < left.mean())
    return flanked / max(1, len(slices))


def _not_covered(image: HeartImage, policy: CalciumSuitabilityPolicy) -> NotAssessed | None:
    if image.coverage >= policy.min_coverage:
        return None
    text = f"Coronary calcium was not scored: only {image.coverage:.0%} of the heart is in the field of view."
    return NotAssessed(NotAssessedReason.HEART_NOT_COVERED, text, (("coverage", round(image.coverage, 3)),))


def _enhanced(image: HeartImage, contrast: bool | None, policy: CalciumSuitabilityPolicy) -> NotAssessed | None:
    """The image decides where it is clear, the header where it is not; a header that is silent counts as contrast."""
    facts = (("blood_hu", round(image.blood_hu, 1)), ("limit_hu", policy.enhanced_from_hu))
    if image.blood_hu >= policy.enhanced_from_hu:
        why = f"the blood measures {image.blood_hu:.0f} HU, which is contrast medium"
    elif image.blood_hu <= policy.unenhanced_to_hu or contrast is False:
        return None
    elif contrast:
        why = f"contrast medium was given by the header, and the blood measures {image.blood_hu:.0f} HU"
    else:
        why = (
            f"the blood measures {image.blood_hu:.0f} HU, and the header does not say whether contrast medium was given"
        )
    return NotAssessed(NotAssessedReason.CONTRAST, f"Coronary calcium was not scored: {why}.", facts)


def _metal(image: HeartImage, policy: CalciumSuitabilityPolicy) -> NotAssessed | None:
    if image.metal_mm3 < policy.metal_min_mm3:
        return None
    text = (
        f"Coronary calcium was not scored: {image.metal_mm3:.0f} mm³ in the heart are denser than "
        f"{policy.metal_from_hu:.0f} HU, which is metal (a lead, clip, valve or stent)."
    )
    facts = (("metal_mm3", round(image.metal_mm3, 1)), ("limit_hu", policy.metal_from_hu))
    return NotAssessed(NotAssessedReason.METAL, text, facts)


def _too_noisy(image: HeartImage, policy: CalciumSuitabilityPolicy) -> NotAssessed | None:
    if image.noise_hu <= policy.noise_max_sd_hu:
        return None
    text = (
        f"Coronary calcium was not scored: the noise in the blood is {image.noise_hu:.0f} HU, and above "
        f"{policy.noise_max_sd_hu:.0f} HU it cannot be told from calcium."
    )
    facts = (("noise_sd_hu", round(image.noise_hu, 1)), ("limit_sd_hu", policy.noise_max_sd_hu))
    return NotAssessed(NotAssessedReason.NOISE, text, facts)


def caveats_of(image: HeartImage, technique: Technique, averaged: bool, policy: CalciumPolicy) -> tuple[Caution, ...]:
    """What a reader of the score should know, most general first; each applies to this scan, the first to all."""
    return (
        Caution("calcium-non-gated", NON_GATED),
        *_of_the_technique(technique, policy.suitability),
        *_of_the_slices(technique, averaged, policy),
        *_of_the_image(image, technique, policy.suitability),
    )


NON_GATED = (
    "The calcium score is an estimate from a scan without ECG gating: motion blurs small plaques away and makes others "
    "larger, and scores of gated scans may differ."
)


def _of_the_technique(technique: Technique, policy: CalciumSuitabilityPolicy) -> Iterator[Caution]:
    if technique.kvp is None:
        yield Caution(
            "calcium-kvp", f"The tube voltage is not known; the calcium score holds for {policy.kvp:.0f} kVp."
        )
    elif technique.kvp != policy.kvp:
        direction = "high" if technique.kvp < policy.kvp else "low"
        text = (
            f"The scan was made with {technique.kvp:.0f} kVp; the calcium score holds for {policy.kvp:.0f} kVp, was "
            f"not corrected and is probably too {direction}."
        )
        yield Caution("calcium-kvp", text)
    if technique.kernel is not None and is_sharp(technique.kernel, policy):
        text = f"Kernel {technique.kernel} is sharp: edges and noise may raise the calcium score."
        yield Caution("calcium-sharp-kernel", text)


def _of_the_slices(technique: Technique, averaged: bool, policy: CalciumPolicy) -> Iterator[Caution]:
    if averaged:
        text = (
            f"Slices {technique.spacing_mm:g} mm apart were averaged to {policy.averaged_to_mm:g} mm before calcium "
            "was scored."
        )
        yield Caution("calcium-averaged-slices", text)
    elif technique.thickest_mm > policy.suitability.thickest_mm:
        text = f"Slices of {technique.thickest_mm:g} mm: small plaques may be missed."
        yield Caution("calcium-thick-slices", text)


def _of_the_image(image: HeartImage, technique: Technique, policy: CalciumSuitabilityPolicy) -> Iterator[Caution]:
    if technique.contrast and image.blood_hu <= policy.unenhanced_to_hu:
        text = f"The header names contrast medium, but the blood measures {image.blood_hu:.0f} HU; calcium was scored."
        yield Caution("calcium-contrast-in-header", text)
    if image.blood_hu > policy.unenhanced_to_hu:
        text = f"The blood measures {image.blood_hu:.0f} HU, more than usual without contrast medium."
        yield Caution("calcium-dense-blood", text)
    if image.noise_hu > policy.noise_caveat_sd_hu:
        text = f"The noise in the blood is {image.noise_hu:.0f} HU: small lesions are uncertain."
        yield Caution("calcium-noise", text)
    if image.metal_near_mm3 >= policy.metal_min_mm3:
        yield Caution(
            "calcium-metal-near", "There is metal beside the heart; after bypass surgery no score is meaningful."
        )
    if image.coverage < policy.full_coverage:
        text = f"About {image.coverage:.0%} of the heart is in the field of view; the calcium score may be too low."
        yield Caution("calcium-coverage", text)


def is_sharp(kernel: str, policy: CalciumSuitabilityPolicy) -> bool:
    """Whether a kernel is for lung or bone, as far as its name tells."""
    name = kernel.upper().strip()
    if name.startswith(policy.sharp_kernels):
        return True
    siemens = re.match(r"[BHIUDTQ][A-Z]?(\d\d)", name)
    return siemens is not None and int(siemens[1]) >= policy.sharp_kernel_from
