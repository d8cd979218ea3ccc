"""Who, when, from what and by which software: the parts of our objects that other systems file them by."""

from __future__ import annotations

import dataclasses
import io
import warnings
from collections.abc import Iterator
from datetime import datetime

import pytest
from pydicom.dataset import Dataset

from cad.domain import ModelIdentity
from cad.policy import WordingPolicy
from cad.report.statements import state
from dicom_io.uids import device_uid
from dicom_io.write.objects import EncodingContext, ReportObjects, report_objects
from tests.made.series import CHINESE_NAME, a_series
from tests.made.subjects import (
    A_PDF,
    MODEL,
    NOW,
    Subject,
    a_context,
    a_subject,
    drawn_nodule,
    loaded,
    objects_of,
    some_findings,
)

RETRAINED = ModelIdentity("rpn3d", "1", "cd" * 32)


def file_bytes(dataset: Dataset) -> bytes:
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def rewritten(subject: Subject, context: EncodingContext) -> ReportObjects:
    findings = some_findings(subject.source.volume, subject.nodules)
    return report_objects(state(findings, WordingPolicy()), subject.source, context, A_PDF)


def references(dataset: Dataset) -> Iterator[str]:
    """Every SOP Instance UID that the content tree names."""
    for item in dataset.get("ContentSequence", ()):
        if item.ValueType == "IMAGE":
            yield str(item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID)
        yield from references(item)


def evidence(sr: Dataset) -> set[str]:
    return {
        str(instance.ReferencedSOPInstanceUID)
        for study in sr.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for instance in series.ReferencedSOPSequence
    }


def test_the_same_input_gives_the_same_bytes(plain: Subject) -> None:
    again = rewritten(plain, a_context())
    assert [file_bytes(ds) for ds in again.all()] == [file_bytes(ds) for ds in plain.objects.all()]


def test_the_same_job_at_another_time_gives_the_same_uids(plain: Subject) -> None:
    later = dataclasses.replace(a_context(), now=datetime(2027, 7, 7, tzinfo=NOW.tzinfo))
    again = rewritten(plain, later)
    assert [ds.SOPInstanceUID for ds in again.all()] == [ds.SOPInstanceUID for ds in plain.objects.all()]
    assert [ds.SeriesInstanceUID for ds in again.all()] == [ds.SeriesInstanceUID for ds in plain.objects.all()]


def test_another_job_gives_other_uids(plain: Subject) -> None:
    other = rewritten(plain, a_context(job_key="1e" * 32))
    uids = {ds.SOPInstanceUID for ds in other.all()}
    assert uids.isdisjoint(ds.SOPInstanceUID for ds in plain.objects.all())


def test_every_object_has_a_uid_of_its_own(plain: Subject) -> None:
    objects = plain.objects.all()
    assert len({ds.SOPInstanceUID for ds in objects}) == len(objects)


def test_other_weights_are_another_device() -> None:
    assert device_uid("0.1.0", (MODEL,)) != device_uid("0.1.0", (RETRAINED,))
    assert device_uid("0.1.0", (MODEL,)) != device_uid("0.2.0", (MODEL,))


def test_the_order_of_networks_does_not_make_another_device() -> None:
    assert device_uid("0.1.0", (MODEL, RETRAINED)) == device_uid("0.1.0", (RETRAINED, MODEL))


def test_every_object_names_the_contributing_algorithm_and_device(plain: Subject) -> None:
    for ds in plain.objects.all():
        items = [item for item in ds.ContributingEquipmentSequence if "DeviceUID" in item]
        assert [item.DeviceUID for item in items] == [a_context().device_uid]
        assert [(item.Manufacturer, item.ManufacturerModelName, item.SoftwareVersions) for item in items] == [
            ("lungcad", "rpn3d 1", "0.1.0")
        ]
        assert items[0].PurposeOfReferenceCodeSequence[0].CodeValue == "109102"


def test_patient_and_study_are_those_of_the_source(subject: Subject) -> None:
    source = subject.source.evidence.datasets[0]
    for ds in subject.objects.all():
        for keyword in ("PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyDate", "StudyTime"):
            assert ds[keyword].value == source[keyword].value, keyword
        assert (ds.StudyID, ds.AccessionNumber) == ("1", "ACC-1")


@pytest.mark.parametrize("character_set", ["ISO_IR 192", "GB18030", "GBK", ["", "ISO 2022 IR 58"]])
def test_a_chinese_name_is_kept_whatever_its_encoding(character_set: str | list[str]) -> None:
    written = a_series(patient_name=CHINESE_NAME, character_set=character_set)
    buffer = io.BytesIO()
    written[0].save_as(buffer, enforce_file_format=True)
    for ds in a_subject(written).objects.all():
        assert ds.SpecificCharacterSet == "ISO_IR 192"
        assert CHINESE_NAME.encode("utf-8") in file_bytes(ds)


def test_the_selection_names_each_nodule_s_slice_and_its_picture(plain: Subject) -> None:
    selection = plain.objects.key_objects
    assert selection is not None
    named = [
        str(item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID)
        for item in selection.ContentSequence
        if item.ValueType == "IMAGE"
    ]
    slices = [
        str(plain.source.evidence.datasets[plain.source.layout.instance_of_k[n.diameters.slice_k]].SOPInstanceUID)
        for n in plain.nodules
    ]
    pictures = [str(picture.SOPInstanceUID) for picture in plain.objects.key_images]
    assert named == [*dict.fromkeys(slices), *pictures]
    assert objects_of(plain.source, ()).key_objects is None


def test_series_are_told_apart_by_number_and_description(plain: Subject) -> None:
    series = {ds.SeriesInstanceUID: (ds.SeriesNumber, ds.SeriesDescription) for ds in plain.objects.all()}
    assert len(series) == 6
    assert len({number for number, _ in series.values()}) == 6
    assert len({description for _, description in series.values()}) == 6
    assert all(number // 100 == 2 for number, _ in series.values())


def test_all_slices_are_evidence_but_only_key_slices_are_referenced(subject: Subject) -> None:
    sr = subject.objects.sr
    slices = {str(ds.SOPInstanceUID) for ds in subject.source.evidence.datasets}
    assert evidence(sr) == slices | {str(subject.seg.SOPInstanceUID)}
    key_slices = set(references(sr)) - {str(subject.seg.SOPInstanceUID)}
    assert 1 <= len(key_slices) <= len(subject.nodules)


def test_report_and_segment_share_the_tracking_uid(plain: Subject) -> None:
    assert [item.TrackingUID for item in plain.seg.SegmentSequence] == [n.tracking_uid for n in plain.nodules]


def test_dates_are_those_of_the_given_clock(plain: Subject) -> None:
    for ds in plain.objects.all():
        assert (str(ds.InstanceCreationDate), str(ds.SeriesDate)) == ("20260102", "20260102")
        assert str(ds.get("ContentTime", ds.get("PresentationCreationTime"))) == "030405"


def test_nothing_of_the_patient_is_shown_while_writing(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    source = loaded(a_series(patient_name="SECRETIVE", patient_id="SECRET-ID"))
    with warnings.catch_warnings(record=True) as shown, caplog.at_level("DEBUG"):
        warnings.simplefilter("always")
        objects_of(source, (drawn_nodule(source.volume.grid),))
    output = capsys.readouterr()
    assert "SECRET" not in output.out + output.err + caplog.text + " ".join(str(w.message) for w in shown)


def test_without_a_nodule_there_is_a_report_and_a_summary_only(plain: Subject) -> None:
    objects = objects_of(plain.source, ())
    assert (objects.seg, objects.gsps, len(objects.key_images)) == (None, None, 1)
    evaluations = objects.sr.ContentSequence[-1].ContentSequence
    assert "Series 2 (Chest), 40 slices" in evaluations[1].TextValue
    assert "No nodule was detected" in evaluations[1].TextValue
    assert plain.source.series.series_uid == evaluations[2].UID
    assert len(evidence(objects.sr)) == 40


def test_key_slices_of_different_rescale_get_no_presentation_state() -> None:
    source = loaded(a_series(intercept=lambda index: -1024.0 - index))
    nodules = (drawn_nodule(source.volume.grid),)
    assert objects_of(source, nodules).gsps is not None
    assert a_subject(a_series(intercept=lambda index: -1024.0 - index)).objects.gsps is None


def test_a_context_needs_a_time_zone() -> None:
    with pytest.raises(ValueError, match="timezone"):
        dataclasses.replace(a_context(), now=NOW.replace(tzinfo=None))
