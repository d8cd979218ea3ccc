"""Of several CT series the one that is best for nodules, with the reason in a sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from cad.domain import Caution
from cad.errors import Refusal
from cad.policy import SeriesPolicy
from dicom_io.read.files import Instance
from dicom_io.read.headers import word
from dicom_io.read.series import FitSeries, check_series

_COVERAGE_AGREEMENT = 0.9
"""A series is as complete as another when it covers this much of its height (scan ranges are set by hand)."""


@dataclass(frozen=True, slots=True, eq=False)
class ChosenSeries:
    """The series to read, why it was chosen, and what the reader should know about the choice."""

    series: FitSeries
    because: str
    cautions: tuple[Caution, ...]


def choose_series(instances: Sequence[Instance], policy: SeriesPolicy) -> ChosenSeries:
    """The best of the series that these objects form.

    Of the latest study: full coverage before partial, original before reformatted, thin before thick slices, lung and
    soft kernels before others. When no series is fit, raises the Refusal of the one with most objects.
    """
    groups: dict[str, list[Instance]] = {}
    for instance in instances:
        groups.setdefault(word(instance.header, "SeriesInstanceUID") or "", []).append(instance)
    fit: list[FitSeries] = []
    refused: list[tuple[int, str, Refusal]] = []
    for uid, group in groups.items():
        try:
            fit.append(check_series(group, policy))
        except Refusal as refusal:
            refused.append((len(group), uid, refusal))
    if not fit:
        raise max(refused, key=lambda r: (r[0], r[1]))[2]
    best = min(fit, key=lambda series: _rank(series, fit))
    cautions = (*_study_cautions(fit), *_choice_cautions(refused))
    return ChosenSeries(best, _because(best, fit, len(groups)), cautions)


def is_reformatted(series: FitSeries) -> bool:
    """Whether the images were computed from other images (PS3.3 C.8.2.1.1.1: value 3, or DERIVED reformats)."""
    return not {"MPR", "MIP", "MINIP", "AVERAGE", "PROJECTION IMAGE"}.isdisjoint(series.acquisition.image_type)


def kernel_rank(kernel: str | None) -> int:
    """0 for lung and soft-tissue kernels, 1 for unknown ones, 2 for bone and edge kernels, which add noise."""
    if kernel is None:
        return 1
    if re.search(r"bone|edge|ultra|inner ear", kernel, re.IGNORECASE):
        return 2
    return 0


def _rank(series: FitSeries, fit: Sequence[FitSeries]) -> tuple[object, ...]:
    header = series.instances[0].header
    same_study = [f for f in fit if _study_date(f) == max(_study_date(g) for g in fit)]
    tallest_mm = max(f.coverage_mm for f in same_study)
    return (
        series not in same_study,
        series.coverage_mm < _COVERAGE_AGREEMENT * tallest_mm,
        is_reformatted(series),
        round(series.slice_thickness_mm or series.grid.spacing_kji_mm[0], 1),
        kernel_rank(series.acquisition.kernel),
        -series.coverage_mm,
        word(header, "SeriesInstanceUID") or "",
    )


def _study_date(series: FitSeries) -> str:
    return word(series.instances[0].header, "StudyDate") or ""


def _study_cautions(fit: Sequence[FitSeries]) -> tuple[Caution, ...]:
    studies = {word(f.instances[0].header, "StudyInstanceUID") for f in fit}
    if len(studies) == 1:
        return ()
    text = f"The input holds {len(studies)} studies of the patient; the latest was read."
    return (Caution("several-studies", text),)


def _because(best: FitSeries, fit: Sequence[FitSeries], series: int) -> str:
    if series == 1:
        return "It is the only CT series."
    text = f"{_description(best)} chosen of {series} CT series"
    others = [_description(f) for f in fit if f is not best]
    return f"{text}; fit too, but not better: {', '.join(others)}." if others else f"{text}; no other is fit."


def _description(series: FitSeries) -> str:
    """Slices, thickness, kernel and coverage: what the choice rests on, without patient data."""
    thickness_mm = series.slice_thickness_mm or series.grid.spacing_kji_mm[0]
    kernel = series.acquisition.kernel or "unknown"
    kind = "reformatted" if is_reformatted(series) else "axial"
    return (
        f"{len(series.frames)} {kind} slices of {thickness_mm:g} mm, kernel {kernel}, {series.coverage_mm:.0f} mm high"
    )


def _choice_cautions(refused: Sequence[tuple[int, str, Refusal]]) -> tuple[Caution, ...]:
    reasons = sorted({refusal.reason.value for _, _, refusal in refused})
    if not reasons:
        return ()
    text = f"{len(refused)} other CT series are unfit: {', '.join(reasons)}."
    return (Caution("unfit-series-left-out", text),)
