"""What lungcad wrote of an examination is read back as it was measured, and nothing else is."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from pydicom import config
from pydicom.dataset import Dataset
from pydicom.valuerep import DSfloat

from cad.domain import (
    ClinicalContext,
    Composition,
    Guideline,
    Lobe,
    LungRadsCategory,
    Nodule,
    NotAssessed,
    NotAssessedReason,
    PatientFactors,
    PriorNodule,
    Side,
)
from cad.exam.assessment import assess
from cad.policy import Policy, WordingPolicy
from cad.report.statements import state
from cad.report.words.choices import label_of
from dicom_io import codes
from dicom_io.read.readback import EarlierReport, read_back, reported_series, segmentation_series
from dicom_io.read.reading import LoadedSeries
from dicom_io.write.objects import ReportObjects, report_objects
from tests.made.calcium import PLAQUES, a_score
from tests.made.followups import followed_findings
from tests.made.series import a_series, an_enhanced_series
from tests.made.subjects import (
    A_PDF,
    a_context,
    a_full_nodule,
    calcium_objects,
    loaded,
    objects_of,
    some_findings,
    two_nodules,
)

TENTH = 0.05 + 1e-6
"""The report rounds to a tenth."""


@pytest.fixture(scope="module")
def source() -> LoadedSeries:
    return loaded(a_series())


@pytest.fixture(scope="module")
def nodules(source: LoadedSeries) -> tuple[Nodule, ...]:
    first, second = (a_full_nodule(nodule) for nodule in two_nodules(source.volume.grid))
    return first, dataclasses.replace(second, measures=None, location=None)


@pytest.fixture(scope="module")
def objects(source: LoadedSeries, nodules: tuple[Nodule, ...]) -> ReportObjects:
    return objects_of(source, nodules)


def the_report(objects: tuple[Dataset, ...], source: LoadedSeries) -> EarlierReport:
    report, cautions = read_back(objects, source.series)
    assert report is not None
    assert cautions == ()
    return report


def voxel_centroid(nodule: Nodule) -> tuple[float, ...]:
    """The mean of the voxel centres, by the grid's affine."""
    kji = np.argwhere(nodule.mask.voxels) + np.array(nodule.mask.offset)
    return tuple(float(v) for v in (nodule.mask.grid.affine @ np.append(kji.mean(axis=0), 1.0))[:3])


def assert_same(read: PriorNodule, nodule: Nodule) -> None:
    axes = read.size.axes
    assert (read.tracking_uid, read.label, read.side) == (nodule.tracking_uid, nodule.label, nodule.side)
    assert read.size.composition is nodule.composition
    assert (axes.long_mm, axes.short_mm) == pytest.approx(
        (nodule.diameters.long_axis_mm, nodule.diameters.short_axis_mm), abs=TENTH
    )
    assert (read.volume_mm3, read.mass_mg) == pytest.approx((nodule.volume_mm3, nodule.mass_mg), abs=TENTH)
    assert (read.centre.x, read.centre.y, read.centre.z) == pytest.approx(voxel_centroid(nodule), abs=1e-3)


def test_nodules_are_read_back_as_they_were_measured(
    source: LoadedSeries, nodules: tuple[Nodule, ...], objects: ReportObjects
) -> None:
    first, second = the_report(objects.all(), source).nodules
    assert_same(first, nodules[0])
    assert_same(second, nodules[1])
    measures = nodules[0].measures
    assert measures is not None
    assert measures.solid is not None
    assert first.volume_interval_mm3 == pytest.approx(measures.volume_interval_mm3, abs=TENTH)
    assert first.size.solid_axes is not None
    assert first.size.solid_axes.long_mm == pytest.approx(measures.solid.diameters.long_axis_mm, abs=TENTH)
    assert first.size.solid_volume_mm3 == pytest.approx(measures.solid.volume_mm3, abs=TENTH)
    assert first.lobe is Lobe.RUL
    assert (second.lobe, second.volume_interval_mm3, second.size.solid_axes) == (None, None, None)


def test_the_report_names_itself_and_its_segmentation(source: LoadedSeries, objects: ReportObjects) -> None:
    report = the_report(objects.all(), source)
    assert objects.seg is not None
    named = [(r.sop_instance_uid, r.series_uid, r.study_uid, r.modality) for r in report.references]
    expected = [
        (ds.SOPInstanceUID, ds.SeriesInstanceUID, ds.StudyInstanceUID, ds.Modality) for ds in (objects.sr, objects.seg)
    ]
    assert named == expected
    assert report.device_uid == a_context().device_uid
    assert reported_series(objects.sr) == source.series.series_uid
    assert segmentation_series(objects.sr) == (objects.seg.SeriesInstanceUID,)


@pytest.mark.parametrize("lobe", [lobe for lobe in Lobe if lobe is not Lobe.LINGULA])
def test_every_lobe_is_read_back(source: LoadedSeries, nodules: tuple[Nodule, ...], lobe: Lobe) -> None:
    side = Side.LEFT if lobe in (Lobe.LUL, Lobe.LLL) else Side.RIGHT
    location = nodules[0].location
    assert location is not None
    placed = dataclasses.replace(nodules[0], side=side, location=dataclasses.replace(location, lobe=lobe))
    (read,) = the_report(objects_of(source, (placed,)).all(), source).nodules
    assert (read.side, read.lobe) == (side, lobe)


@pytest.mark.parametrize("composition", list(Composition))
def test_every_composition_is_read_back(
    source: LoadedSeries, nodules: tuple[Nodule, ...], composition: Composition
) -> None:
    made = dataclasses.replace(nodules[0], composition=composition)
    (read,) = the_report(objects_of(source, (made,)).all(), source).nodules
    assert read.size.composition is composition


@pytest.mark.parametrize("kind", ["flipped", "feet first", "multi-frame"])
def test_centres_are_right_however_the_images_lie(kind: str) -> None:
    images = {
        "flipped": lambda: a_series(orientation=(-1.0, 0.0, 0.0, 0.0, -1.0, 0.0)),
        "feet first": lambda: a_series(orientation=(-1.0, 0.0, 0.0, 0.0, 1.0, 0.0)),
        "multi-frame": lambda: [an_enhanced_series(a_series())],
    }[kind]()
    source = loaded(images)
    made = two_nodules(source.volume.grid)
    for read, nodule in zip(the_report(objects_of(source, made).all(), source).nodules, made, strict=True):
        assert_same(read, nodule)


def test_a_report_without_nodules_says_that_there_were_none(source: LoadedSeries) -> None:
    report = the_report(objects_of(source, ()).all(), source)
    assert report.nodules == ()
    assert [reference.modality for reference in report.references] == ["SR"]


def test_a_report_of_nodules_that_were_not_looked_for_is_not_used(source: LoadedSeries) -> None:
    objects = objects_of(source, NotAssessed(NotAssessedReason.NOT_REQUESTED))
    report, (caution,) = read_back(objects.all(), source.series)
    assert (report, caution.code) == (None, "prior-report-unusable")


def test_the_lung_rads_category_is_read_back(source: LoadedSeries, nodules: tuple[Nodule, ...]) -> None:
    context = ClinicalContext(PatientFactors(age_years=64.0, screening=True))
    assessment = assess(nodules, context, Policy())
    category = assessment.recommendation(Guideline.LUNG_RADS).category
    findings = dataclasses.replace(some_findings(source.volume, nodules), assessment=assessment)
    report = the_report(report_objects(state(findings, WordingPolicy()), source, a_context(), A_PDF).all(), source)
    assert category is not None
    assert report.lung_rads is LungRadsCategory(category.removesuffix("S"))


def test_a_report_with_a_comparison_gives_the_nodules_of_its_own_images_alone(source: LoadedSeries) -> None:
    findings = followed_findings(source)
    objects = report_objects(state(findings, WordingPolicy()), source, a_context(), A_PDF)
    assert isinstance(findings.nodules, tuple)
    read = the_report(objects.all(), source).nodules
    assert reported_series(objects.sr) == source.series.series_uid
    for one, nodule in zip(read, findings.nodules, strict=True):
        assert_same(one, nodule)


@pytest.mark.parametrize("count", [0, 2])
def test_calcium_in_a_report_is_no_nodule(source: LoadedSeries, nodules: tuple[Nodule, ...], count: int) -> None:
    objects = calcium_objects(source, a_score(source.volume.grid, PLAQUES), nodules[:count])
    report = the_report(objects.all(), source)
    assert [nodule.label for nodule in report.nodules] == ["Nodule 1", "Nodule 2"][:count]


def test_without_a_report_of_ours_there_is_nothing_to_say(source: LoadedSeries, objects: ReportObjects) -> None:
    foreign = copy.deepcopy(objects.sr)
    foreign.Manufacturer = "another"
    assert reported_series(foreign) is None
    assert read_back((foreign, *source.evidence.datasets[:1]), source.series) == (None, ())
    assert read_back((), source.series) == (None, ())


def without_volume(report: Dataset) -> None:
    for item in _items(report):
        if item.get("ConceptNameCodeSequence") and item.ConceptNameCodeSequence[0].CodeValue == "118565006":
            item.MeasuredValueSequence = []


def without_numbers(report: Dataset) -> None:
    for item in _items(report):
        for value in item.get("MeasuredValueSequence") or ():
            del value.NumericValue


def without_names(report: Dataset) -> None:
    for item in _items(report):
        if item.get("ValueType") == "UIDREF":
            del item.UID


def of_other_slices(report: Dataset) -> None:
    report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence.pop()


def without_groups(report: Dataset) -> None:
    report.ContentSequence = report.ContentSequence[:1]


def _items(item: Dataset) -> list[Dataset]:
    below = [deeper for child in item.get("ContentSequence") or () for deeper in _items(child)]
    return [item, *below]


@pytest.mark.parametrize("damage", [without_volume, without_numbers, without_names, of_other_slices, without_groups])
def test_a_damaged_report_gives_a_caution_and_no_nodules(
    source: LoadedSeries, objects: ReportObjects, damage: Callable[[Dataset], None]
) -> None:
    damaged = copy.deepcopy(objects.sr)
    damage(damaged)
    report, (caution,) = read_back(
        (damaged, *(item for item in objects.all() if item is not objects.sr)), source.series
    )
    assert (report, caution.code) == (None, "prior-report-unusable")


def test_a_report_without_its_segmentation_is_not_used(source: LoadedSeries, objects: ReportObjects) -> None:
    report, (caution,) = read_back((objects.sr,), source.series)
    assert report is None
    assert "segmentation" in caution.text


def test_of_several_reports_the_newest_is_read(source: LoadedSeries, nodules: tuple[Nodule, ...]) -> None:
    older = objects_of(source, nodules[:1])
    later = dataclasses.replace(a_context("ab" * 32), now=a_context().now.replace(year=2027))
    newer = report_objects(state(some_findings(source.volume, nodules), WordingPolicy()), source, later, A_PDF)
    for objects in ((*older.all(), *newer.all()), (*newer.all(), *older.all())):
        assert len(the_report(objects, source).nodules) == 2


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "0", "-5", "1e308"])
def test_a_volume_that_no_nodule_has_makes_a_report_unusable(
    source: LoadedSeries, objects: ReportObjects, value: str
) -> None:
    report = copy.deepcopy(objects.sr)
    group = next(item for item in descendants(report) if named(item, "125007"))
    volume = next(item for item in group.ContentSequence if named(item, codes.VOLUME.value))
    with config.disable_value_validation():
        volume.MeasuredValueSequence[0].NumericValue = DSfloat(value, validation_mode=config.IGNORE)
    read, cautions = read_back((report, *objects.all()[:-1]), source.series)
    assert read is None
    assert [caution.code for caution in cautions] == ["prior-report-unusable"]


def test_the_two_groups_of_earlier_versions_are_one_nodule(source: LoadedSeries, objects: ReportObjects) -> None:
    report = copy.deepcopy(objects.sr)
    measurements = next(item for item in report.ContentSequence if named(item, "126010"))
    both = []
    for group in measurements.ContentSequence:
        axes = copy.deepcopy(group)
        axes.ContentTemplateSequence[0].TemplateIdentifier = "1501"
        axes.ContentSequence = [item for item in axes.ContentSequence if not named(item, "121191")]
        tracking = next(item for item in group.ContentSequence if named(item, "112039"))
        tracking.TextValue = label_of(tracking.TextValue)
        both += [axes, group]
    measurements.ContentSequence = both
    read = the_report((report, *objects.all()[:-1]), source)
    assert [nodule.label for nodule in read.nodules] == ["Nodule 1", "Nodule 2"]


def named(item: Dataset, code: str) -> bool:
    return any(str(name.CodeValue) == code for name in item.get("ConceptNameCodeSequence", ()))


def descendants(item: Dataset) -> Iterator[Dataset]:
    for child in item.get("ContentSequence", ()):
        yield child
        yield from descendants(child)
