"""The synthetic scan as DICOM CT Image Storage objects."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian

from cad.domain import Grid, Int16Array

FIRST_VISIT = date(2024, 1, 15)
IMPLEMENTATION_UID = UID("2.25.287430275011235813213455891442333776108")


@dataclass(frozen=True, slots=True)
class Visit:
    """Which patient came when; everything that identifies the scan derives from it."""

    patient: str
    days: int = 0
    description: str = "Simulated chest CT"

    def uid(self, kind: str) -> UID:
        """A deterministic UID for one thing of this visit (ISO/IEC 9834-8, as 2.25.<uuid>)."""
        name = f"lungcad-simulator/{self.patient}/{self.days}/{kind}"
        return UID(f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, name).int}")


def write_series(folder: Path, hu: Int16Array, grid: Grid, visit: Visit) -> None:
    """Writes one file per slice of `hu` [k, j, i] into `folder`, which is made."""
    folder.mkdir(parents=True)
    for number, ds in enumerate(_slices(hu, grid, visit), start=1):
        ds.save_as(folder / f"IM{number:04d}.dcm", enforce_file_format=True)


def _slices(hu: Int16Array, grid: Grid, visit: Visit) -> Iterator[FileDataset]:
    stored = (hu.astype(np.int32) + 1024).astype("<u2")
    for k in range(grid.shape[0]):
        number = grid.shape[0] - k
        ds = _file(visit.uid(f"image/{number}"))
        ds.update(_identity(visit))
        ds.update(_acquisition())
        x, y, z = (f"{float(v):.4f}" for v in grid.affine[:3, 3] + k * grid.affine[:3, 0])
        dk, dj, di = grid.spacing_kji_mm
        ds.InstanceNumber = number
        ds.ImagePositionPatient = [x, y, z]
        ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        ds.SliceLocation = z
        ds.SliceThickness = f"{dk:.4f}"
        ds.PixelSpacing = [f"{dj:.4f}", f"{di:.4f}"]
        ds.Rows, ds.Columns = grid.shape[1], grid.shape[2]
        ds.PixelData = stored[k].tobytes()
        yield ds


def _file(sop_uid: UID) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = sop_uid
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = IMPLEMENTATION_UID
    ds = FileDataset("", Dataset(), file_meta=meta, preamble=b"\0" * 128)
    ds.SOPClassUID = CTImageStorage
    ds.SOPInstanceUID = sop_uid
    return ds


def _identity(visit: Visit) -> Dataset:
    ds = Dataset()
    day = (FIRST_VISIT + timedelta(days=visit.days)).strftime("%Y%m%d")
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.PatientName = "Simulated^Chest"
    ds.PatientID = visit.patient
    ds.PatientBirthDate = "19600101"
    ds.PatientSex = "O"
    ds.StudyInstanceUID = visit.uid("study")
    ds.SeriesInstanceUID = visit.uid("series")
    ds.FrameOfReferenceUID = visit.uid("frame")
    ds.PositionReferenceIndicator = ""
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = day
    ds.StudyTime = ds.SeriesTime = ds.AcquisitionTime = ds.ContentTime = "090000"
    ds.AccessionNumber = ""
    ds.ReferringPhysicianName = ""
    ds.StudyID = "1"
    ds.SeriesNumber = 2
    ds.AcquisitionNumber = 1
    ds.StudyDescription = "Simulated chest"
    ds.SeriesDescription = visit.description
    return ds


def _acquisition() -> Dataset:
    ds = Dataset()
    ds.Modality = "CT"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.Manufacturer = "lungcad"
    ds.ManufacturerModelName = "synthetic chest"
    ds.BodyPartExamined = "CHEST"
    ds.PatientPosition = "HFS"
    ds.KVP = "120"
    ds.ConvolutionKernel = "SIM-SOFT"
    ds.GantryDetectorTilt = "0"
    ds.RescaleIntercept = "-1024"
    ds.RescaleSlope = "1"
    ds.RescaleType = "HU"
    ds.WindowCenter = "-600"
    ds.WindowWidth = "1500"
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.BitsAllocated = 16
    ds.BitsStored = 12
    ds.HighBit = 11
    ds.PixelRepresentation = 0
    return ds
