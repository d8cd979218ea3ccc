"""Builders of small DICOM CT series with two lungs; each test names only what matters to it.

The phantom is defined in patient coordinates (LPS mm), so that any orientation of the images shows the same chest:
a soft-tissue body, a larger right lung (x < 0), a smaller left lung, a trachea, a spine behind, and spheres on request.
With the default 40 slices of 2.5 mm the lungs hold about 1.7 litres.
"""

from __future__ import annotations

import copy
import hashlib
import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2.1"
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
CHINESE_NAME = "Zhang^San=张^三"

_AIR_HU, _LUNG_HU, _SOFT_TISSUE_HU, _BONE_HU = -1000, -860, 40, 400

Vector = tuple[float, float, float]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sphere:
    """A nodule: centre in LPS mm, diameter in mm, and its density."""

    centre: Vector
    diameter_mm: float
    hu: float = 40.0


def a_uid(*words: object) -> str:
    """A UID that depends on the words alone."""
    digest = hashlib.sha256("/".join(str(w) for w in words).encode()).digest()[:16]
    return f"2.25.{uuid.UUID(bytes=digest, version=4).int}"


def chest_hu(lps: FloatArray, spheres: Sequence[Sphere] = ()) -> npt.NDArray[np.int16]:
    """The phantom's HU at positions [..., 3] in LPS mm."""
    x, y, z = lps[..., 0], lps[..., 1], lps[..., 2]

    def in_ellipse(centre: tuple[float, float], half_axes: tuple[float, float]) -> npt.NDArray[np.bool_]:
        inside: npt.NDArray[np.bool_] = ((x - centre[0]) / half_axes[0]) ** 2 + (
            (y - centre[1]) / half_axes[1]
        ) ** 2 <= 1
        return inside

    hu = np.full(x.shape, _AIR_HU, dtype=np.int16)
    hu[in_ellipse((0, 0), (120, 86))] = _SOFT_TISSUE_HU
    hu[in_ellipse((-60, -4), (46, 62))] = _LUNG_HU
    hu[in_ellipse((62, -2), (42, 58))] = _LUNG_HU
    hu[in_ellipse((0, -20), (8, 8)) & (z > 0)] = _AIR_HU
    hu[in_ellipse((0, 55), (14, 14))] = _BONE_HU
    for sphere in spheres:
        hu[np.linalg.norm(lps - np.array(sphere.centre), axis=-1) <= sphere.diameter_mm / 2] = sphere.hu
    return hu


def a_series(
    *,
    slices: int = 40,
    missing: Collection[int] = (),
    rows: int = 96,
    columns: int = 128,
    row_spacing_mm: float = 2.0,
    column_spacing_mm: float = 2.0,
    slice_spacing_mm: float = 2.5,
    slice_thickness_mm: float | None = 2.5,
    orientation: Sequence[float] = AXIAL,
    centre: Vector = (0.0, 0.0, 0.0),
    step: Vector | None = None,
    spheres: Sequence[Sphere] = (),
    signed: bool = False,
    bits_stored: int = 16,
    slope: float | Callable[[int], float] = 1.0,
    intercept: float | Callable[[int], float] = -1024.0,
    patient_id: str = "PHANTOM-1",
    patient_name: str = "Phantom^Chest",
    character_set: str | list[str] | None = "ISO_IR 192",
    kernel: str | None = "STANDARD",
    kvp: float | None = 120.0,
    contrast_agent: str | None = None,
    study: str = "study",
    series: str = "series",
    image_type: Sequence[str] = ("ORIGINAL", "PRIMARY", "AXIAL"),
) -> list[Dataset]:
    """A CT series of the phantom, feet to head, without the slices whose index is in `missing`.

    `orientation` are the direction cosines of row and column, `centre` is the centre of the stack in LPS mm, and
    `step` the way from slice to slice (default: along the normal, towards the head). `slope` and `intercept` may
    depend on the slice.
    """
    row, column = np.array(orientation[:3]), np.array(orientation[3:])
    normal = np.cross(row, column)
    along = np.array(step) if step is not None else normal * slice_spacing_mm * (1 if normal[2] >= 0 else -1)
    in_plane = row * column_spacing_mm * (columns - 1) / 2 + column * row_spacing_mm * (rows - 1) / 2
    built: list[Dataset] = []
    for index in (n for n in range(slices) if n not in missing):
        position = np.array(centre) + along * (index - (slices - 1) / 2) - in_plane
        ds = _a_header(study, series, index)
        ds.SpecificCharacterSet = character_set
        ds.PatientName, ds.PatientID = patient_name, patient_id
        ds.ImageType = list(image_type)
        ds.Rows, ds.Columns = rows, columns
        ds.PixelSpacing = [row_spacing_mm, column_spacing_mm]
        ds.ImageOrientationPatient = [float(v) for v in orientation]
        ds.ImagePositionPatient = [round(float(v), 6) for v in position]
        ds.SliceThickness = slice_thickness_mm
        ds.ConvolutionKernel, ds.KVP = kernel, kvp
        if contrast_agent is not None:
            ds.ContrastBolusAgent = contrast_agent
        ds.RescaleSlope = slope(index) if callable(slope) else slope
        ds.RescaleIntercept = intercept(index) if callable(intercept) else intercept
        hu = chest_hu(pixel_positions(ds), spheres)
        set_stored_values(ds, stored_values(ds, hu), signed=signed, bits_stored=bits_stored)
        built.append(ds)
    return built


def pixel_positions(ds: Dataset) -> FloatArray:
    """The LPS position of every pixel [row, column, 3] of an image, by the equation of PS3.3 C.7.6.2.1.1."""
    row, column = np.array(ds.ImageOrientationPatient[:3]), np.array(ds.ImageOrientationPatient[3:])
    dy, dx = (float(v) for v in ds.PixelSpacing)
    r, c = np.meshgrid(np.arange(ds.Rows), np.arange(ds.Columns), indexing="ij")
    origin = np.array(ds.ImagePositionPatient, dtype=np.float64)
    positions: FloatArray = origin + c[..., None] * row * dx + r[..., None] * column * dy
    return positions


def stored_values(ds: Dataset, hu: npt.NDArray[np.int16]) -> npt.NDArray[np.int64]:
    """The stored values that the rescale of `ds` turns into `hu`."""
    stored: npt.NDArray[np.int64] = np.rint((hu - float(ds.RescaleIntercept)) / float(ds.RescaleSlope)).astype(np.int64)
    return stored


def set_stored_values(
    ds: Dataset, values: npt.NDArray[np.int64], *, signed: bool = False, bits_stored: int = 16
) -> None:
    """Gives an image these stored values [row, column] as uncompressed pixel data."""
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, bits_stored, bits_stored - 1
    ds.PixelRepresentation = 1 if signed else 0
    lowest, highest = (-(2 ** (bits_stored - 1)), 2 ** (bits_stored - 1) - 1) if signed else (0, 2**bits_stored - 1)
    clipped = np.clip(values, lowest, highest)
    ds.PixelData = clipped.astype("<i2" if signed else "<u2").tobytes()
    ds["PixelData"].VR = "OW"


def an_enhanced_series(datasets: Sequence[Dataset], order: Sequence[int] | None = None) -> Dataset:
    """The same images as one Enhanced CT object, its frames in `order` of the given ones."""
    frames = [datasets[n] for n in (order if order is not None else range(len(datasets)))]
    ds = _copy(frames[0])
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = UID(ENHANCED_CT_IMAGE)
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = UID(a_uid("enhanced", ds.SOPInstanceUID))
    for keyword in (
        "ImagePositionPatient",
        "ImageOrientationPatient",
        "PixelSpacing",
        "SliceThickness",
        "RescaleSlope",
        "RescaleIntercept",
        "RescaleType",
        "KVP",
        "ConvolutionKernel",
    ):
        if keyword in ds:
            del ds[keyword]
    ds.NumberOfFrames = len(frames)
    ds.PixelData = b"".join(frame.PixelData for frame in frames)
    shared = Dataset()
    shared.PixelMeasuresSequence = _item(frames[0], "PixelSpacing", "SliceThickness")
    shared.PlaneOrientationSequence = _item(frames[0], "ImageOrientationPatient")
    shared.CTReconstructionSequence = _item(frames[0], "ConvolutionKernel")
    ds.SharedFunctionalGroupsSequence = DicomSequence([shared])
    ds.PerFrameFunctionalGroupsSequence = DicomSequence([_frame_groups(frame) for frame in frames])
    return ds


def save_series(
    datasets: Sequence[Dataset], folder: Path, *, transfer_syntax: UID = ExplicitVRLittleEndian, name: str = "ct"
) -> Path:
    """Writes one file for each object and returns the folder. Compresses where the syntax asks for it."""
    folder.mkdir(parents=True, exist_ok=True)
    for n, ds in enumerate(datasets):
        save_file(ds, folder / f"{name}{n:04d}.dcm", transfer_syntax=transfer_syntax)
    return folder


def save_file(ds: Dataset, path: Path, *, transfer_syntax: UID = ExplicitVRLittleEndian) -> Path:
    """Writes one uncompressed object in the given transfer syntax."""
    encoded = _copy(ds)
    if transfer_syntax.is_compressed and not transfer_syntax.is_deflated:
        encoded.compress(transfer_syntax, generate_instance_uid=False)
    elif transfer_syntax == ExplicitVRBigEndian and "PixelData" in encoded:
        encoded.PixelData = np.frombuffer(encoded.PixelData, dtype="<u2").astype(">u2").tobytes()
    is_implicit_vr, is_little_endian = transfer_syntax == ImplicitVRLittleEndian, transfer_syntax != ExplicitVRBigEndian
    encoded.file_meta.TransferSyntaxUID = transfer_syntax
    encoded.set_original_encoding(is_implicit_vr, is_little_endian)
    encoded.save_as(path, enforce_file_format=True)
    return path


def _a_header(study: str, series: str, index: int) -> FileDataset:
    sop_uid = a_uid(study, series, index)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = UID(CT_IMAGE), UID(sop_uid)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128, is_implicit_VR=False, is_little_endian=True)
    ds.SOPClassUID, ds.SOPInstanceUID, ds.Modality = CT_IMAGE, sop_uid, "CT"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = a_uid(study), a_uid(study, series)
    ds.FrameOfReferenceUID = a_uid(study, "frame of reference")
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = "20240131"
    ds.StudyTime = ds.SeriesTime = ds.AcquisitionTime = "101500"
    ds.StudyID, ds.AccessionNumber, ds.ReferringPhysicianName = "1", "ACC-1", ""
    ds.StudyDescription, ds.SeriesDescription = "Chest phantom", "Chest"
    ds.PatientBirthDate, ds.PatientSex, ds.PatientAge = "19600101", "F", "064Y"
    ds.Manufacturer, ds.SeriesNumber, ds.InstanceNumber, ds.AcquisitionNumber = "lungcad tests", 2, index + 1, 1
    ds.PatientPosition, ds.GantryDetectorTilt, ds.RescaleType = "HFS", 0.0, "HU"
    ds.PositionReferenceIndicator = ""
    return ds


def _frame_groups(frame: Dataset) -> Dataset:
    groups = Dataset()
    groups.PlanePositionSequence = _item(frame, "ImagePositionPatient")
    groups.PixelValueTransformationSequence = _item(frame, "RescaleSlope", "RescaleIntercept", "RescaleType")
    groups.CTXRayDetailsSequence = _item(frame, "KVP")
    return groups


def _item(source: Dataset, *keywords: str) -> DicomSequence:
    item = Dataset()
    for keyword in keywords:
        item[keyword] = source[keyword]
    return DicomSequence([item])


def _copy(ds: Dataset) -> FileDataset:
    meta = copy.deepcopy(ds.file_meta)
    copied = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128, is_implicit_VR=False, is_little_endian=True)
    for element in ds:
        copied.add(copy.deepcopy(element))
    return copied
