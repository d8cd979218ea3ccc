"""Which files are read, which series is chosen, and what is kept of the source."""

from __future__ import annotations

import pickle
import random
import zipfile
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, MediaStorageDirectoryStorage

from cad.errors import Reason, Refusal
from cad.policy import SeriesPolicy
from dicom_io.read.reading import LoadedSeries, load_datasets, load_series
from tests.made.series import CHINESE_NAME, a_series, a_uid, save_file, save_series

POLICY = SeriesPolicy()


def _small(**different: object) -> list[Dataset]:
    size = {"slices": 18, "rows": 32, "columns": 40, "slice_spacing_mm": 3.0, "slice_thickness_mm": 3.0}
    return a_series(**{**size, **different})  # type: ignore[arg-type]


def _same(one: LoadedSeries, other: LoadedSeries) -> bool:
    return one.series == other.series and np.array_equal(one.volume.hu, other.volume.hu)


def test_a_folder_a_zip_and_single_files_give_the_same_series(tmp_path: Path) -> None:
    folder = save_series(_small(), tmp_path / "flat")
    files = sorted(folder.iterdir())
    random.Random(1).shuffle(files)
    archive_path = tmp_path / "study.zip"
    with zipfile.ZipFile(archive_path, "w", zipfile.ZIP_DEFLATED) as archive:
        for n, path in enumerate(files):
            archive.write(path, f"deep/{n % 3}/../{path.name}")
    nested = tmp_path / "nested"
    for n, path in enumerate(files):
        target = nested / f"{n % 4}" / "images" / path.stem
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    plain = load_datasets(_small(), POLICY)
    for source in ([folder], [archive_path], files, [nested]):
        assert _same(load_series(source, POLICY), plain)
    assert not (tmp_path / "deep").exists()


def test_files_of_other_kinds_are_left_out(tmp_path: Path) -> None:
    folder = save_series(_small(), tmp_path / "study")
    (folder / "README.txt").write_text("a text")
    (folder / "viewer.exe").write_bytes(b"MZ" + bytes(500))
    (folder / "._ct0000.dcm").write_bytes(b"\0\5\x16\7" + bytes(200))
    (folder / "empty").write_bytes(b"")
    report = _small()[0]
    report.SOPClassUID, report.Modality, report.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.88.33", "SR", a_uid("sr")
    report.SeriesInstanceUID = a_uid("sr series")
    save_file(report, folder / "report.dcm")
    directory = Dataset()
    directory.FileSetID, directory.file_meta = "CD", report.file_meta
    directory.file_meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    directory.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    directory.save_as(folder / "DICOMDIR", implicit_vr=False, little_endian=True, enforce_file_format=True)
    assert _same(load_series([folder], POLICY), load_datasets(_small(), POLICY))


def test_objects_without_the_dicom_prefix_are_read(tmp_path: Path) -> None:
    for n, ds in enumerate(_small()):
        (tmp_path / f"{n}").write_bytes(b"")
        bare = Dataset()
        bare.update(ds)
        bare.save_as(tmp_path / f"{n}", implicit_vr=True, little_endian=True)
    assert _same(load_series([tmp_path], POLICY), load_datasets(_small(), POLICY))


def test_a_path_that_does_not_exist_is_no_refusal(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_series([tmp_path / "nowhere"], POLICY)


def test_stripped_files_are_grouped_by_geometry_and_always_given_the_same_uids(tmp_path: Path) -> None:
    def stripped(**different: object) -> list[Dataset]:
        series = _small(**different)
        for ds in series:
            for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID"):
                setattr(ds, keyword, "")
        return series

    for name in ("first", "again"):
        folder = save_series(stripped(), tmp_path / name)
        save_series(stripped(kernel="BONE", slice_thickness_mm=4.0), folder, name="other")
    first, again = (load_series([tmp_path / name], POLICY) for name in ("first", "again"))
    assert _same(first, again)
    assert "generated-identifiers" in [c.code for c in first.cautions]
    assert len({*first.series.sop_uids, first.series.study_uid, first.series.series_uid}) == 20
    assert first.series.kernel == "STANDARD"
    assert [str(ds.SOPInstanceUID) for ds in first.evidence.datasets] == list(first.series.sop_uids)
    assert first.evidence.frame_of_reference_uid == first.volume.frame_of_reference_uid
    moved = save_series(stripped(centre=(0.0, 0.0, 30.0)), tmp_path / "moved")
    assert load_series([moved], POLICY).series.series_uid != first.series.series_uid


@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID"])
def test_a_pacs_must_name_its_objects(keyword: str) -> None:
    series = _small()
    for ds in series:
        delattr(ds, keyword)
    with pytest.raises(Refusal) as refusal:
        load_datasets(series, POLICY)
    assert refusal.value.reason is Reason.MISSING_IDENTIFIERS
    assert refusal.value.facts == {"attributes": (keyword,)}


def test_nothing_from_a_pacs_is_an_empty_input() -> None:
    with pytest.raises(Refusal) as refusal:
        load_datasets([], POLICY)
    assert refusal.value.reason is Reason.EMPTY_INPUT


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"slice_thickness_mm": 1.0}, {"slice_thickness_mm": 3.0}),
        ({"kernel": "B70f"}, {"kernel": "BONE"}),
        ({"slices": 30}, {"slices": 18, "slice_thickness_mm": 1.0}),
        ({}, {"image_type": ("DERIVED", "SECONDARY", "MPR"), "slice_thickness_mm": 1.0}),
        ({}, {"image_type": ("ORIGINAL", "PRIMARY", "LOCALIZER")}),
        ({}, {"missing": {9}}),
    ],
    ids=["thinner", "lung rather than bone", "full coverage", "original", "no localizer", "whole"],
)
def test_the_series_best_for_nodules_is_chosen(better: dict[str, object], worse: dict[str, object]) -> None:
    one, other = _small(series="one", **better), _small(series="two", **worse)
    for objects in (one + other, other + one):
        loaded = load_datasets(objects, POLICY)
        assert loaded.series.series_uid == a_uid("study", "one")


def test_the_choice_says_what_was_compared() -> None:
    loaded = load_datasets(_small(series="one") + _small(series="two", slice_thickness_mm=4.0), POLICY)
    assert "18 axial slices of 3 mm, kernel STANDARD" in loaded.series.choice
    assert "4 mm" in loaded.series.choice
    assert load_datasets(_small(), POLICY).series.choice == "It is the only CT series."


def test_an_unfit_series_beside_a_fit_one_is_a_caution() -> None:
    loaded = load_datasets(_small(series="one") + _small(series="two", missing={9}), POLICY)
    assert [c.code for c in loaded.cautions] == ["unfit-series-left-out"]
    assert "missing-slices" in loaded.cautions[0].text


def test_of_two_studies_the_later_is_read_with_a_caution() -> None:
    later = _small(study="later", slice_thickness_mm=4.0)
    for ds in later:
        ds.StudyDate = "20250131"
    loaded = load_datasets(_small() + later, POLICY)
    assert loaded.series.study_uid == a_uid("later")
    assert [c.code for c in loaded.cautions] == ["several-studies"]


@pytest.mark.parametrize(("agent", "contrast"), [("IV", True), ("NONE", False), (None, None), ("", None)])
def test_contrast_is_known_only_when_the_header_says_so(agent: str | None, contrast: bool | None) -> None:
    assert load_datasets(_small(contrast_agent=agent), POLICY).series.contrast is contrast


def test_what_the_header_does_not_say_is_unknown() -> None:
    series = load_datasets(_small(kernel=None, kvp=None, slice_thickness_mm=None), POLICY).series
    assert (series.kernel, series.kvp, series.slice_thickness_mm) == (None, None, None)


def test_missing_slices_are_named_where_they_are() -> None:
    with pytest.raises(Refusal) as refusal:
        load_datasets(_small(missing={4, 5}), POLICY)
    assert refusal.value.facts == {"expected": 18, "found": 16, "at_mm": (-13.5, -10.5)}


def test_a_tilt_is_named_in_degrees() -> None:
    with pytest.raises(Refusal) as refusal:
        load_datasets(_small(step=(0.0, 3.0 * np.tan(np.radians(25)), 3.0)), POLICY)
    assert refusal.value.facts["degrees"] == pytest.approx(25, abs=0.01)


def test_evidence_keeps_a_chinese_name_and_shows_nothing_of_the_patient() -> None:
    loaded = load_datasets(_small(patient_name=CHINESE_NAME), POLICY)
    modules = loaded.evidence.patient_and_study
    assert str(modules.PatientName) == CHINESE_NAME
    assert modules.SpecificCharacterSet == "ISO_IR 192"
    assert (modules.AccessionNumber, modules.PatientID, modules.StudyDate) == ("ACC-1", "PHANTOM-1", "20240131")
    assert "Zhang" not in repr(loaded)
    assert "PHANTOM" not in repr(loaded)
    assert "ACC-1" not in repr(loaded)


@pytest.mark.parametrize("character_set", ["GB18030", "GBK", "ISO_IR 192"])
def test_a_name_in_a_chinese_character_set_is_read_from_a_file(character_set: str, tmp_path: Path) -> None:
    folder = save_series(_small(patient_name=CHINESE_NAME, character_set=character_set), tmp_path)
    loaded = load_series([folder], POLICY)
    assert str(loaded.evidence.patient_and_study.PatientName) == CHINESE_NAME
    assert str(loaded.evidence.datasets[3].PatientName) == CHINESE_NAME


def test_evidence_has_no_pixels_and_leaves_the_source_as_it_was() -> None:
    series = _small()
    before = pickle.dumps([ds.to_json() for ds in series])
    loaded = load_datasets(series, POLICY)
    assert all("PixelData" not in ds and ds.Rows == 32 for ds in loaded.evidence.datasets)
    assert pickle.dumps([ds.to_json() for ds in series]) == before
    heights = [float(ds.ImagePositionPatient[2]) for ds in loaded.evidence.datasets]
    assert heights == sorted(heights)


def test_values_that_no_report_may_repeat_are_emptied_with_a_caution(tmp_path: Path) -> None:
    folder = save_series(_small(), tmp_path)
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes().replace(b"19600101", b"1.1.1960").replace(b"064Y", b"64 y"))
    loaded = load_series([folder], POLICY)
    assert [c.code for c in loaded.cautions] == ["unusable-attributes"]
    assert "1960" not in loaded.cautions[0].text
    for header in (loaded.evidence.patient_and_study, *loaded.evidence.datasets):
        assert not header.PatientBirthDate
        assert not header.PatientAge
        assert header.PatientID == "PHANTOM-1"
