"""Comparisons of known outcome: a prior phantom beside the current one, moved by a known way."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from cad.domain import (
    AxisLengths,
    Caution,
    ChangeStatus,
    ComparedExam,
    Composition,
    Findings,
    FloatArray,
    FollowUp,
    Lobe,
    Nodule,
    NoduleChange,
    NoduleSize,
    PointLps,
    PriorNodule,
    PriorScan,
    PriorSource,
    RegistrationQuality,
    ReportReference,
    Side,
    SizeAt,
    SizeChange,
    SizeThen,
    VolumeTrend,
)
from cad.policy import WordingPolicy
from cad.report.statements import state
from dicom_io.read.reading import LoadedSeries
from dicom_io.uids import derived_uid
from dicom_io.write.objects import ReportObjects, report_objects
from tests.made.series import Sphere, a_series, a_uid
from tests.made.subjects import A_PDF, a_context, loaded, some_findings, two_nodules

OLDEST, THEN, NOW = date(2022, 1, 31), date(2023, 1, 31), date(2024, 1, 31)
DAYS = 365.0
SHIFT = (4.0, -6.0, 5.0)
"""From the current phantom to the prior one, in LPS mm."""

COMPREHENSIVE_3D_SR = "1.2.840.10008.5.1.4.1.1.88.34"
SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
GOOD = RegistrationQuality("deformable", 0.93, 0.98, 1.0, 0.0004, 0.8)
ROUGH = dataclasses.replace(
    GOOD,
    method="affine",
    cautions=(Caution("registration-affine", "The deformation folds in 3 % of the lungs and was not used."),),
)


@dataclass(frozen=True, slots=True)
class Shift:
    """A transform that moves everything by the same way."""

    mm: tuple[float, float, float] = SHIFT
    quality: RegistrationQuality = GOOD

    def to_moving(self, positions: FloatArray) -> FloatArray:
        """Positions of the current scan in the prior one."""
        there: FloatArray = positions + np.array(self.mm)
        return there

    def to_fixed(self, positions: FloatArray) -> FloatArray:
        """Positions of the prior scan in the current one."""
        back: FloatArray = positions - np.array(self.mm)
        return back


def moved(point: PointLps, shift: tuple[float, float, float] = SHIFT) -> PointLps:
    """Where a place of the current phantom is in the prior one."""
    x, y, z = (float(value) for value in point.as_array() + np.array(shift))
    return PointLps(x, y, z)


def a_prior_series(
    acquired: date = THEN,
    spheres: Sequence[Sphere] = (),
    *,
    rows: int = 96,
    columns: int = 128,
    pixel_mm: float = 2.0,
) -> LoadedSeries:
    """The phantom at an earlier examination: a study of its own of the same patient."""
    datasets = a_series(
        study=f"study of {acquired}",
        series="prior",
        spheres=spheres,
        rows=rows,
        columns=columns,
        row_spacing_mm=pixel_mm,
        column_spacing_mm=pixel_mm,
    )
    for ds in datasets:
        ds.AcquisitionDate = ds.StudyDate = ds.SeriesDate = acquired.strftime("%Y%m%d")
    return loaded(datasets)


def a_scan(series: LoadedSeries, acquired: date = THEN, days: float = DAYS) -> PriorScan:
    """The earlier examination with the report that lungcad wrote then."""
    study = series.series.study_uid
    reports = tuple(
        ReportReference(sop_class, a_uid(study, modality), a_uid(study, modality, "series"), study, modality)
        for sop_class, modality in ((COMPREHENSIVE_3D_SR, "SR"), (SEGMENTATION, "SEG"))
    )
    return PriorScan(series.series, series.volume, acquired, days, reports=reports)


def an_exam(scan: PriorScan, quality: RegistrationQuality = GOOD) -> ComparedExam:
    """The examination, read back from its report and registered by a shift."""
    return ComparedExam(scan, PriorSource.REPORT, Shift(quality=quality), 12.3)


def a_prior_nodule(
    centre: PointLps, label: str = "Nodule 1", volume_mm3: float = 210.0, uid: str | None = None
) -> PriorNodule:
    """A solid nodule of 8 × 7 mm at an earlier examination."""
    return PriorNodule(
        tracking_uid=derived_uid("test", "prior", label) if uid is None else uid,
        label=label,
        centre=centre,
        size=NoduleSize(Composition.SOLID, AxisLengths(8.0, 7.0), volume_mm3),
        volume_mm3=volume_mm3,
        mass_mg=200.0,
        side=Side.RIGHT if centre.x < 0 else Side.LEFT,
        lobe=Lobe.RUL,
        volume_interval_mm3=(volume_mm3 * 0.9, volume_mm3 * 1.1),
    )


GROWTH = SizeChange(ChangeStatus.GROWING, DAYS, 100.4, (70.2, 139.6), 95.1, 1.93, 364.6, (289.7, 480.2))
STABLE = SizeChange(ChangeStatus.STABLE, DAYS, 4.8, (-14.6, 28.9), None, 0.04, None, None)
SHRINKAGE = SizeChange(ChangeStatus.SHRINKING, DAYS, -40.2, (-52.0, -25.4), -38.0, -1.2, None, None)


def a_size(days: float, volume_mm3: float, interval: tuple[float, float] | None = None) -> SizeAt:
    """A size with the diameter of a ball of that volume."""
    diameter = float((6 * volume_mm3 / np.pi) ** (1 / 3))
    return SizeAt(days, volume_mm3, diameter, volume_mm3, interval)


def a_history(centre: PointLps) -> tuple[SizeThen, ...]:
    """Three examinations, each with twice the volume of the one before."""
    return (
        SizeThen(OLDEST, a_size(-730, 105.0), centre),
        SizeThen(THEN, a_size(-365, 210.0, (180.0, 240.0)), moved(centre)),
        SizeThen(NOW, a_size(0, 420.0, (370.0, 480.0)), centre),
    )


def a_change(nodule: Nodule, number: int, change: SizeChange = GROWTH) -> NoduleChange:
    """A current nodule that the prior examination shows, where the shift puts it."""
    place = moved(nodule.centre)
    prior = a_prior_nodule(place, uid=nodule.tracking_uid)
    return NoduleChange(nodule.tracking_uid, change.status, number, prior, change, nodule.centre, place)


def a_grown(nodule: Nodule, number: int) -> NoduleChange:
    """A nodule that doubled twice, over three examinations."""
    trend = VolumeTrend(3, 365.2, 0.05)
    return dataclasses.replace(a_change(nodule, number), history=a_history(nodule.centre), trend=trend)


def a_new(nodule: Nodule, number: int) -> NoduleChange:
    """A current nodule that the prior examination does not show."""
    place = moved(nodule.centre)
    return NoduleChange(nodule.tracking_uid, ChangeStatus.NEW, number, None, None, nodule.centre, place)


def a_resolved(place: PointLps, label: str = "Nodule 2") -> NoduleChange:
    """A nodule of the prior examination that is gone from `place` of the current one."""
    prior = a_prior_nodule(moved(place), label, 118.4)
    return NoduleChange(prior.tracking_uid, ChangeStatus.RESOLVED, None, prior, None, place, prior.centre)


GONE = PointLps(-58.0, -20.0, 11.0)


def a_followup(nodules: tuple[Nodule, ...], quality: RegistrationQuality = GOOD) -> FollowUp:
    """The first nodule grew, the second is new, and a third is gone; there are two earlier examinations."""
    older = an_exam(a_scan(a_prior_series(OLDEST), OLDEST, 730.0))
    latest = an_exam(a_scan(a_prior_series()), quality)
    return FollowUp(NOW, (older, latest), (a_grown(nodules[0], 0), a_new(nodules[1], 1), a_resolved(GONE)))


def followed_findings(source: LoadedSeries) -> Findings:
    """The findings of two nodules with their comparison."""
    nodules = two_nodules(source.volume.grid)
    return dataclasses.replace(some_findings(source.volume, nodules), followup=a_followup(nodules))


def followed_objects(source: LoadedSeries) -> ReportObjects:
    """The report objects of these findings."""
    return report_objects(state(followed_findings(source), WordingPolicy()), source, a_context(), A_PDF)
