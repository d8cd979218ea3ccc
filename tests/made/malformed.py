"""Inputs that must be refused: what is wrong, how to write it into a folder, and the reason that must come out."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import (
    MPEG4HP41,
    UID,
    DeflatedExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from cad.errors import Reason
from tests.made.series import a_series, a_uid, an_enhanced_series, save_file, save_series

_CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
_SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
_MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"
_COMPREHENSIVE_SR = "1.2.840.10008.5.1.4.1.1.88.33"
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_FIRST_FILE = "ct0000.dcm"
_MIDDLE_FILE = "ct0008.dcm"


@dataclass(frozen=True, slots=True)
class MalformedInput:
    """`write` puts the input into an empty folder and returns what to analyse; `reason` is why that is refused."""

    name: str
    write: Callable[[Path], Path]
    reason: Reason


def _series(**different: object) -> list[Dataset]:
    """A fit series unless something is different: 18 slices of 3 mm, small because none comes to the lungs."""
    small: dict[str, Any] = {
        "slices": 18,
        "rows": 64,
        "columns": 64,
        "slice_spacing_mm": 3.0,
        "slice_thickness_mm": 3.0,
    }
    return a_series(**{**small, **different})


def _saved(make: Callable[[], Sequence[Dataset]], syntax: UID | None = None) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        return save_series(make(), folder) if syntax is None else save_series(make(), folder, transfer_syntax=syntax)

    return write


def _with(change: Callable[[Dataset], None], which: Iterable[int] | None = None) -> Callable[[Path], Path]:
    """A series of which the slices `which` (default: all) are changed."""

    def write(folder: Path) -> Path:
        datasets = _series()
        for n in which if which is not None else range(len(datasets)):
            change(datasets[n])
        return save_series(datasets, folder)

    return write


def _setting(which: Iterable[int] | None = None, **values: object) -> Callable[[Path], Path]:
    def change(ds: Dataset) -> None:
        for keyword, value in values.items():
            setattr(ds, keyword, value)

    return _with(change, which)


def _without(keyword: str) -> Callable[[Path], Path]:
    return _with(lambda ds: ds.__delattr__(keyword))


def _damaged(damage: Callable[[bytes], bytes], syntax: UID | None = None) -> Callable[[Path], Path]:
    """A series of which the bytes of one file are damaged."""

    def write(folder: Path) -> Path:
        _saved(_series, syntax)(folder)
        path = folder / _MIDDLE_FILE
        path.write_bytes(damage(path.read_bytes()))
        return folder

    return write


def _garbled_pixels(content: bytes) -> bytes:
    """Noise in place of the codestream, from behind its frame header on."""
    start = content.rfind(b"\xfe\xff\x00\xe0") + 8 + 40
    return content[:start] + _noise(len(content) - start - 8) + content[-8:]


def _replaced(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def replace(content: bytes) -> bytes:
        if old not in content or len(old) != len(new):
            raise ValueError("the bytes to replace are absent or of another length")
        return content.replace(old, new, 1)

    return replace


def _files(**contents: bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            (folder / name.replace("_", ".")).write_bytes(content)
        return folder

    return write


def _zipped(folder: Path) -> Path:
    save_series(_series(), folder / "slices")
    archive_path = folder / "study.zip"
    with zipfile.ZipFile(archive_path, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted((folder / "slices").iterdir()):
            archive.write(path, path.name)
    return archive_path


def _cut_archive(folder: Path) -> Path:
    path = _zipped(folder)
    path.write_bytes(path.read_bytes()[:-200])
    return path


def _encrypted_archive(folder: Path) -> Path:
    path = _zipped(folder)
    content = bytearray(path.read_bytes())
    at = content.find(b"PK\x01\x02")
    while at >= 0:
        content[at + 8] |= 1
        at = content.find(b"PK\x01\x02", at + 4)
    path.write_bytes(bytes(content))
    return path


def _archive_with_damaged_member(folder: Path) -> Path:
    path = _zipped(folder)
    content = bytearray(path.read_bytes())
    content[2000:2100] = bytes(100)
    path.write_bytes(bytes(content))
    return path


def _zip_bomb(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "bomb.zip"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("0.dcm", "w") as member,
    ):
        for _ in range(70):
            member.write(bytes(1_000_000))
    return path


def _sparse_file(folder: Path) -> Path:
    """A file that claims five gigabytes and takes none."""
    folder.mkdir(parents=True, exist_ok=True)
    path = save_file(_series()[0], folder / _FIRST_FILE)
    with path.open("r+b") as file:
        file.truncate(5_000_000_000)
    return folder


def _large_member(folder: Path) -> Path:
    """A zip whose member is larger than any image, at a ratio that noise has."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "large.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("0.dcm", _noise(1000))
    content = bytearray(path.read_bytes())
    directory = content.index(b"PK\x01\x02")
    for at in (directory + 20, directory + 24):  # packed and unpacked size in the directory
        content[at : at + 4] = (1_200_000_000).to_bytes(4, "little")
    path.write_bytes(bytes(content))
    return path


def _deflated_bomb(folder: Path) -> Path:
    """One small file whose data set inflates to seventy megabytes."""
    folder.mkdir(parents=True, exist_ok=True)
    path = save_file(_series()[0], folder / _FIRST_FILE, transfer_syntax=DeflatedExplicitVRLittleEndian)
    content = path.read_bytes()
    meta_end = 144 + int.from_bytes(content[140:144], "little")
    data_set = zlib.decompress(content[meta_end:], -zlib.MAX_WBITS)
    packer = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    with path.open("wb") as file:
        file.write(content[:meta_end] + packer.compress(data_set))
        for _ in range(70):
            file.write(packer.compress(bytes(1_000_000)))
        file.write(packer.flush())
    return folder


def _unsupported_syntax(folder: Path) -> Path:
    save_series(_series(), folder, transfer_syntax=JPEGLSLossless)
    for path in sorted(folder.iterdir()):
        ds = dcmread(path)
        ds.file_meta.TransferSyntaxUID = MPEG4HP41
        ds.save_as(path, enforce_file_format=True)
    return folder


def _other_size_in_codestream(folder: Path) -> Path:
    save_series(_series(), folder, transfer_syntax=JPEGLSLossless)
    ds = dcmread(folder / _MIDDLE_FILE)
    smaller = a_series(slices=1, rows=12, columns=16)
    other = dcmread(save_file(smaller[0], folder / _MIDDLE_FILE, transfer_syntax=JPEGLSLossless))
    ds.PixelData = other.PixelData
    ds.save_as(folder / _MIDDLE_FILE, enforce_file_format=True)
    return folder


def _endless_sequences(folder: Path) -> Path:
    """A header whose private sequence contains itself ten thousand times."""
    path = save_series(_series(), folder) / _MIDDLE_FILE
    item = struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF)
    nested = struct.pack("<HH2sHL", 0x0009, 0x1001, b"SQ", 0, 0xFFFFFFFF) + item
    content = path.read_bytes()
    meta_end = 144 + int.from_bytes(content[140:144], "little")
    path.write_bytes(content[:meta_end] + nested * 10_000)
    return folder


def _duplicated(folder: Path) -> Path:
    datasets = _series()
    datasets[4].ImagePositionPatient = datasets[5].ImagePositionPatient
    return save_series(datasets[:4] + datasets[4:], folder)


def _moved(index: int, by: tuple[float, float, float]) -> Callable[[Path], Path]:
    def move(ds: Dataset) -> None:
        ds.ImagePositionPatient = [float(p) + b for p, b in zip(ds.ImagePositionPatient, by, strict=True)]

    return _with(move, [index])


def _two_increments() -> list[Dataset]:
    low = _series(slices=12, slice_spacing_mm=3.0, centre=(0.0, 0.0, 0.0))
    high = _series(slices=12, slice_spacing_mm=2.0, centre=(0.0, 0.0, 16.5 + 2.0 + 11.0))
    return low + _renumbered(high)


def _renumbered(datasets: list[Dataset]) -> list[Dataset]:
    for n, ds in enumerate(datasets):
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = UID(a_uid("renumbered", n, ds.SOPInstanceUID))
    return datasets


def _two_patients() -> list[Dataset]:
    return _series() + _series(patient_id="PHANTOM-2", study="other")


def _two_names() -> list[Dataset]:
    datasets = _series()
    for ds in datasets[9:]:
        ds.PatientName = "Other^Person"
    return datasets


def _two_sizes() -> list[Dataset]:
    datasets = _series()
    datasets[3:4] = _series(rows=20)[3:4]
    return datasets


def _enhanced(change: Callable[[Dataset], None]) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        ds = an_enhanced_series(_series())
        change(ds)
        return save_series([ds], folder)

    return write


def _two_enhanced() -> list[Dataset]:
    datasets = _series()
    return [an_enhanced_series(datasets[:9]), an_enhanced_series(datasets[9:])]


def _as_class(sop_class: str, modality: str) -> Callable[[Path], Path]:
    def change(ds: Dataset) -> None:
        ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = UID(sop_class)
        ds.Modality = modality

    return _with(change)


def _report_only() -> list[Dataset]:
    ds = _series()[0]
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = UID(_COMPREHENSIVE_SR)
    ds.Modality = "SR"
    for keyword in ("Rows", "Columns", "PixelData"):
        del ds[keyword]
    return [ds]


def _eight_bit(ds: Dataset) -> None:
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 8, 8, 7
    ds.PixelData = bytes(ds.Rows * ds.Columns)
    ds["PixelData"].VR = "OB"


def _in_colour(ds: Dataset) -> None:
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 3, "RGB", 0
    _eight_bit(ds)
    ds.PixelData = bytes(ds.Rows * ds.Columns * 3)


def _longer(ds: Dataset) -> None:
    ds.PixelData = ds.PixelData + bytes(2 * ds.Columns)


def _shorter(ds: Dataset) -> None:
    ds.PixelData = ds.PixelData[: -2 * ds.Columns]


def _half_the_groups(ds: Dataset) -> None:
    del ds.PerFrameFunctionalGroupsSequence[9:]


def _half_the_pixels(ds: Dataset) -> None:
    ds.PixelData = ds.PixelData[: len(ds.PixelData) // 2]


def _noise(size: int) -> bytes:
    return np.random.default_rng(3).integers(1, 255, size, dtype=np.uint8).tobytes()


_JPEG_2000_CUT = _replaced(b"\xff\x4f\xff\x51", bytes(4))
_JPEG_LS_CUT = _replaced(b"\xff\xd8\xff\xf7", bytes(4))
_NO_AXES = [1, 0, 0, 1, 0, 0]
_NOWHERE = (0.0, 0.0, 0.0)
_TILT = (0.0, 3.0 * np.tan(np.radians(24)), 3.0)

MALFORMED_INPUTS: tuple[MalformedInput, ...] = (
    MalformedInput("an empty folder", _files(), Reason.EMPTY_INPUT),
    MalformedInput("a folder of texts", _files(notes_txt=b"nothing to see", x_csv=b"1,2,3\n"), Reason.NOT_DICOM),
    MalformedInput("noise with a DICOM name", _files(a_dcm=_noise(5000)), Reason.CORRUPT_FILE),
    MalformedInput("a DICOM prefix and nothing more", _files(a_dcm=bytes(128) + b"DICM"), Reason.TRUNCATED_FILE),
    MalformedInput("a DICOM prefix and noise", _files(a_dcm=bytes(128) + b"DICM" + _noise(900)), Reason.CORRUPT_FILE),
    MalformedInput("a series with an empty file", _damaged(lambda _: b""), Reason.TRUNCATED_FILE),
    MalformedInput("an archive cut short", _cut_archive, Reason.UNREADABLE_ARCHIVE),
    MalformedInput("an encrypted archive", _encrypted_archive, Reason.UNREADABLE_ARCHIVE),
    MalformedInput("an archive with a damaged member", _archive_with_damaged_member, Reason.UNREADABLE_ARCHIVE),
    MalformedInput("a zip bomb", _zip_bomb, Reason.DECOMPRESSION_BOMB),
    MalformedInput("a sparse file of five gigabytes", _sparse_file, Reason.CORRUPT_FILE),
    MalformedInput("a member of the archive larger than any image", _large_member, Reason.DECOMPRESSION_BOMB),
    MalformedInput(
        "zeros without end after a header",
        _damaged(lambda b: b[: b.index(b"\x28\x00\x10\x00US")] + bytes(5_000_000)),
        Reason.CORRUPT_FILE,
    ),
    MalformedInput("a deflated DICOM bomb", _deflated_bomb, Reason.DECOMPRESSION_BOMB),
    MalformedInput("images of 65535 x 65535", _setting(Rows=65535, Columns=65535), Reason.DECOMPRESSION_BOMB),
    MalformedInput("a file cut within its pixels", _damaged(lambda b: b[:-700]), Reason.TRUNCATED_FILE),
    MalformedInput("a file cut within its header", _damaged(lambda b: b[:700]), Reason.TRUNCATED_FILE),
    MalformedInput("a JPEG-LS file cut short", _damaged(lambda b: b[:-60], JPEGLSLossless), Reason.TRUNCATED_FILE),
    MalformedInput("an RLE file cut short", _damaged(lambda b: b[:-60], RLELossless), Reason.TRUNCATED_FILE),
    MalformedInput(
        "a deflated file cut short", _damaged(lambda b: b[:-60], DeflatedExplicitVRLittleEndian), Reason.TRUNCATED_FILE
    ),
    MalformedInput("JPEG-LS without its start", _damaged(_JPEG_LS_CUT, JPEGLSLossless), Reason.CORRUPT_FILE),
    MalformedInput("garbled RLE", _damaged(_garbled_pixels, RLELossless), Reason.CORRUPT_FILE),
    MalformedInput("JPEG 2000 without its start", _damaged(_JPEG_2000_CUT, JPEG2000Lossless), Reason.CORRUPT_FILE),
    MalformedInput("sequences nested ten thousand deep", _endless_sequences, Reason.CORRUPT_FILE),
    MalformedInput("pixel data longer than the image", _with(_longer, [3]), Reason.PIXEL_SIZE_MISMATCH),
    MalformedInput("pixel data shorter than the image", _with(_shorter, [3]), Reason.TRUNCATED_FILE),
    MalformedInput("a codestream of another size", _other_size_in_codestream, Reason.PIXEL_SIZE_MISMATCH),
    MalformedInput("MR images", _as_class(_MR_IMAGE, "MR"), Reason.NOT_CT),
    MalformedInput("a structured report", _saved(_report_only), Reason.NOT_CT),
    MalformedInput("localizers", _setting(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]), Reason.LOCALIZER_ONLY),
    MalformedInput("secondary captures", _as_class(_SECONDARY_CAPTURE, "CT"), Reason.SECONDARY_CAPTURE_ONLY),
    MalformedInput("no position", _without("ImagePositionPatient"), Reason.MISSING_GEOMETRY),
    MalformedInput("no orientation", _without("ImageOrientationPatient"), Reason.MISSING_GEOMETRY),
    MalformedInput("no pixel spacing", _without("PixelSpacing"), Reason.MISSING_GEOMETRY),
    MalformedInput("no rows", _without("Rows"), Reason.MISSING_GEOMETRY),
    MalformedInput("a pixel spacing of zero", _setting(PixelSpacing=[0.0, 2.0]), Reason.INVALID_GEOMETRY),
    MalformedInput("cosines that are none", _setting(ImageOrientationPatient=_NO_AXES), Reason.INVALID_GEOMETRY),
    MalformedInput("a position of two values", _setting(ImagePositionPatient=[1.0, 2.0]), Reason.INVALID_GEOMETRY),
    MalformedInput("a position that is no number", _damaged(_replaced(b"-63.0", b"x1.0y")), Reason.INVALID_GEOMETRY),
    MalformedInput("a position that is not finite", _damaged(_replaced(b"-63.0", b"1e999")), Reason.INVALID_GEOMETRY),
    MalformedInput("no rescale", _without("RescaleIntercept"), Reason.MISSING_RESCALE),
    MalformedInput("a rescale slope of zero", _setting(RescaleSlope=0), Reason.INVALID_RESCALE),
    MalformedInput("values that are no HU", _setting(RescaleType="Z_EFF"), Reason.INVALID_RESCALE),
    MalformedInput("no pixel data", _without("PixelData"), Reason.NO_PIXEL_DATA),
    MalformedInput("colour images", _with(_in_colour), Reason.UNSUPPORTED_PIXELS),
    MalformedInput("8-bit images", _with(_eight_bit), Reason.UNSUPPORTED_PIXELS),
    MalformedInput("a palette", _setting(PhotometricInterpretation="PALETTE COLOR"), Reason.UNSUPPORTED_PIXELS),
    MalformedInput("bits in an odd place", _setting(BitsStored=12, HighBit=15), Reason.UNSUPPORTED_PIXELS),
    MalformedInput("a video", _unsupported_syntax, Reason.UNSUPPORTED_TRANSFER_SYNTAX),
    MalformedInput("five slices", _saved(lambda: _series(slices=5)), Reason.TOO_FEW_SLICES),
    MalformedInput("one slice", _saved(lambda: _series(slices=1)), Reason.TOO_FEW_SLICES),
    MalformedInput("a stack 17 mm high", _saved(lambda: _series(slice_spacing_mm=1.0)), Reason.TOO_FEW_SLICES),
    MalformedInput("a missing slice", _saved(lambda: _series(missing={7})), Reason.MISSING_SLICES),
    MalformedInput("three missing slices", _saved(lambda: _series(missing={4, 5, 11})), Reason.MISSING_SLICES),
    MalformedInput("two images at one position", _duplicated, Reason.DUPLICATE_SLICES),
    MalformedInput("all images at one position", _saved(lambda: _series(step=_NOWHERE)), Reason.DUPLICATE_SLICES),
    MalformedInput("a slice out of its place", _moved(6, (0.0, 0.0, 0.8)), Reason.UNEVEN_SPACING),
    MalformedInput("a slice moved sideways", _moved(6, (4.0, 0.0, 0.0)), Reason.UNEVEN_SPACING),
    MalformedInput("two slice increments", _saved(_two_increments), Reason.UNEVEN_SPACING),
    MalformedInput("a tilted stack", _saved(lambda: _series(step=_TILT)), Reason.GANTRY_TILT),
    MalformedInput("a tilt in the header", _setting(GantryDetectorTilt=12.5), Reason.GANTRY_TILT),
    MalformedInput("two studies in one series", _setting([2], StudyInstanceUID=a_uid("other")), Reason.MIXED_SERIES),
    MalformedInput("two frames of reference", _setting([2], FrameOfReferenceUID=a_uid("other")), Reason.MIXED_SERIES),
    MalformedInput("projections alone", _setting(ImageType=["DERIVED", "SECONDARY", "MIP"]), Reason.PROJECTIONS_ONLY),
    MalformedInput("frames in a CT image", _setting([0], NumberOfFrames=3), Reason.MULTI_FRAME_CT_IMAGE),
    MalformedInput("a part of a concatenation", _setting(InConcatenationTotalNumber=2), Reason.MISSING_SLICES),
    MalformedInput("a slope without bounds", _setting(RescaleSlope="1e30"), Reason.INVALID_RESCALE),
    MalformedInput("pixels without extent", _setting(PixelSpacing=["1e-30", "1e-30"]), Reason.INVALID_GEOMETRY),
    MalformedInput("two multi-frame objects", _saved(_two_enhanced), Reason.MIXED_SERIES),
    MalformedInput("two patients", _saved(_two_patients), Reason.MIXED_PATIENTS),
    MalformedInput("two names in one series", _saved(_two_names), Reason.MIXED_PATIENTS),
    MalformedInput("two image sizes", _saved(_two_sizes), Reason.MIXED_GEOMETRY),
    MalformedInput("two pixel spacings", _setting([5], PixelSpacing=[1.9, 1.9]), Reason.MIXED_GEOMETRY),
    MalformedInput("coronal images", _saved(lambda: _series(orientation=_CORONAL)), Reason.NOT_AXIAL),
    MalformedInput("slices of 7 mm", _saved(lambda: _series(slice_thickness_mm=7.0)), Reason.SLICES_TOO_THICK),
    MalformedInput("a slice every 10 mm", _saved(lambda: _series(slice_spacing_mm=10.0)), Reason.SLICES_TOO_THICK),
    MalformedInput("pixels of 3 mm", _setting(PixelSpacing=[3.0, 3.0]), Reason.PIXELS_TOO_COARSE),
    MalformedInput("values far above HU", _setting(RescaleIntercept=5000), Reason.HU_OUT_OF_RANGE),
    MalformedInput("values far below HU", _setting(RescaleIntercept=-6000), Reason.HU_OUT_OF_RANGE),
    MalformedInput("frames without their groups", _enhanced(_half_the_groups), Reason.CORRUPT_FILE),
    MalformedInput("half of a multi-frame object", _enhanced(_half_the_pixels), Reason.TRUNCATED_FILE),
)
