"""Independent implementations accept what we write, whatever the source series looks like."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from highdicom.sr import MeasurementReport
from pydicom import dcmread
from pydicom.config import IGNORE
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from cad.domain import (
    ClinicalContext,
    ExamObservations,
    Guideline,
    NoduleObservation,
    NotAssessed,
    NotAssessedReason,
    PatientFactors,
    Region,
    Sex,
)
from cad.exam.assessment import assess
from cad.policy import Policy, WordingPolicy
from cad.report.statements import state
from cad.report.words.choices import BIDIRECTIONAL, LesionNames, ReportForm
from cad.report.words.en.pictures import LABELS
from dicom_io import codes
from dicom_io.read.reading import LoadedSeries
from dicom_io.read.study_header import study_header_of
from dicom_io.write.objects import ReportObjects, report_objects
from dicom_io.write.sr.predecessors import name_predecessors
from tests.contract.tools import (
    complaints,
    dciodvfy,
    dicom_sr_validator,
    dsrdump,
    run,
    save,
    segment_positions,
    sr_errors,
    tid1500_groups,
    walk,
)
from tests.made.series import CHINESE_NAME, a_series
from tests.made.subjects import (
    A_PDF,
    RIGHT_NODULE,
    Subject,
    a_context,
    a_full_nodule,
    a_subject,
    drawn_nodule,
    objects_of,
    some_findings,
    two_nodules,
)

pytestmark = pytest.mark.contract


def saved(objects: ReportObjects, folder: Path) -> list[Path]:
    return [save(ds, folder, f"{ds.Modality}{number}") for number, ds in enumerate(objects.all())]


def test_every_object_conforms_to_its_iod(subject: Subject, tmp_path: Path) -> None:
    for path in saved(subject.objects, tmp_path):
        assert dciodvfy(path) == []


def test_all_objects_agree_on_patient_and_study(subject: Subject, tmp_path: Path) -> None:
    result = run("dcentvfy", *saved(subject.objects, tmp_path))
    assert complaints(result) == []


def test_dcmtk_reads_the_document_tree(subject: Subject, tmp_path: Path) -> None:
    tree = dsrdump(save(subject.objects.sr, tmp_path, "sr"))
    assert tree.count('(,,"Measurement Group")') == 2
    assert '"Nodule 1: 18.0 mm' in tree


def test_dcmqi_reads_one_group_per_nodule(subject: Subject, tmp_path: Path) -> None:
    groups = tid1500_groups(save(subject.objects.sr, tmp_path, "sr"))
    assert [(g["TrackingIdentifier"], g["TrackingUniqueIdentifier"]) for g in groups] == [
        (f"{BIDIRECTIONAL}:{nodule.label}", nodule.tracking_uid) for nodule in subject.nodules
    ]
    assert [len(g["measurementItems"]) for g in groups] == [7, 7]


def test_highdicom_finds_the_groups_by_uid_with_segment_and_measurements(plain: Subject) -> None:
    content = MeasurementReport.from_sequence([plain.objects.sr])
    for number, nodule in enumerate(plain.nodules, start=1):
        (group,) = content.get_volumetric_roi_measurement_groups(tracking_uid=nodule.tracking_uid)
        assert group.referenced_segment is not None
        assert group.referenced_segment.referenced_segment_numbers == [number]
        (volume,) = group.get_measurements(name=codes.VOLUME)
        assert volume.value == pytest.approx(nodule.volume_mm3, abs=0.051)


def test_plain_names_are_the_labels_of_the_segments(plain: Subject, tmp_path: Path) -> None:
    context = replace(a_context(), form=ReportForm(lesion_names=LesionNames.PLAIN))
    findings = some_findings(plain.source.volume, plain.nodules)
    objects = report_objects(state(findings, WordingPolicy()), plain.source, context, A_PDF)
    assert objects.seg is not None
    groups = tid1500_groups(save(objects.sr, tmp_path, "sr"))
    names = [str(segment.TrackingID) for segment in objects.seg.SegmentSequence]
    assert [group["TrackingIdentifier"] for group in groups] == names == ["Nodule 1", "Nodule 2"]


def test_dcmqi_decodes_every_segment_voxel_where_the_nodule_is(subject: Subject, tmp_path: Path) -> None:
    seg = subject.seg
    segments = segment_positions(save(seg, tmp_path, "seg"), tmp_path / "segments")
    nodules = subject.nodules
    assert [len(positions) for positions in segments] == [nodule.mask.voxel_count for nodule in nodules]
    assert all(RIGHT_NODULE.holds(segments[0]))


def test_a_single_nodule_is_read_back_too(plain: Subject, tmp_path: Path) -> None:
    nodule = drawn_nodule(plain.source.volume.grid)
    seg = objects_of(plain.source, (nodule,)).seg
    assert seg is not None
    path = save(seg, tmp_path, "seg")
    assert dciodvfy(path) == []
    assert [len(p) for p in segment_positions(path, tmp_path / "segments")] == [nodule.mask.voxel_count]


def test_a_report_without_nodules_is_valid(plain: Subject, tmp_path: Path) -> None:
    objects = objects_of(plain.source, ())
    for path in saved(objects, tmp_path):
        assert dciodvfy(path) == []
    path = save(objects.sr, tmp_path, "sr")
    assert '(,,"Nodule")=(272519000,SCT,"Absent")' in dsrdump(path)
    assert tid1500_groups(path) == []


def test_a_report_of_a_series_where_nodules_were_not_assessed_is_valid(plain: Subject, tmp_path: Path) -> None:
    objects = objects_of(plain.source, NotAssessed(NotAssessedReason.NOT_REQUESTED))
    for path in saved(objects, tmp_path):
        assert dciodvfy(path) == []
    assert '(,,"Nodule")=(262008008,SCT,"Not performed")' in dsrdump(save(objects.sr, tmp_path, "sr"))


def test_a_chinese_name_reaches_other_implementations(tmp_path: Path) -> None:
    chinese = a_subject(a_series(patient_name=CHINESE_NAME, character_set=["", "ISO 2022 IR 58"]))
    for path in saved(chinese.objects, tmp_path):
        dump = run("dcmdump", "+U8", "+P", "PatientName", path)
        assert complaints(dump) == []
        assert f"[{CHINESE_NAME}]" in dump.stdout


def test_a_source_with_odd_headers_gives_valid_objects(tmp_path: Path) -> None:
    datasets = a_series()
    for ds in datasets:
        ds.PatientName, ds.PatientSex = "ONLYFAMILYNAME", "X"
        ds["StudyTime"] = DataElement("StudyTime", "TM", "25:99", validation_mode=IGNORE)
        ds.SeriesNumber = ds.LossyImageCompression = ds.PatientComments = None
        del ds.StudyID, ds.AccessionNumber, ds.ReferringPhysicianName, ds.PatientBirthDate
        ds.private_block(0x0011, "ODD", create=True).add_new(0x01, "LO", "private")
        ds.IssuerOfAccessionNumberSequence, ds.OtherPatientIDsSequence = [Dataset()], [a_code("", "", "x")]
        ds.ProcedureCodeSequence = [a_code("CTCHEST", "99HIS", "CT Chest"), a_code("BROKEN", "", "")]
        ds.ClinicalTrialProtocolID = "TRIAL-1"
    subject = a_subject(datasets)
    for path in saved(subject.objects, tmp_path):
        assert dciodvfy(path) == []
    (said,) = [one.text for one in subject.source.cautions if one.code == "unusable-attributes"]
    assert all(keyword in said for keyword in ("PatientSex", "StudyTime"))
    assert [item.CodeValue for item in subject.objects.sr.PerformedProcedureCodeSequence] == ["CTCHEST"]
    assert "ClinicalTrialProtocolID" not in subject.objects.sr


@pytest.mark.parametrize(
    ("name", "character_set"),
    [
        (b"A\\B^C", None),
        ("A^乗".encode("shift_jis"), None),
        ("張^三^功\\".encode("gb18030"), "GB18030"),
    ],
    ids=["ascii", "undeclared", "declared"],
)
def test_a_name_with_a_backslash_gets_its_results_with_the_very_bytes(name: bytes, character_set: str | None) -> None:
    datasets = []
    for ds in a_series():
        padded = name + b" " * (len(name) % 2)
        ds.pop("SpecificCharacterSet", None)
        if character_set is not None:
            ds.SpecificCharacterSet = character_set
        tag = Tag("PatientName")
        ds[tag] = RawDataElement(tag, "PN", len(padded), padded, 0, is_implicit_VR=False, is_little_endian=True)
        content = io.BytesIO()
        ds.save_as(content, enforce_file_format=True)
        content.seek(0)
        datasets.append(dcmread(content))
    subject = a_subject(datasets)
    assert "undeclared-character-set" in {caution.code for caution in subject.source.cautions}
    written = subject.objects.sr.get_item("PatientName").value
    assert written is None or bytes(written).rstrip() == name
    assert study_header_of(subject.source.evidence.datasets[0]).patient_name is None


def a_code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def test_the_order_the_trial_and_the_admission_of_the_images_are_named(tmp_path: Path) -> None:
    datasets = a_series()
    for ds in datasets:
        order = Dataset()
        order.RequestedProcedureID, order.RequestedProcedureDescription = "RP-7", "CT Thorax"
        order.RequestedProcedureCodeSequence = [a_code("CTCHEST", "99HIS", "CT Chest")]
        ds.RequestAttributesSequence, ds.AccessionNumber, ds.AdmissionID = [order], "A-1", "ADM-1"
        ds.ClinicalTrialSponsorName, ds.ClinicalTrialProtocolID, ds.ClinicalTrialSubjectID = "S", "TRIAL-1", "0001"
    objects = a_subject(datasets).objects
    for path in saved(objects, tmp_path):
        assert dciodvfy(path) == []
    (request,) = objects.sr.ReferencedRequestSequence
    assert (request.RequestedProcedureID, request.AccessionNumber) == ("RP-7", "A-1")
    assert request.RequestedProcedureCodeSequence[0].CodeValue == "CTCHEST"
    assert objects.sr.AdmissionID == "ADM-1"
    assert {"ClinicalTrialProtocolName", "ClinicalTrialSiteID"} <= {element.keyword for element in objects.sr}


def test_files_name_what_wrote_them_and_key_images_are_of_one_size(plain: Subject) -> None:
    objects = plain.objects
    assert {str(item.file_meta.ImplementationVersionName)[:8] for item in objects.all()} == {"LUNGCAD_"}
    assert len({(image.Rows, image.Columns) for image in objects.key_images}) == 1


def test_the_image_library_says_how_the_images_were_made_and_names_the_key_slices(plain: Subject) -> None:
    (library,) = [i for i in plain.objects.sr.ContentSequence if i.ConceptNameCodeSequence[0].CodeValue == "111028"]
    (group,) = library.ContentSequence
    numbers = {
        item.ConceptNameCodeSequence[0].CodeMeaning: float(item.MeasuredValueSequence[0].NumericValue)
        for item in group.ContentSequence
        if item.ValueType == "NUM"
    }
    assert numbers["Spacing between slices"] == plain.source.series.spacing_mm[2]
    images = [
        i.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for i in group.ContentSequence if i.ValueType == "IMAGE"
    ]
    keys = sorted(nodule.diameters.slice_k for nodule in plain.nodules)
    assert images == [str(plain.source.evidence.datasets[k].SOPInstanceUID) for k in keys]


@pytest.mark.slow
def test_the_report_follows_the_templates(plain: Subject, tmp_path: Path) -> None:
    nodule = drawn_nodule(plain.source.volume.grid)
    result = dicom_sr_validator(save(objects_of(plain.source, (nodule,)).sr, tmp_path, "sr"))
    assert "IOD validation complete" in result.stdout + result.stderr
    assert sr_errors(result.stdout + result.stderr) == []


@pytest.mark.slow
def test_the_report_without_nodules_follows_the_templates(plain: Subject, tmp_path: Path) -> None:
    result = dicom_sr_validator(save(objects_of(plain.source, ()).sr, tmp_path, "sr"))
    output = result.stdout + result.stderr
    assert "IOD validation complete" in output
    assert sr_errors(output) == []


ALL_KNOWN = PatientFactors(
    age_years=66,
    sex=Sex.FEMALE,
    family_history_lung_cancer=False,
    emphysema=False,
    ever_smoker=True,
    extrathoracic_cancer=False,
    screening=True,
    region=Region.USA,
)


def characterised(source: LoadedSeries, patient: PatientFactors = ALL_KNOWN) -> ReportObjects:
    """The objects of two nodules with every part, and of an assessment; their calcium is said not to be benign."""
    nodules = tuple(a_full_nodule(nodule) for nodule in two_nodules(source.volume.grid))
    said = ExamObservations(nodules=tuple(NoduleObservation(n.label, benign_pattern=False) for n in nodules))
    context = ClinicalContext(patient, said)
    findings = replace(some_findings(source.volume, nodules), assessment=assess(nodules, context, Policy()))
    return report_objects(state(findings, WordingPolicy()), source, a_context(), A_PDF)


def test_objects_of_a_characterised_nodule_are_valid(subject: Subject, tmp_path: Path) -> None:
    objects = characterised(subject.source)
    for path in saved(objects, tmp_path):
        assert dciodvfy(path) == []
    assert complaints(run("dcentvfy", *tmp_path.glob("*.dcm"))) == []
    assert dsrdump(save(objects.sr, tmp_path, "sr")).count('(,,"Measurement Group")') == 2


def measurements(sr: Dataset, folder: Path) -> list[tuple[str, str, float]]:
    """Code, meaning and value of each measurement of the first volumetric group, as dcmqi reads them."""
    group = tid1500_groups(save(sr, folder, "sr"))[0]
    return [
        (item["quantity"]["CodeValue"], item["quantity"]["CodeMeaning"], float(item["value"]))
        for item in group["measurementItems"]
    ]


def test_dcmqi_reads_every_measurement(plain: Subject, tmp_path: Path) -> None:
    found = {code: value for code, _, value in measurements(characterised(plain.source).sr, tmp_path)}
    nodule = a_full_nodule(two_nodules(plain.source.volume.grid)[0])
    assert nodule.measures is not None
    low, high = nodule.measures.volume_interval_mm3
    expected = {
        "VOLUME_LOWER_95": low,
        "VOLUME_UPPER_95": high,
        "L0JK": nodule.measures.max_3d_diameter_mm,
        "C0JK": 612.3,
        "QCFX": 0.81,
        "SOLID_LONG_AXIS": 11.0,
        "SOLID_SHORT_AXIS": 7.0,
        "PLEURA_DISTANCE": 3.6,
        "FISSURE_DISTANCE": 0.0,
        "P_SPICULATED": 83.0,
        "P_LOBULATED": 62.0,
        "SUSPICION": 72.4,
        "C28749": 3.7,
    }
    assert {code: found[code] for code in expected} == pytest.approx(expected, abs=0.051)


def test_no_probability_of_cancer_is_the_network_s(plain: Subject, tmp_path: Path) -> None:
    sr = characterised(plain.source).sr
    cancer = [value for code, _, value in measurements(sr, tmp_path) if code == "111047"]
    assert cancer
    assert 72.4 not in cancer
    meanings = [meaning for code, meaning, _ in measurements(sr, tmp_path) if code == "SUSPICION"]
    assert meanings == ["Reader suspicion score, no probability of cancer"]


def test_a_model_with_unknown_inputs_has_no_coded_probability_of_cancer(plain: Subject, tmp_path: Path) -> None:
    sr = characterised(plain.source, replace(ALL_KNOWN, family_history_lung_cancer=None, ever_smoker=None)).sr
    assert [code for code, _, _ in measurements(sr, tmp_path) if code == "111047"] == []


def test_every_object_says_that_it_is_for_research_use(plain: Subject) -> None:
    objects = characterised(plain.source)
    assert objects.seg is not None
    assert objects.gsps is not None
    comments = [item.TextValue for item in walk(objects.sr) if item.get("ValueType") == "TEXT"]
    assert LABELS.research_use in comments
    for dataset in (objects.seg, objects.gsps):
        assert "research use" in dataset.ContentDescription
    assert "research use" in objects.page.DocumentTitle


def test_a_report_that_replaces_another_is_valid(plain: Subject, tmp_path: Path) -> None:
    report = objects_of(plain.source, ()).sr
    name_predecessors(report, {"2.25.7": "2.25.8", str(report.SOPInstanceUID): str(report.SeriesInstanceUID)})
    path = save(report, tmp_path, "sr")
    assert dciodvfy(path) == []
    assert "2.25.7" in run("dcmdump", path).stdout


def test_names_are_rendered_and_times_have_a_zone(plain: Subject) -> None:
    sr = characterised(plain.source).sr
    containers = [item for item in walk(sr) if item.get("ValueType") == "CONTAINER"]
    assert {item.ContinuityOfContent for item in containers} == {"SEPARATE"}
    assert sr.TimezoneOffsetFromUTC == a_context().now.strftime("%z")


def test_only_the_applicable_guideline_is_coded(plain: Subject) -> None:
    def coded(patient: PatientFactors) -> list[str]:
        names = ("1362105002", "CATEGORY")
        items = (item for item in walk(characterised(plain.source, patient).sr) if item.get("ValueType") == "CODE")
        return [i.ConceptCodeSequence[0].CodeMeaning for i in items if i.ConceptNameCodeSequence[0].CodeValue in names]

    assert coded(replace(ALL_KNOWN, screening=None)) == []
    assert [text.startswith("Lung-RADS category") for text in coded(ALL_KNOWN)] == [True]
    incidental = replace(ALL_KNOWN, screening=False, known_cancer=False, immunosuppressed=False)
    assert [text.startswith("Fleischner Society: ") for text in coded(incidental)] == [True]


def test_the_lobe_is_the_finding_site_and_signs_and_guidelines_are_said(plain: Subject, tmp_path: Path) -> None:
    tree = dsrdump(save(characterised(plain.source).sr, tmp_path, "sr"))
    assert tree.count('(,,"Finding Site")=(45653009,SCT,"Upper lobe of lung")') == 1
    assert '(,,"Border shape")=(112136,DCM,"Spiculated")' in tree
    assert '(,,"Margins")=(' in tree
    assert '(,,"Typical Perifissural Shape")=(272519000,SCT,"Absent")' in tree
    assert '(,,"Calcification Pattern")=(129749001,SCT,"Coarse (popcorn-like) calcification")' in tree
    assert tree.count('<contains TEXT:(,,"Recommendation")=') == len(Guideline) + 2  # and each nodule by itself
    assert '<contains TEXT:(,,"Applicable guideline")="Lung-RADS: screening, regio' in tree


def test_a_report_without_nodules_names_the_lung_rads_category(plain: Subject, tmp_path: Path) -> None:
    context = ClinicalContext(PatientFactors(screening=True, region=Region.USA))
    findings = replace(some_findings(plain.source.volume, ()), assessment=assess((), context, Policy()))
    tree = dsrdump(
        save(report_objects(state(findings, WordingPolicy()), plain.source, a_context(), A_PDF).sr, tmp_path, "sr")
    )
    name = '(,,"Lung Imaging Reporting and Data System category")'
    assert f'{name}=(LUNG_RADS_1,99LUNGCAD,"Lung-RADS category 1")' in tree


@pytest.mark.parametrize("length", [14, 15])
def test_the_document_is_kept_to_the_byte(length: int, plain: Subject, tmp_path: Path) -> None:
    pdf = A_PDF.ljust(length, b" ")
    page = report_objects(
        state(some_findings(plain.source.volume, ()), WordingPolicy()), plain.source, a_context(), pdf
    ).page
    path = save(page, tmp_path, "page")
    assert dciodvfy(path) == []
    result = run("dcm2pdf", path, tmp_path / "page.pdf")
    assert complaints(result) == []
    assert (tmp_path / "page.pdf").read_bytes().rstrip(b"\0") == pdf


@pytest.mark.slow
def test_the_report_of_characterised_nodules_follows_the_templates(plain: Subject, tmp_path: Path) -> None:
    result = dicom_sr_validator(save(characterised(plain.source).sr, tmp_path, "sr"))
    output = result.stdout + result.stderr
    assert "IOD validation complete" in output
    assert sr_errors(output) == []
