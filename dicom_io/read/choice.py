"""Of several CT series the one that is best for nodules, with the reason in a sentence."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from cad.domain import Caution
from cad.errors import Refusal
from cad.policy import SeriesPolicy
from dicom_io.read.coverage import lungs_in_view_ml
from dicom_io.read.files import DamagedFile, Instance
from dicom_io.read.headers import is_reconstruction_of_scanner, word
from dicom_io.read.parts import Part, parts_of
from dicom_io.read.series import FitSeries, check_series

_COVERAGE_AGREEMENT = 0.9
"""A series is as complete as another when it shows this much of its lungs (scan ranges are set by hand)."""

_LEAST_LUNGS_ML = 200.0
"""Below this no series shows lungs worth comparing; a child of two years has twice as much."""

_CONTRAST_RANK = {False: 0, None: 1, True: 2}
"""Nodules are seen without contrast agent as well, and coronary calcium only then."""


@dataclass(frozen=True, slots=True, eq=False)
class ChosenSeries:
    """The series to read, why it was chosen, and what the reader should know about the choice."""

    series: FitSeries
    because: str
    cautions: tuple[Caution, ...]


def choose_series(instances: Sequence[Instance], damaged: Sequence[DamagedFile], policy: SeriesPolicy) -> ChosenSeries:
    """The best of the stacks that these objects form.

    Of the latest study: whole lungs before a part of them, original before reconstructed planes, thin before thick
    slices, lung and soft kernels before others, without contrast before with. `damaged` are the files beside the
    objects; one that belongs to the series, by its own word or by its name, makes the series unfit. When no series is
    fit, raises the Refusal of the one with most objects.
    """
    groups: dict[str, list[Instance]] = {}
    for instance in instances:
        groups.setdefault(word(instance.header, "SeriesInstanceUID") or "", []).append(instance)
    fit: list[FitSeries] = []
    refused: list[tuple[int, str, Refusal]] = []
    for uid, group in groups.items():
        found, refusal = _stacks(group, damaged, policy)
        fit += found
        refused += [(len(group), uid, refusal)] if refusal else []
    if not fit:
        raise max(refused, key=lambda r: (r[0], r[1]))[2]
    candidates = _of_the_latest_study(fit)
    lungs_ml = _lungs_ml(candidates, policy)
    best = min(candidates, key=lambda series: _rank(series, candidates, lungs_ml))
    cautions = (*_study_cautions(fit), *_choice_cautions(refused), *_damage_cautions(damaged))
    return ChosenSeries(best, _because(best, fit, lungs_ml, len(groups)), cautions)


def _stacks(
    group: Sequence[Instance], damaged: Sequence[DamagedFile], policy: SeriesPolicy
) -> tuple[list[FitSeries], Refusal | None]:
    """The fit stacks of one series; without any the Refusal of its fullest."""
    try:
        _refuse_damage(group, damaged)
    except Refusal as refusal:
        return [], refusal
    found: list[FitSeries] = []
    parts = parts_of(group, policy)
    for part in parts:
        try:
            series = check_series(part.instances, policy)
        except Refusal:
            continue
        found.append(replace(series, cautions=(*part.cautions, *series.cautions)))
    return found, None if found else _refusal_of(group, parts[0], policy)


def _refusal_of(group: Sequence[Instance], fullest: Part, policy: SeriesPolicy) -> Refusal:
    """Why a series without a fit stack is unfit: what is wrong with it as a whole, else with its fullest stack."""
    for instances in (group, fullest.instances):
        try:
            check_series(instances, policy)
        except Refusal as refusal:
            return refusal
    raise AssertionError("a series that is fit as a whole has no unfit stacks only")


def _refuse_damage(group: Sequence[Instance], damaged: Sequence[DamagedFile]) -> None:
    uids = {word(i.header, "SeriesInstanceUID") for i in group}
    names = {i.named_like for i in group}
    own = [d for d in damaged if d.series_uid in uids or (d.series_uid is None and d.named_like in names)]
    if own:
        refusal = own[0].refusal
        text = f"{len(own)} of {len(group) + len(own)} files of the series: {refusal.text}"
        raise Refusal(refusal.reason, text, **(refusal.facts | {"files": len(own)}))


def _of_the_latest_study(fit: Sequence[FitSeries]) -> list[FitSeries]:
    latest = max(_study_date(f) for f in fit)
    return [f for f in fit if _study_date(f) == latest]


def _lungs_ml(candidates: Sequence[FitSeries], policy: SeriesPolicy) -> dict[FitSeries, float]:
    """The lungs that each candidate shows, in ml; empty when there is nothing to compare or no pixels are at hand."""
    if len(candidates) == 1:
        return {}
    found = {series: lungs_in_view_ml(series, policy) for series in candidates}
    known = {series: ml for series, ml in found.items() if ml is not None}
    is_comparable = len(known) == len(candidates) and max(known.values()) >= _LEAST_LUNGS_ML
    return known if is_comparable else {}


def kernel_rank(kernel: str | None) -> int:
    """0 for lung and soft-tissue kernels, 1 for unknown ones, 2 for bone and edge kernels, which add noise."""
    if kernel is None:
        return 1
    if re.search(r"bone|edge|ultra|inner ear", kernel, re.IGNORECASE):
        return 2
    return 0


def _rank(
    series: FitSeries, candidates: Sequence[FitSeries], lungs_ml: Mapping[FitSeries, float]
) -> tuple[object, ...]:
    tallest_mm = max(f.coverage_mm for f in candidates)
    is_whole = series.coverage_mm >= _COVERAGE_AGREEMENT * tallest_mm
    if lungs_ml:
        is_whole = lungs_ml[series] >= _COVERAGE_AGREEMENT * max(lungs_ml.values())
    return (
        not is_whole,
        is_reconstruction_of_scanner(series.acquisition.image_type),
        round(series.slice_thickness_mm or series.grid.spacing_kji_mm[0], 1),
        kernel_rank(series.acquisition.kernel),
        _CONTRAST_RANK[series.acquisition.contrast],
        -series.coverage_mm,
        -len(series.frames),
        word(series.instances[0].header, "SeriesInstanceUID") or "",
    )


def _study_date(series: FitSeries) -> str:
    return word(series.instances[0].header, "StudyDate") or ""


def _study_cautions(fit: Sequence[FitSeries]) -> tuple[Caution, ...]:
    studies = {word(f.instances[0].header, "StudyInstanceUID") for f in fit}
    if len(studies) == 1:
        return ()
    text = f"The input holds {len(studies)} studies of the patient; the latest was read."
    return (Caution("several-studies", text),)


def _because(best: FitSeries, fit: Sequence[FitSeries], lungs_ml: Mapping[FitSeries, float], series: int) -> str:
    if series == 1:
        return "It is the only CT series."
    text = f"{_description(best, lungs_ml)} chosen of {series} CT series"
    others = [_description(f, lungs_ml) for f in fit if f is not best]
    return f"{text}; fit too, but not better: {', '.join(others)}." if others else f"{text}; no other is fit."


def _description(series: FitSeries, lungs_ml: Mapping[FitSeries, float]) -> str:
    """Slices, thickness, kernel, coverage and lungs: what the choice rests on, without patient data."""
    thickness_mm = series.slice_thickness_mm or series.grid.spacing_kji_mm[0]
    kernel = series.acquisition.kernel or "unknown"
    text = (
        f"{len(series.frames)} axial slices of {thickness_mm:g} mm, kernel {kernel}, {series.coverage_mm:.0f} mm high"
    )
    return text + (f" with about {lungs_ml[series] / 1000:.1f} l of lung" if series in lungs_ml else "")


def _choice_cautions(refused: Sequence[tuple[int, str, Refusal]]) -> tuple[Caution, ...]:
    reasons = sorted({refusal.reason.value for _, _, refusal in refused})
    if not reasons:
        return ()
    text = f"{len(refused)} other CT series are unfit: {', '.join(reasons)}."
    return (Caution("unfit-series-left-out", text),)


def _damage_cautions(damaged: Sequence[DamagedFile]) -> tuple[Caution, ...]:
    reasons = sorted({d.refusal.reason.value for d in damaged})
    if not reasons:
        return ()
    text = f"{len(damaged)} files beside the series cannot be used: {', '.join(reasons)}."
    return (Caution("unusable-files-left-out", text),)
