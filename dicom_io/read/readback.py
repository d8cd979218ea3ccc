"""lungcad's own earlier report and segmentation → the nodules that they hold.

Tolerant: a report that is damaged, incomplete, not ours, or about other images gives no nodules, and a caution says
why; the earlier images are analysed then. What is read is what was measured then, rounded as the report rounds it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import SegmentationStorage

from cad.domain import (
    AxisLengths,
    Caution,
    Composition,
    CtSeries,
    FloatArray,
    Lobe,
    LungRadsCategory,
    NoduleSize,
    PointLps,
    PriorNodule,
    ReportReference,
    Side,
)
from cad.report.words.choices import label_of
from dicom_io import codes
from dicom_io.read.damage import PARSE_ERRORS
from dicom_io.read.files import CT_IMAGES
from dicom_io.write.identity import MANUFACTURER, MODEL_NAME

_Found = TypeVar("_Found")

LARGEST: Mapping[str, float] = {
    codes.VOLUME.value: 5e6,
    codes.VOLUME_LOWER.value: 5e6,
    codes.VOLUME_UPPER.value: 5e6,
    codes.SOLID_VOLUME.value: 5e6,
    codes.MASS.value: 5e6,
    codes.LONG_AXIS.value: 500.0,
    codes.SHORT_AXIS.value: 500.0,
    codes.SOLID_LONG_AXIS.value: 500.0,
    codes.SOLID_SHORT_AXIS.value: 500.0,
}
"""More than any lung holds (mm³, mg, mm): a report is a stranger's data, whoever it says that it is of."""

VOLUMETRIC_GROUP = "1411"
"""Template of the groups that hold a nodule's full record."""

MEASUREMENT_GROUP = "125007"
TRACKING_IDENTIFIER, TRACKING_UID = "112039", "112040"
FINDING_SITE, SITE_LATERALITY = "363698007", "272741003"
REFERENCED_SEGMENT = "121191"
"""Concepts of TID 1500 and TID 1411 (PS3.16), by their code values."""

LOBES: Mapping[tuple[str, Side | None], Lobe] = {
    (codes.LOBE[lobe].value, None if lobe is Lobe.RML else side): lobe
    for lobe, side in (
        (Lobe.RUL, Side.RIGHT),
        (Lobe.RML, Side.RIGHT),
        (Lobe.RLL, Side.RIGHT),
        (Lobe.LUL, Side.LEFT),
        (Lobe.LLL, Side.LEFT),
    )
}
"""Finding site and laterality → lobe; the lingula is reported as the left upper lobe, which it is part of."""


class _Unreadable(Exception):
    """A report that lacks what every report of ours has; the message says what, without patient data."""


@dataclass(frozen=True, slots=True)
class EarlierReport:
    """What lungcad said of a series then. `device_uid` names the software and networks that said it."""

    nodules: tuple[PriorNodule, ...]
    lung_rads: LungRadsCategory | None
    references: tuple[ReportReference, ...]
    device_uid: str | None


def reported_series(report: Dataset) -> str | None:
    """The CT series that a report of ours is about; None when it is no report of ours, or does not say."""
    try:
        if not _is_ours(report, "SR"):
            return None
        images = [reference for reference in _evidence(report) if reference.sop_class_uid in CT_IMAGES]
        series = {reference.series_uid for reference in images if reference.study_uid == str(report.StudyInstanceUID)}
    except PARSE_ERRORS:
        return None
    return series.pop() if len(series) == 1 else None


def segmentation_series(report: Dataset) -> tuple[str, ...]:
    """The series of the segmentations that a report refers to; none when it cannot be read."""
    try:
        return tuple(dict.fromkeys(r.series_uid for r in _evidence(report) if r.sop_class_uid == SegmentationStorage))
    except PARSE_ERRORS:
        return ()


def read_back(objects: Sequence[Dataset], series: CtSeries) -> tuple[EarlierReport | None, tuple[Caution, ...]]:
    """The newest of our reports among these objects that is about exactly these images, with its segmentation.

    None with a caution when there is one that cannot be used, and without when there is none.
    """
    reports = [item for item in objects if reported_series(item) == series.series_uid]
    problem: str | None = None
    for report in sorted(reports, key=_written, reverse=True):
        try:
            return _read(report, objects, series), ()
        except _Unreadable as unreadable:
            problem = problem or str(unreadable)
        except PARSE_ERRORS:
            problem = problem or "it cannot be parsed"
    if problem is None:
        return None, ()
    text = f"lungcad's report of the earlier images was not used: {problem}. The images were analysed instead."
    return None, (Caution("prior-report-unusable", text),)


def _read(report: Dataset, objects: Sequence[Dataset], series: CtSeries) -> EarlierReport:
    evidence = _evidence(report)
    images = {r.sop_instance_uid for r in evidence if r.series_uid == series.series_uid}
    if images != set(series.sop_uids):
        raise _Unreadable("it is about other slices of the series")
    groups = [group for group in _groups(report) if _template(group) == VOLUMETRIC_GROUP and _segment(group)]
    if not groups and not _says_that_there_is_no_nodule(report):
        raise _Unreadable("it does not say what was found")
    references = [_self_reference(report)]
    centres: dict[str, PointLps] = {}
    if groups:
        segmentation = _segmentation(objects, _segment(groups[0]))
        centres = segment_centres(segmentation)
        references.append(_self_reference(segmentation))
    nodules = tuple(_nodule(group, centres) for group in groups)
    if len({nodule.tracking_uid for nodule in nodules}) < len(nodules):
        raise _Unreadable("two nodules have the same tracking UID")
    device = str(report.get("DeviceSerialNumber") or "") or None
    return EarlierReport(nodules, _lung_rads(report), tuple(references), device)


# -- the report --------------------------------------------------------------------------------------------------


def _is_ours(item: Dataset, modality: str) -> bool:
    made_by = (item.get("Modality"), item.get("Manufacturer"), item.get("ManufacturerModelName"))
    return made_by == (modality, MANUFACTURER, MODEL_NAME)


def _written(report: Dataset) -> tuple[str, str, str]:
    """When the report was written, to be compared; without a date it is the oldest."""
    keywords = ("InstanceCreationDate", "InstanceCreationTime", "SOPInstanceUID")
    date, time, uid = (str(report.get(keyword) or "") for keyword in keywords)
    return date, time, uid


def _evidence(report: Dataset) -> tuple[ReportReference, ...]:
    """Everything that the report names as its evidence."""
    return tuple(
        ReportReference(
            str(item.ReferencedSOPClassUID),
            str(item.ReferencedSOPInstanceUID),
            str(series.SeriesInstanceUID),
            str(study.StudyInstanceUID),
            "",
        )
        for study in report.get("CurrentRequestedProcedureEvidenceSequence") or ()
        for series in study.get("ReferencedSeriesSequence") or ()
        for item in series.get("ReferencedSOPSequence") or ()
    )


def _self_reference(item: Dataset) -> ReportReference:
    return ReportReference(
        str(item.SOPClassUID),
        str(item.SOPInstanceUID),
        str(item.SeriesInstanceUID),
        str(item.StudyInstanceUID),
        str(item.Modality),
    )


def _children(item: Dataset) -> Iterable[Dataset]:
    return item.get("ContentSequence") or ()


def _descendants(item: Dataset) -> Iterator[Dataset]:
    for child in _children(item):
        yield child
        yield from _descendants(child)


def _groups(report: Dataset) -> list[Dataset]:
    return [item for item in _descendants(report) if _name(item) == MEASUREMENT_GROUP]


def _template(group: Dataset) -> str:
    return "".join(str(item.get("TemplateIdentifier")) for item in group.get("ContentTemplateSequence") or ())


def _name(item: Dataset) -> str | None:
    return _code_value(item, "ConceptNameCodeSequence")


def _code_value(item: Dataset, keyword: str) -> str | None:
    found = next(iter(item.get(keyword) or ()), None)
    return None if found is None else str(found.get("CodeValue"))


def _named(items: Iterable[Dataset], name: str) -> Dataset | None:
    return next((item for item in items if _name(item) == name), None)


def _says_that_there_is_no_nodule(report: Dataset) -> bool:
    answer = _named(_descendants(report), codes.NODULE.value)
    return answer is not None and _code_value(answer, "ConceptCodeSequence") == codes.ABSENT.value


def _lung_rads(report: Dataset) -> LungRadsCategory | None:
    """The category without its modifier S; None when the report has none, or has it as of an earlier examination."""
    root = [container for container in _children(report) if _name(container) == codes.QUALITATIVE_EVALUATIONS.value]
    found = next((item for part in root for item in _children(part) if _name(item) == _LUNG_RADS), None)
    code = None if found is None else _code_value(found, "ConceptCodeSequence")
    categories = {codes.lung_rads_category(category.value).value: category for category in LungRadsCategory}
    return None if code is None else categories.get(code.removesuffix("S"))


_LUNG_RADS = codes.LUNG_RADS_CATEGORY.value


# -- a nodule ----------------------------------------------------------------------------------------------------


def _nodule(group: Dataset, centres: Mapping[str, PointLps]) -> PriorNodule:
    items = list(_children(group))
    uid = str(_required(_named(items, TRACKING_UID), "a tracking UID").get("UID"))
    if uid not in centres:
        raise _Unreadable("the segmentation lacks a nodule")
    side, lobe = _place(items)
    volume_mm3 = _required(_number(items, codes.VOLUME) or None, "a volume")
    return PriorNodule(
        tracking_uid=uid,
        label=label_of(str(_required(_named(items, TRACKING_IDENTIFIER), "a label").get("TextValue"))),
        centre=centres[uid],
        size=_size(items, volume_mm3),
        volume_mm3=volume_mm3,
        mass_mg=_number(items, codes.MASS),
        side=side,
        lobe=lobe,
        volume_interval_mm3=_interval(items),
    )


def _size(items: Sequence[Dataset], volume_mm3: float) -> NoduleSize:
    compositions = {code.value: composition for composition, code in codes.COMPOSITION.items()}
    texture = next((item for item in items if _name(item) == codes.TEXTURE.value and item.ValueType == "CODE"), None)
    value = _code_value(_required(texture, "a composition"), "ConceptCodeSequence") or ""
    composition = _required(compositions.get(value), "a known composition")
    axes = _required(_axes(items, codes.LONG_AXIS, codes.SHORT_AXIS), "both axes")
    solid_axes = _axes(items, codes.SOLID_LONG_AXIS, codes.SOLID_SHORT_AXIS)
    if composition is not Composition.PART_SOLID:
        return NoduleSize(composition, axes, volume_mm3)
    return NoduleSize(composition, axes, volume_mm3, solid_axes, _number(items, codes.SOLID_VOLUME))


def _axes(items: Sequence[Dataset], long_axis: Code, short_axis: Code) -> AxisLengths | None:
    long_mm, short_mm = _number(items, long_axis), _number(items, short_axis)
    if long_mm is None or short_mm is None or not 0 < short_mm <= long_mm:
        return None
    return AxisLengths(long_mm, short_mm)


def _interval(items: Sequence[Dataset]) -> tuple[float, float] | None:
    lower, upper = _number(items, codes.VOLUME_LOWER), _number(items, codes.VOLUME_UPPER)
    return None if lower is None or upper is None else (lower, upper)


def _number(items: Sequence[Dataset], name: Code) -> float | None:
    """The value of a measurement; None when there is none of that name."""
    for item in items:
        if _name(item) == name.value and item.get("ValueType") == "NUM":
            value = next((float(value.NumericValue) for value in item.get("MeasuredValueSequence") or ()), None)
            if value is not None and not 0 <= value <= LARGEST.get(name.value, math.inf):
                raise _Unreadable(f"{name.meaning} is out of range")
            return value
    return None


def _place(items: Sequence[Dataset]) -> tuple[Side | None, Lobe | None]:
    site = _named(items, FINDING_SITE)
    if site is None:
        return None, None
    modifier = _named(_children(site), SITE_LATERALITY)
    sides = {code.value: side for side, code in codes.LATERALITY.items()}
    side = None if modifier is None else sides.get(_code_value(modifier, "ConceptCodeSequence") or "")
    lobe = LOBES.get((_code_value(site, "ConceptCodeSequence") or "", side))
    return (Side.RIGHT if lobe is Lobe.RML else side), lobe


def _required(found: _Found | None, what: str) -> _Found:
    if found is None:
        raise _Unreadable(f"it lacks {what}")
    return found


# -- the segmentation --------------------------------------------------------------------------------------------


def _segment(group: Dataset) -> str | None:
    """The SOP Instance UID of the segmentation that a group refers to."""
    item = _named(_children(group), REFERENCED_SEGMENT)
    references = () if item is None else item.get("ReferencedSOPSequence") or ()
    return next((str(reference.ReferencedSOPInstanceUID) for reference in references), None)


def _segmentation(objects: Sequence[Dataset], sop_uid: str | None) -> Dataset:
    found = next((item for item in objects if str(item.get("SOPInstanceUID")) == sop_uid), None)
    if found is None or not _is_ours(found, "SEG"):
        raise _Unreadable("its segmentation is not there")
    return found


def segment_centres(segmentation: Dataset) -> dict[str, PointLps]:
    """The centre of gravity (LPS mm) of each segment that has voxels, by tracking UID."""
    uid_of = {int(item.SegmentNumber): str(item.get("TrackingUID")) for item in segmentation.SegmentSequence}
    frames = np.atleast_3d(segmentation.pixel_array).reshape(-1, segmentation.Rows, segmentation.Columns)
    sums: dict[str, FloatArray] = {uid: np.zeros(4) for uid in uid_of.values()}
    for groups, pixels in zip(segmentation.PerFrameFunctionalGroupsSequence, frames, strict=True):
        number = int(groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
        sums[uid_of[number]] += _moments(segmentation, groups, np.argwhere(pixels).astype(np.float64))
    return {uid: PointLps(*(float(v) for v in total[:3] / total[3])) for uid, total in sums.items() if total[3] > 0}


def _moments(segmentation: Dataset, groups: Dataset, voxels: FloatArray) -> FloatArray:
    """Sums of x, y, z (LPS mm) and the number of the voxels [n, (row, column)] of one frame (PS3.3 C.7.6.2.1.1)."""
    if not len(voxels):
        return np.zeros(4)
    shared = segmentation.SharedFunctionalGroupsSequence[0]
    spacing = np.array(shared.PixelMeasuresSequence[0].PixelSpacing, dtype=np.float64)
    cosines = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, dtype=np.float64)
    origin = np.array(groups.PlanePositionSequence[0].ImagePositionPatient, dtype=np.float64)
    down, along = voxels.sum(axis=0) * spacing
    total = origin * len(voxels) + along * cosines[:3] + down * cosines[3:]
    return np.append(total, float(len(voxels)))
