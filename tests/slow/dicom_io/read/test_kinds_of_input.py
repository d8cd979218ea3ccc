"""What departments and anonymisers really send: variants of the shared cases, each read rightly or refused by name."""

from __future__ import annotations

import copy
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import JPEGLSLossless, MediaStorageDirectoryStorage

from cad.domain import Int16Array
from cad.errors import Reason, Refusal
from cad.policy import SeriesPolicy
from dicom_io.read.dates import image_date
from dicom_io.read.headers import acquisition_of, is_projection
from dicom_io.read.reading import LoadedSeries, load_datasets, load_series
from tests.made.series import a_series, a_uid, save_file, save_series
from tests.places import ROOT

POLICY = SeriesPolicy()
SLICES = 24


def chest(**different: object) -> list[Dataset]:
    size = {"slices": SLICES, "rows": 90, "columns": 120, "signed": True}
    return a_series(**{**size, **different})  # type: ignore[arg-type]


def codes(found: LoadedSeries) -> list[str]:
    return [caution.code for caution in found.cautions]


def again(series: list[Dataset], what: str, z_mm: float = 0.0, **values: Any) -> list[Dataset]:  # noqa: ANN401
    """The images once more with objects of their own, moved, and with these attributes."""
    second = copy.deepcopy(series)
    for n, ds in enumerate(second):
        ds.SOPInstanceUID = a_uid(what, n)
        x, y, z = (float(v) for v in ds.ImagePositionPatient)
        ds.ImagePositionPatient = [x, y, z + z_mm]
        ds.InstanceNumber = 500 + n
        set_all([ds], **values)
    return second


def set_all(series: list[Dataset], **values: object) -> list[Dataset]:
    for ds in series:
        for keyword, value in values.items():
            setattr(ds, keyword, value)
    return series


def brighter(series: list[Dataset], hu: int = 30) -> list[Dataset]:
    for ds in series:
        ds.PixelData = (np.frombuffer(ds.PixelData, "<i2") + np.int16(hu)).tobytes()
    return series


def refusal_of(read: Callable[[], object]) -> Refusal:
    with pytest.raises(Refusal) as refusal:
        read()
    return refusal.value


def hu_of(series: list[Dataset]) -> Int16Array:
    return load_datasets(series, POLICY).volume.hu


# Several acquisitions in one series


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"AcquisitionNumber": 1}, {"AcquisitionNumber": 2}),
        ({"AcquisitionTime": "101500"}, {"AcquisitionTime": "101540.25"}),
        ({"AcquisitionDateTime": "20260102101500"}, {"AcquisitionDateTime": "20260102101540"}),
    ],
    ids=["number", "time", "date and time"],
)
@pytest.mark.parametrize("offset_mm", [1.25, 0.6, 0.0])
def test_breath_holds_that_interleave_are_told_apart(
    first: dict[str, Any], second: dict[str, Any], offset_mm: float
) -> None:
    one = set_all(chest(), **first)
    other = brighter(again(one[:-4], "second", offset_mm, **second))
    found = load_datasets(one + other, POLICY)
    assert codes(found) == ["several-stacks-in-series"]
    assert np.array_equal(found.volume.hu, hu_of(chest()))


def test_table_positions_of_one_scan_stay_one_volume() -> None:
    series = chest()
    for n, ds in enumerate(series):
        ds.AcquisitionNumber = n // 4
    assert load_datasets(series, POLICY).series.slices == SLICES


def test_a_number_for_each_image_names_no_acquisition() -> None:
    series = chest()
    for n, ds in enumerate(series):
        ds.AcquisitionNumber = (7 * n) % SLICES
    assert load_datasets(series, POLICY).series.slices == SLICES


def test_breath_holds_that_nothing_tells_apart_are_refused_for_their_content() -> None:
    rng = np.random.default_rng(3)
    ramp = np.linspace(0, 60, 40)[:, None, None]
    pattern = rng.normal(0, 200, (2, 18, 24)).repeat(5, axis=1).repeat(5, axis=2)
    series = chest(slices=40, slice_spacing_mm=1.25)
    for n, ds in enumerate(series):
        hu = -500 + pattern[n % 2] + ramp[n] + rng.normal(0, 20, (90, 120))
        ds.PixelData = (hu + 1024).astype("<i2").tobytes()
    assert refusal_of(lambda: load_datasets(series, POLICY)).reason is Reason.AMBIGUOUS_ACQUISITIONS


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"TemporalPositionIdentifier": 1}, {"TemporalPositionIdentifier": 2}),
        ({"KVP": "80"}, {"KVP": "140"}),
        ({"ContentTime": "101500"}, {"ContentTime": "101630"}),
        ({"ImageComments": "pre"}, {"ImageComments": "post"}),
        ({}, {}),
    ],
    ids=["phase", "tube voltage", "content time", "comment", "order of the numbers"],
)
def test_phases_at_the_same_places_are_told_apart(first: dict[str, Any], second: dict[str, Any]) -> None:
    one = set_all(chest(), **first)
    found = load_datasets(one + brighter(again(one[2:], "second", **second)), POLICY)
    assert codes(found) == ["several-stacks-in-series"]
    assert np.array_equal(found.volume.hu, hu_of(chest()))


def test_images_at_one_place_that_nothing_tells_apart_are_refused() -> None:
    series = [ds for pair in zip(chest(), brighter(again(chest(), "second")), strict=True) for ds in pair]
    set_all(series, InstanceNumber=1)
    assert refusal_of(lambda: load_datasets(series, POLICY)).reason is Reason.DUPLICATE_SLICES


@pytest.mark.parametrize("values", [{}, {"SOPInstanceUID": a_uid("another")}], ids=["same object", "same pixels"])
def test_a_copy_of_an_image_is_left_out(values: dict[str, object], tmp_path: Path) -> None:
    series = chest()
    folder = save_series(series, tmp_path / "series")
    save_file(set_all([copy.deepcopy(series[3])], **values)[0], folder / "copy.dcm")
    found = load_series([folder], POLICY)
    assert codes(found) == ["odd-images-left-out"]
    assert np.array_equal(found.volume.hu, hu_of(series))


# Odd images


def scout(ds: Dataset) -> None:
    ds.ImageOrientationPatient, ds.ImagePositionPatient = [0, 1, 0, 0, 0, -1], [0, -170, 0]


def larger(ds: Dataset) -> None:
    ds.Rows, ds.Columns, ds.PixelData = 100, 130, bytes(2 * 100 * 130)


def dose_page(ds: Dataset) -> None:
    larger(ds)
    del ds.ImagePositionPatient, ds.ImageOrientationPatient


@pytest.mark.parametrize("change", [scout, larger, dose_page])
def test_an_odd_image_is_left_out(change: Callable[[Dataset], None]) -> None:
    series = chest()
    odd = again(series[:1], "odd")[0]
    change(odd)
    found = load_datasets([odd, *series], POLICY)
    assert codes(found) == ["odd-images-left-out"]
    assert np.array_equal(found.volume.hu, hu_of(series))


def test_an_image_of_the_stack_without_its_place_is_damage() -> None:
    series = chest()
    del series[5].ImagePositionPatient
    assert refusal_of(lambda: load_datasets(series, POLICY)).reason is Reason.MISSING_GEOMETRY


# Kernels, units, contrast, padding


@pytest.mark.parametrize("value", [None, "", "  "])
def test_an_unknown_kernel_is_not_another_one(value: str | None) -> None:
    series = chest()
    set_all(series[::3], ConvolutionKernel=value)
    assert load_datasets(series, POLICY).series.slices == SLICES


@pytest.mark.parametrize("unit", ["Hu", "HOUNSFIELD", "Hounsfield Unit", "hounsfield units", "US", None])
def test_hounsfield_units_are_known_however_spelt(unit: str | None) -> None:
    assert load_datasets(set_all(chest(), RescaleType=unit), POLICY).series.slices == SLICES


@pytest.mark.parametrize("unit", ["Z_EFF", "ED", "OD", "HU_MOD", "MGML"])
def test_other_units_are_refused(unit: str) -> None:
    series = set_all(chest(), RescaleType=unit)
    assert refusal_of(lambda: load_datasets(series, POLICY)).reason is Reason.INVALID_RESCALE


@pytest.mark.parametrize(
    ("agent", "contrast"),
    [
        *((text, False) for text in ("Non-contrast", "NO CONTRAST", "W/O CONTRAST", "N/A", "0", "0 ml", "none", "no")),
        *((text, False) for text in ("unenhanced", "NON CON", "Plain", "ohne KM", "平扫", "无", "without i.v.")),
        *((text, None) for text in ("-", "--", "?", "", " ", "unknown", "UNK", "xxx")),
        *((text, True) for text in ("Omnipaque 350", "NON-IONIC", "Nonionic 300", "Ultravist", "Iomeron 400 70ml")),
        *((text, True) for text in ("Novolux", "IV", "yes", "Natriumiodid", "0.5 ml/kg Iohexol", "碘海醇")),
    ],
)
def test_what_is_said_of_contrast_agent_is_understood(agent: str, contrast: bool | None) -> None:
    assert (
        acquisition_of(set_all(chest(slices=1, character_set="ISO_IR 192"), ContrastBolusAgent=agent)[0]).contrast
        is contrast
    )


@pytest.mark.parametrize("hu", [-3024, -2048, -8192, -31744])
def test_a_constant_around_the_scanners_field_is_padding(hu: int) -> None:
    series = chest()
    rows, columns = np.ogrid[:90, :120]
    outside = (rows - 45) ** 2 + (columns - 60) ** 2 > 44**2
    for ds in series:
        stored = np.frombuffer(ds.PixelData, "<i2").reshape(90, 120).copy()
        stored[outside] = hu + 1024
        ds.PixelData = stored.tobytes()
    found = load_datasets(series, POLICY).volume.hu
    assert np.all(found[:, outside] == POLICY.air_hu)
    assert np.array_equal(found[:, ~outside], hu_of(chest())[:, ~outside])


@pytest.mark.parametrize(
    "values",
    [
        {"RescaleSlope": "1e30"},
        {"RescaleSlope": "1e-30"},
        {"RescaleIntercept": "1e30"},
        {"PixelSpacing": ["1e-30", "1e-30"]},
        {"PixelSpacing": ["1e30", "1e30"]},
        {"ImagePositionPatient": ["1e30", "0", "0"]},
    ],
)
def test_values_out_of_any_physical_range_are_refused(values: dict[str, object]) -> None:
    series = set_all(chest(), **values)
    assert refusal_of(lambda: load_datasets(series, POLICY)).reason in (Reason.INVALID_RESCALE, Reason.INVALID_GEOMETRY)


@pytest.mark.parametrize("keyword", ["PatientName", "PatientID", "StudyDescription"])
@pytest.mark.filterwarnings("ignore")
def test_a_text_without_end_is_refused(keyword: str) -> None:
    series = set_all(chest(), **{keyword: "A" * 100_000})
    refusal = refusal_of(lambda: load_datasets(series, POLICY))
    assert refusal.facts["characters"] == 100_000


# Places


@pytest.mark.parametrize(("moved", "off_mm"), [((7,), 0.15), ((3, 11), -0.4), ((SLICES - 2,), 0.3)])
def test_slices_beside_their_place_are_moved_there(moved: tuple[int, ...], off_mm: float) -> None:
    series = chest()
    for n in moved:
        x, y, z = series[n].ImagePositionPatient
        series[n].ImagePositionPatient = [x, y, z + off_mm]
    found = load_datasets(series, POLICY)
    assert codes(found) == ["slices-interpolated"]
    assert float(np.abs(found.volume.hu - hu_of(chest())).mean()) < 1.0


def test_interpolation_gives_a_linear_change_exactly() -> None:
    series = chest()
    off_mm = 0.4
    for n, ds in enumerate(series):
        height = n * 2.5 + (off_mm if n == 9 else 0.0)
        ds.PixelData = np.full((90, 120), round(1024 - 900 + 8 * height), "<i2").tobytes()
    x, y, z = series[9].ImagePositionPatient
    series[9].ImagePositionPatient = [x, y, z + off_mm]
    found = load_datasets(series, POLICY).volume.hu[:, 0, 0]
    assert np.allclose(found, -900 + 20 * np.arange(SLICES), atol=1)


def test_a_slice_further_off_is_refused() -> None:
    series = chest()
    x, y, z = series[9].ImagePositionPatient
    series[9].ImagePositionPatient = [x, y, z + 0.8]
    assert refusal_of(lambda: load_datasets(series, POLICY)).reason is Reason.UNEVEN_SPACING


# Projections


@pytest.mark.parametrize(
    "values",
    [
        *(
            {"ImageType": ["DERIVED", "SECONDARY", "AXIAL", kind]}
            for kind in ("MIP", "MINIP", "MPR", "AVERAGE", "MAX_IP")
        ),
        *(
            {"ImageType": ["DERIVED", "SECONDARY", kind]}
            for kind in ("REFORMATTED", "PROJECTION IMAGE", "VRT", "SUBTRACTION")
        ),
        {"ImageType": ["DERIVED", "PRIMARY", "AXIAL", "CT_SOM5 MIP", "THICK MIP"]},
        {"VolumetricProperties": "DISTORTED"},
        {"VolumeBasedCalculationTechnique": "MAX_IP"},
        *(
            {"SeriesDescription": text}
            for text in ("MIP 8mm", "Lung MinIP ax", "Thorax_MIP", "CTA SUBTRACTED", "最大密度投影")
        ),
        {"ImageType": ["DERIVED", "SECONDARY"], "SeriesDescription": "MPR ax 3mm"},
        {"DerivationDescription": "maximum intensity projection (MIP)"},
    ],
    ids=str,
)
def test_a_projection_is_never_measured(values: dict[str, object]) -> None:
    series = set_all(chest(), **values)
    assert refusal_of(lambda: load_datasets(series, POLICY)).reason is Reason.PROJECTIONS_ONLY
    original = again(chest(slice_thickness_mm=5.0), "original", SeriesInstanceUID=a_uid("original"))
    assert load_datasets(series + original, POLICY).series.series_uid == a_uid("original")


def test_planes_that_a_scanner_reconstructs_are_read_when_there_are_no_others() -> None:
    planes = set_all(chest(), ImageType=["DERIVED", "PRIMARY", "MPR"])
    assert load_datasets(planes, POLICY).series.slices == SLICES
    original = again(chest(slice_thickness_mm=5.0), "original", SeriesInstanceUID=a_uid("original"))
    assert load_datasets(planes + original, POLICY).series.series_uid == a_uid("original")


@pytest.mark.parametrize(
    "text", ["Thin for MIP", "1.0 mm for MPR/MIP", "Lung 1.25 ax", "Hemipelvis Chest", "MIPA chest"]
)
def test_what_a_projection_is_made_from_is_an_original(text: str) -> None:
    assert not is_projection(set_all(chest(slices=1), SeriesDescription=text)[0])


# Identifiers


@pytest.mark.parametrize("keyword", ["SeriesInstanceUID", "FrameOfReferenceUID", "StudyInstanceUID"])
def test_an_identifier_for_each_image_is_rebuilt_for_files_and_refused_in_a_pacs(keyword: str, tmp_path: Path) -> None:
    series = chest()
    for n, ds in enumerate(series):
        setattr(ds, keyword, a_uid(keyword, n))
    found = load_series([save_series(series, tmp_path / "series")], POLICY)
    assert codes(found) == ["generated-identifiers"]
    assert np.array_equal(found.volume.hu, hu_of(chest()))
    assert refusal_of(lambda: load_datasets(series, POLICY)).reason in (Reason.BROKEN_IDENTIFIERS, Reason.MIXED_SERIES)


def test_two_kinds_of_image_with_an_identifier_each_are_two_series(tmp_path: Path) -> None:
    thick = again(chest(slice_thickness_mm=5.0), "thick", SeriesNumber=7)
    series = chest()
    for n, ds in enumerate(series + thick):
        ds.SeriesInstanceUID = a_uid("image", n)
    found = load_series([save_series(series + thick, tmp_path / "study")], POLICY)
    assert found.series.slices == SLICES
    assert found.series.slice_thickness_mm == 2.5


@pytest.mark.parametrize("keyword", ["SeriesInstanceUID", "FrameOfReferenceUID", "StudyInstanceUID"])
@pytest.mark.parametrize("known", [slice(0, 1), slice(0, None, 2)], ids=["in one image", "in every second"])
def test_an_identifier_that_some_images_have_is_that_of_all(keyword: str, known: slice, tmp_path: Path) -> None:
    series = chest()
    value = getattr(series[0], keyword)
    having = series[known]
    for ds in series:
        if all(ds is not other for other in having):
            delattr(ds, keyword)
    found = load_series([save_series(series, tmp_path / "series")], POLICY)
    assert codes(found) == ["generated-identifiers"]
    assert {str(getattr(ds, keyword)) for ds in found.evidence.datasets} == {str(value)}


@pytest.mark.parametrize("shared", [slice(None), slice(4, 8)], ids=["by all images", "by four"])
def test_a_name_that_images_share_is_replaced(shared: slice, tmp_path: Path) -> None:
    series = chest()
    set_all(series[shared], SOPInstanceUID=a_uid("same"))
    found = load_series([save_series(series, tmp_path / "series")], POLICY)
    assert codes(found) == ["generated-identifiers"]
    assert len(set(found.series.sop_uids)) == SLICES


# Files


def empty(path: Path) -> None:
    path.write_bytes(b"")


def of_another_series(path: Path) -> None:
    other = again(chest(slices=1), "other", SeriesInstanceUID=a_uid("other series"))[0]
    save_file(other, path)
    path.write_bytes(path.read_bytes()[:900])


def a_text(path: Path) -> None:
    path.write_text("nothing to see\n" * 40)


@pytest.mark.parametrize("make", [empty, of_another_series, a_text])
@pytest.mark.parametrize("place", ["beside/REPORT.dcm", "series/README.dcm"])
def test_a_damaged_file_elsewhere_does_not_stop_the_series(
    make: Callable[[Path], None], place: str, tmp_path: Path
) -> None:
    save_series(chest(), tmp_path / "series")
    path = tmp_path / place
    path.parent.mkdir(exist_ok=True)
    make(path)
    found = load_series([tmp_path], POLICY)
    assert codes(found) == ["unusable-files-left-out"]
    assert np.array_equal(found.volume.hu, hu_of(chest()))


@pytest.mark.parametrize("keep", [0, 100, 300, 700])
def test_damage_in_the_series_is_refused(keep: int, tmp_path: Path) -> None:
    folder = save_series(chest(), tmp_path / "series")
    last = sorted(folder.iterdir())[-1]
    last.write_bytes(last.read_bytes()[:keep])
    refusal = refusal_of(lambda: load_series([folder], POLICY))
    assert refusal.reason in (Reason.TRUNCATED_FILE, Reason.CORRUPT_FILE)
    assert f"1 of {SLICES} files" in refusal.text


def test_damaged_pixels_are_refused_with_their_place(tmp_path: Path) -> None:
    series = chest()
    folder = save_series(series, tmp_path / "series")
    path = sorted(folder.iterdir())[6]
    path.write_bytes(path.read_bytes()[:-2000])
    refusal = refusal_of(lambda: load_series([folder], POLICY))
    assert refusal.reason is Reason.TRUNCATED_FILE
    assert refusal.facts["image"] == 7
    assert refusal.facts["at_mm"] == (round(float(series[6].ImagePositionPatient[2]), 2),)


@pytest.mark.parametrize("tail", [b"\r\n--boundary--\r\n", b"\n", b"\0" * 7, b"\xfc\xff\xfc\xffOB\0\0\4\0\0\0abcd"])
@pytest.mark.parametrize("is_compressed", [False, True])
def test_bytes_after_the_pixels_do_no_harm(tail: bytes, is_compressed: bool, tmp_path: Path) -> None:
    for n, ds in enumerate(chest()):
        path = tmp_path / f"ct{n:03}.dcm"
        save_file(ds, path, **({"transfer_syntax": JPEGLSLossless} if is_compressed else {}))
        path.write_bytes(path.read_bytes() + tail)
    assert np.array_equal(load_series([tmp_path], POLICY).volume.hu, hu_of(chest()))


def test_links_are_followed_once(tmp_path: Path) -> None:
    store = save_series(chest(), tmp_path / "store")
    given = tmp_path / "given"
    given.mkdir()
    (given / "series").symlink_to(store)
    (store / "loop").symlink_to(given)
    assert load_series([given], POLICY).series.slices == SLICES
    files = tmp_path / "files"
    files.mkdir()
    for path in sorted(store.glob("*.dcm")):
        (files / path.name).symlink_to(path)
    assert load_series([files], POLICY).series.slices == SLICES


def test_archives_in_archives_are_opened_and_endless_ones_refused(tmp_path: Path) -> None:
    folder = save_series(chest(), tmp_path / "series")
    inner = Path(shutil.make_archive(str(tmp_path / "level1"), "zip", folder))
    for level in range(2, 6):
        outer = tmp_path / f"level{level}.zip"
        with zipfile.ZipFile(outer, "w") as archive:
            archive.write(inner, "inner.zip")
        inner = outer
    assert load_series([tmp_path / "level3.zip"], POLICY).series.slices == SLICES
    assert refusal_of(lambda: load_series([tmp_path / "level5.zip"], POLICY)).reason is Reason.DECOMPRESSION_BOMB


def test_the_index_of_a_medium_stands_for_the_medium(tmp_path: Path) -> None:
    save_series(chest(), tmp_path / "IMAGES")
    index = tmp_path / "DICOMDIR"
    index.write_bytes(bytes(128) + b"DICM" + b"\x02\0\x02\0UI\x14\0" + MediaStorageDirectoryStorage.encode() + b"\0")
    assert load_series([index], POLICY).series.slices == SLICES


READ_AS_NOBODY = """
import sys
from pathlib import Path
from cad.errors import Refusal
from cad.policy import SeriesPolicy
from dicom_io.read.reading import load_series
try:
    found = load_series([Path(sys.argv[1])], SeriesPolicy())
    print(found.series.slices, *[caution.code for caution in found.cautions])
except Refusal as refusal:
    print(refusal.reason.value, refusal.text)
"""


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="only root can become another user")
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("series/ct0003.dcm", f"unreadable-files 1 of {SLICES} files"),
        ("elsewhere.zip", f"{SLICES} unusable-files-left-out"),
    ],
)
def test_a_file_that_may_not_be_read_is_counted_and_not_named(name: str, said: str, tmp_path: Path) -> None:
    save_series(chest(), tmp_path / "series")
    path = tmp_path / name
    if not path.exists():
        path.write_bytes(b"PK\x03\x04")
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    path.chmod(0)
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-c", READ_AS_NOBODY]
    done = subprocess.run([*nobody, str(tmp_path)], capture_output=True, text=True, check=True, cwd=ROOT, timeout=300)
    assert done.stdout.startswith(said)
    assert path.name not in done.stdout + done.stderr


# Objects of several frames, dates


def test_a_ct_image_of_several_frames_is_named() -> None:
    series = set_all(chest()[:1], NumberOfFrames=2)
    series[0].PixelData *= 2
    assert refusal_of(lambda: load_datasets(series, POLICY)).reason is Reason.MULTI_FRAME_CT_IMAGE


@pytest.mark.parametrize(("taken", "day"), [("19000101", None), ("18580101", None), ("20260102", (2026, 1, 2))])
def test_a_date_before_the_first_ct_is_a_placeholder(taken: str, day: tuple[int, int, int] | None) -> None:
    header = Dataset()
    header.AcquisitionDate = taken
    found = image_date(header)
    assert (None if found is None else (found.day.year, found.day.month, found.day.day)) == day
