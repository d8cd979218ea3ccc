"""The comparison in the report objects: read back with pydicom, and judged by independent implementations."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from cad.domain import ChangeStatus, FollowUp, Nodule, NotAssessed
from cad.policy import WordingPolicy
from cad.report.statements import state
from dicom_io.write.objects import ReportObjects, report_objects
from tests.contract.tools import complaints, dciodvfy, dicom_sr_validator, dsrdump, run, save, sr_errors, tid1500_groups
from tests.made.followups import (
    GONE,
    NOW,
    SEGMENTATION,
    STABLE,
    THEN,
    a_change,
    a_followup,
    a_prior_series,
    a_resolved,
    a_scan,
    an_exam,
    followed_findings,
    followed_objects,
)
from tests.made.subjects import A_PDF, Subject, a_context, some_findings

pytestmark = pytest.mark.contract


@pytest.fixture
def followed(subject: Subject) -> ReportObjects:
    """The objects of each kind of series, with a nodule that grew, a new one and one that is gone."""
    return followed_objects(subject.source)


@cache
def plain_sr(subject: Subject) -> Dataset:
    return followed_objects(subject.source).sr


def items(parent: Dataset, meaning: str) -> list[Dataset]:
    """The content items of this name, anywhere below."""
    return [item for item in every_item(parent) if name_of(item) == meaning]


def every_item(parent: Dataset) -> Iterator[Dataset]:
    for item in parent.get("ContentSequence", ()):
        yield item
        yield from every_item(item)


def name_of(item: Dataset) -> str:
    return str(item.ConceptNameCodeSequence[0].CodeMeaning)


def figures(group: Dataset) -> dict[str, float]:
    """Value of each number of a group by its code."""
    return {
        str(item.ConceptNameCodeSequence[0].CodeValue): float(item.MeasuredValueSequence[0].NumericValue)
        for item in group.ContentSequence
        if item.ValueType == "NUM"
    }


def units(group: Dataset) -> dict[str, str]:
    return {
        str(item.ConceptNameCodeSequence[0].CodeValue): str(
            item.MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0].CodeValue
        )
        for item in group.ContentSequence
        if item.ValueType == "NUM"
    }


def volumetric_groups(sr: Dataset) -> list[Dataset]:
    """The groups of now; those of then stand among the previous findings."""
    (measurements,) = items(sr, "Imaging Measurements")
    return items(measurements, "Measurement Group")


def test_every_object_conforms_to_its_iod(followed: ReportObjects, tmp_path: Path) -> None:
    for number, ds in enumerate(followed.all()):
        assert dciodvfy(save(ds, tmp_path, f"{ds.Modality}{number}")) == []
    assert complaints(run("dcentvfy", *tmp_path.glob("*.dcm"))) == []


def test_dcmtk_reads_the_document_tree(followed: ReportObjects, tmp_path: Path) -> None:
    tree = dsrdump(save(followed.sr, tmp_path, "sr"))
    assert tree.count('(,,"Measurement Group")') == 4
    assert '(,,"Difference in size")=(15454001,SCT,"Increase in size")' in tree
    assert '(,,"Difference in size")=(NEW,99LUNGCAD,"New since the prior examination")' in tree
    assert '(,,"Difference in size")=(RESOLVED,99LUNGCAD,"Resolved since the prior examination")' in tree


def test_dcmqi_reads_the_change_in_the_nodule_s_own_group(followed: ReportObjects, tmp_path: Path) -> None:
    groups = tid1500_groups(save(followed.sr, tmp_path, "sr"))
    assert len(groups) == 2
    found = {item["quantity"]["CodeValue"]: float(item["value"]) for item in groups[0]["measurementItems"]}
    assert (found["VOLUME_CHANGE"], found["DOUBLING_TIME"]) == (100.4, 364.6)
    assert "VOLUME_CHANGE" not in {item["quantity"]["CodeValue"] for item in groups[1]["measurementItems"]}


def test_the_figures_of_a_change_can_be_computed_again_and_have_their_units(plain: Subject) -> None:
    group = volumetric_groups(plain_sr(plain))[0]
    expected = {
        "VOLUME_CHANGE": (100.4, "%"),
        "VOLUME_CHANGE_L": (70.2, "%"),
        "VOLUME_CHANGE_U": (139.6, "%"),
        "MASS_CHANGE": (95.1, "%"),
        "DIAMETER_CHANGE": (1.9, "mm"),
        "DOUBLING_TIME": (364.6, "d"),
        "DOUBLING_TIME_L": (289.7, "d"),
        "DOUBLING_TIME_U": (480.2, "d"),
        "PRIOR_INTERVAL": (365.0, "d"),
        "PRIOR_VOLUME": (210.0, "mm3"),
        "TREND_DOUBLING": (365.2, "d"),
        "TREND_POINTS": (3.0, "1"),
    }
    found, unit = figures(group), units(group)
    assert {code: (found[code], unit[code]) for code in expected} == expected


def changed(plain: Subject, **changes: object) -> Dataset:
    """The report where the first nodule has another change."""
    nodules = plain.nodules
    change = dataclasses.replace(a_change(nodules[0], 0), **changes)  # type: ignore[arg-type]
    followup = dataclasses.replace(a_followup(nodules), changes=(change,))
    return sr_of(plain, nodules, followup)


def sr_of(plain: Subject, nodules: tuple[Nodule, ...], followup: FollowUp) -> Dataset:
    findings = dataclasses.replace(some_findings(plain.source.volume, nodules), followup=followup)
    return report_objects(state(findings, WordingPolicy()), plain.source, a_context(), A_PDF).sr


def test_what_is_not_known_or_infinite_has_no_item(plain: Subject) -> None:
    growth = a_change(plain.nodules[0], 0).change
    assert growth is not None
    endless = dataclasses.replace(
        growth, doubling_time_interval_days=(290.0, float("inf")), volume_percent_interval=None, mass_percent=None
    )
    found = figures(volumetric_groups(changed(plain, change=endless))[0])
    assert "DOUBLING_TIME_L" in found
    assert {"DOUBLING_TIME_U", "VOLUME_CHANGE_L", "VOLUME_CHANGE_U", "MASS_CHANGE"}.isdisjoint(found)


def test_a_stable_nodule_has_the_code_of_no_significant_change_and_no_doubling_time(plain: Subject) -> None:
    group = volumetric_groups(changed(plain, change=STABLE, status=ChangeStatus.STABLE))[0]
    (status,) = items(group, "Difference in size")
    assert status.ConceptCodeSequence[0].CodeValue == "129723006"
    assert "DOUBLING_TIME" not in figures(group)


def test_the_label_that_viewers_show_says_the_change(plain: Subject) -> None:
    comments = [str(item.TextValue) for item in items(plain_sr(plain), "Comment")]
    assert "Nodule 1: 18.0 mm part-solid right lung, growing +100 %, doubling time 365 days" in comments
    assert "Nodule 2: 15.0 mm ground-glass left lung, new" in comments


def test_every_measurement_group_still_has_coordinates_or_a_segment(plain: Subject) -> None:
    """OHIF shows nothing at all when a group has neither (#3390); a nodule that is gone must not have one."""
    groups = volumetric_groups(plain_sr(plain))
    assert len(groups) == 2
    for group in groups:
        assert any(item.ValueType == "SCOORD" for item in every_item(group))
        assert any("ReferencedSegmentNumber" in ref for ref in references(group))


def test_each_size_has_its_time_point_and_those_of_then_stand_apart(plain: Subject) -> None:
    sr = plain_sr(plain)
    assert [items(group, "Time Point")[0].TextValue for group in volumetric_groups(sr)] == [NOW.isoformat()] * 2
    then = [items(exam, "Measurement Group") for exam in items(sr, "Prior examination")]
    assert [len(groups) for groups in then] == [1, 1]
    latest = then[0][0]
    assert items(latest, "Time Point")[0].TextValue == THEN.isoformat()
    assert plain.nodules[0].tracking_uid == items(latest, "Tracking Unique Identifier")[0].UID
    assert figures(latest)["118565006"] == 210.0


def references(parent: Dataset) -> list[Dataset]:
    return [ref for item in every_item(parent) for ref in item.get("ReferencedSOPSequence", ())]


def test_a_nodule_that_is_gone_is_named_by_its_tracking_uid(plain: Subject) -> None:
    gone = a_resolved(GONE)
    (item,) = [
        found
        for found in items(plain_sr(plain), "Difference in size")
        if found.ConceptCodeSequence[0].CodeValue == "RESOLVED"
    ]
    properties: dict[str, Any] = {name_of(part): part for part in item.ContentSequence}
    assert gone.tracking_uid == properties["Tracking Unique Identifier"].UID
    assert properties["Tracking Identifier"].TextValue == "Nodule 2"
    assert properties["Volume at the prior examination"].MeasuredValueSequence[0].NumericValue == 118
    assert properties["Comment"].TextValue == (
        "Earlier Nodule 2 (right upper lobe): resolved, 118 [107–130] mm³ then and no longer seen at its place."
    )


def test_earlier_examinations_are_named_latest_first_with_their_reports(plain: Subject) -> None:
    exams = items(plain_sr(plain), "Prior examination")
    assert [str(items(exam, "Acquisition Date")[0].Date) for exam in exams] == ["20230131", "20220131"]
    for exam in exams:
        reports = items(exam, "Prior report for current patient")
        assert {str(r.ReferencedSOPSequence[0].ReferencedSOPClassUID) for r in reports} >= {SEGMENTATION}
        assert len(reports) == 2
        assert "deformable registration" in items(exam, "Registration of the examinations")[0].TextValue.lower()


def evidence(sr: Dataset, keyword: str) -> dict[str, set[str]]:
    """SOP instance UIDs by study."""
    return {
        str(study.StudyInstanceUID): {
            str(image.ReferencedSOPInstanceUID)
            for series in study.ReferencedSeriesSequence
            for image in series.ReferencedSOPSequence
        }
        for study in sr.get(keyword, ())
    }


def test_images_and_reports_of_then_are_other_evidence_and_those_of_now_the_current(plain: Subject) -> None:
    sr = plain_sr(plain)
    prior = a_scan(a_prior_series())
    other = evidence(sr, "PertinentOtherEvidenceSequence")
    assert set(evidence(sr, "CurrentRequestedProcedureEvidenceSequence")) == {plain.source.series.study_uid}
    assert plain.source.series.study_uid not in other
    assert len(other) == 2
    expected = {*prior.series.sop_uids, *(report.sop_instance_uid for report in prior.reports)}
    assert other[prior.series.study_uid] == expected


def test_the_slices_of_then_that_are_shown_are_referenced_in_the_report_and_from_the_pictures(plain: Subject) -> None:
    objects = followed_objects(plain.source)
    sop_uids = a_scan(a_prior_series()).series.sop_uids
    shown = {str(i.ReferencedSOPSequence[0].ReferencedSOPInstanceUID) for i in items(objects.sr, ILLUSTRATION)}
    pictured = {
        str(ref.ReferencedSOPInstanceUID)
        for picture in objects.key_images
        for ref in picture.SourceImageSequence
        if ref.ReferencedSOPInstanceUID in sop_uids
    }
    assert shown == pictured
    assert len(shown) == 3


ILLUSTRATION = "Best illustration of finding"


def test_a_report_without_nodules_names_those_that_are_gone(plain: Subject, tmp_path: Path) -> None:
    followup = FollowUp(NOW, (an_exam(a_scan(a_prior_series(), THEN)),), (a_resolved(GONE),))
    findings = dataclasses.replace(some_findings(plain.source.volume, ()), followup=followup)
    objects = report_objects(state(findings, WordingPolicy()), plain.source, a_context(), A_PDF)
    for number, ds in enumerate(objects.all()):
        assert dciodvfy(save(ds, tmp_path, f"{ds.Modality}{number}")) == []
    tree = dsrdump(save(objects.sr, tmp_path, "sr"))
    assert "RESOLVED,99LUNGCAD" in tree
    assert tid1500_groups(save(objects.sr, tmp_path, "sr")) == []


def test_without_a_comparison_nothing_is_said_of_one(plain: Subject) -> None:
    sr = plain.objects.sr
    assert isinstance(some_findings(plain.source.volume, ()).followup, NotAssessed)
    assert items(sr, "Difference in size") == items(sr, "Previous Findings") == []
    assert "PertinentOtherEvidenceSequence" not in sr


def test_the_same_comparison_gives_the_same_bytes(plain: Subject) -> None:
    first, second = followed_objects(plain.source), followed_objects(plain.source)
    assert all(a == b for a, b in zip(first.all(), second.all(), strict=True))
    assert followed_findings(plain.source).followup is not None


@pytest.mark.slow
def test_the_report_follows_the_templates(plain: Subject, tmp_path: Path) -> None:
    result = dicom_sr_validator(save(plain_sr(plain), tmp_path, "sr"))
    output = result.stdout + result.stderr
    assert "IOD validation complete" in output
    assert sr_errors(output) == []
