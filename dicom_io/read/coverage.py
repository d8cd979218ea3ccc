"""How much lung a series shows, judged from a few of its slices: its height says nothing of what is in it."""

from __future__ import annotations

import numpy as np

from cad.domain import BoolArray, Float32Array
from cad.errors import Refusal
from cad.policy import SeriesPolicy
from dicom_io.read.series import FitSeries
from dicom_io.read.volume import frame_hu

_SAMPLED_SLICES = 16
"""A slice every 2 cm of a chest: the volume of a lung comes out within a few per cent."""

_WORKING_MM = 3.0
_TISSUE_HU = -400.0
_LUNG_HU = (-980.0, -400.0)
"""Aerated lung; the gas of the bowel and the air around a patient are mostly below it."""


def lungs_in_view_ml(series: FitSeries, policy: SeriesPolicy) -> float | None:
    """About how many ml of aerated lung the series shows; None when its pixels are not at hand or cannot be read.

    Counted is what has the attenuation of lung and tissue on all four sides of it in its slice. Meant to compare
    series of one study, no measurement.
    """
    count = len(series.frames)
    sampled = np.unique(np.linspace(0, count - 1, min(count, _SAMPLED_SLICES)).round().astype(int))
    try:
        areas = [_lung_mm2(image, spacing) for image, spacing in _images(series, sampled, policy)]
    except Refusal:
        return None
    return float(np.mean(areas)) * series.coverage_mm / 1000


def _images(
    series: FitSeries, sampled: np.ndarray[tuple[int], np.dtype[np.int_]], policy: SeriesPolicy
) -> list[tuple[Float32Array, tuple[float, float]]]:
    """The sampled slices in HU, thinned out to about 3 mm, with the distances of their rows and columns in mm."""
    found = []
    for k in sampled:
        frame = series.frames[int(k)]
        steps = [max(1, round(_WORKING_MM / mm)) for mm in (frame.row_spacing_mm, frame.column_spacing_mm)]
        image = frame_hu(series.instances[frame.instance], frame, policy)[:: steps[0], :: steps[1]]
        spacing = (frame.row_spacing_mm * steps[0], frame.column_spacing_mm * steps[1])
        found.append((image.astype(np.float32), spacing))
    return found


def _lung_mm2(image: Float32Array, spacing_mm: tuple[float, float]) -> float:
    tissue = image > _TISSUE_HU
    lung = (image > _LUNG_HU[0]) & (image < _LUNG_HU[1]) & _enclosed(tissue)
    return float(np.count_nonzero(lung)) * spacing_mm[0] * spacing_mm[1]


def _enclosed(tissue: BoolArray) -> BoolArray:
    """Where tissue lies before and behind, to the right and to the left."""
    sides = [
        np.flip(np.logical_or.accumulate(np.flip(tissue, axis) if back else tissue, axis=axis), axis)
        if back
        else np.logical_or.accumulate(tissue, axis=axis)
        for axis in (0, 1)
        for back in (False, True)
    ]
    enclosed: BoolArray = np.logical_and.reduce(sides)
    return enclosed
