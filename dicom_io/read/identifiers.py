"""The identifiers that every object needs: demanded from a PACS, supplied for folders of stripped files."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage

from cad.domain import Caution
from cad.errors import Reason, Refusal
from dicom_io.read.files import Instance, without_pixels
from dicom_io.read.headers import word, words
from dicom_io.read.volume import pixel_bytes
from dicom_io.uids import derived_uid

REQUIRED_UIDS = (
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "FrameOfReferenceUID",
)
_GEOMETRY_KEYWORDS = (
    "ImageOrientationPatient",
    "Rows",
    "Columns",
    "PixelSpacing",
    "SliceThickness",
    "ConvolutionKernel",
    "SeriesNumber",
)
"""Files that agree in these form one series when they do not name theirs."""


def require_identifiers(instances: Sequence[Instance]) -> None:
    """Raises Refusal when an object lacks a UID that results must refer to."""
    missing = tuple(k for k in REQUIRED_UIDS if any(not _has_uid(i.header, k) for i in instances))
    if missing:
        raise Refusal(Reason.MISSING_IDENTIFIERS, f"objects lack {', '.join(missing)}", attributes=missing)


def supply_identifiers(instances: Sequence[Instance]) -> tuple[tuple[Instance, ...], tuple[Caution, ...]]:
    """The objects with every UID, and a caution when some had to be generated.

    Generated UIDs follow from the content: the same files have the same UIDs each time they are read. Objects without
    a series are grouped by their geometry.
    """
    missing = tuple(k for k in REQUIRED_UIDS if any(not _has_uid(i.header, k) for i in instances))
    if not missing:
        return tuple(instances), ()
    groups: dict[tuple[str, ...], list[Instance]] = {}
    for instance in instances:
        groups.setdefault(_series_key(instance.header), []).append(instance)
    supplied = tuple(i for key, group in groups.items() for i in _with_identifiers(group, "\\".join(key)))
    text = f"Files lack {', '.join(missing)}; they were grouped by geometry and given generated identifiers."
    return supplied, (Caution("generated-identifiers", text),)


def _has_uid(header: Dataset, keyword: str) -> bool:
    uid = word(header, keyword) or ""
    return 0 < len(uid) <= 64 and uid.replace(".", "").isdigit()


def _series_key(header: Dataset) -> tuple[str, ...]:
    if _has_uid(header, "SeriesInstanceUID"):
        return (word(header, "SeriesInstanceUID") or "",)
    return tuple("\\".join(words(header, keyword)) for keyword in _GEOMETRY_KEYWORDS)


def _with_identifiers(group: Sequence[Instance], key: str) -> tuple[Instance, ...]:
    """The objects of one series with their own UIDs where they have them, and generated ones where not."""
    sop_uids = [_sop_uid(instance, key) for instance in group]
    seed = hashlib.sha256("\n".join(sorted(sop_uids)).encode()).hexdigest()
    generated = {
        "SOPClassUID": CTImageStorage,
        "StudyInstanceUID": derived_uid("study", seed),
        "SeriesInstanceUID": derived_uid("series", seed),
        "FrameOfReferenceUID": derived_uid("frame-of-reference", seed),
    }
    return tuple(
        Instance(_completed(instance.header, {**generated, "SOPInstanceUID": sop_uid}), instance.with_pixels)
        for instance, sop_uid in zip(group, sop_uids, strict=True)
    )


def _completed(header: Dataset, uids: dict[str, str]) -> Dataset:
    completed = without_pixels(header)
    for keyword, uid in uids.items():
        if not _has_uid(header, keyword):
            completed.add_new(keyword, "UI", uid)
    return completed


def _sop_uid(instance: Instance, series_key: str) -> str:
    if _has_uid(instance.header, "SOPInstanceUID"):
        return word(instance.header, "SOPInstanceUID") or ""
    content = hashlib.sha256(pixel_bytes(instance.with_pixels())).hexdigest()
    return derived_uid("instance", series_key, content, "\\".join(words(instance.header, "ImagePositionPatient")))
