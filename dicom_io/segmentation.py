"""Findings → DICOM Segmentation: one binary segment per nodule, on the source frames that show it."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

import numpy as np
import numpy.typing as npt
from highdicom import AlgorithmIdentificationSequence, PixelMeasuresSequence, PlanePositionSequence
from highdicom.color import CIELabColor
from highdicom.enum import CoordinateSystemNames
from highdicom.seg import (
    SegmentAlgorithmTypeValues,
    Segmentation,
    SegmentationTypeValues,
    SegmentDescription,
)
from highdicom.sr.coding import CodedConcept
from pydicom.dataset import Dataset

from cad.domain import Findings, Nodule
from dicom_io import codes
from dicom_io.encoding import (
    MANUFACTURER,
    EncodingContext,
    ObjectKind,
    contributing_equipment,
    object_identity,
    series_and_equipment,
    stamp,
)
from dicom_io.source_images import SourceFrame, SourceImages, distinct_images

ALGORITHM_NAME = "lungcad nodule segmentation"

SEGMENT_HUES_DEGREES = (40.0, 200.0, 310.0, 130.0, 260.0, 85.0)
"""Hue angles in CIELab of consecutive segments, far apart, so that neighbours can be told."""

SEGMENT_LIGHTNESS = 70.0
SEGMENT_CHROMA = 60.0
"""Bright and saturated enough on lung and soft tissue; inside the gamut of a display at every hue above."""


def segmentation(
    findings: Findings, nodules: Sequence[Nodule], source: SourceImages, context: EncodingContext
) -> Dataset:
    """The BINARY segmentation of at least one nodule; segment n is the n-th nodule.

    Only the frames that show a nodule are built and stored: viewers grow slow, and some refuse, with hundreds of
    empty frames. Voxels are those of the nodule masks exactly.
    """
    slices = shown_slices(nodules)
    frames = source.frames(slices)
    identity = object_identity(ObjectKind.SEGMENTATION, source.header, context)
    dataset = Segmentation(
        source_images=distinct_images(frames),
        pixel_array=_pixels(nodules, slices, source),
        segmentation_type=SegmentationTypeValues.BINARY,
        segment_descriptions=[_segment(n, nodule, findings, context) for n, nodule in enumerate(nodules, start=1)],
        **series_and_equipment(identity, context),
        content_label="LUNG_NODULES",
        content_description="Lung nodules, delineated automatically",
        plane_positions=_plane_positions(frames),
        contributing_equipment=contributing_equipment(findings.models, context),
    )
    dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence = _pixel_measures(frames[0], source)
    _identify_segment_per_frame(dataset)
    dataset.PixelData = zero_padded(dataset.PixelData, dataset.NumberOfFrames * dataset.Rows * dataset.Columns)
    stamp(dataset, context)
    return dataset


def zero_padded(content: bytes, bits: int) -> bytes:
    """Bit-packed pixel data of even length, with zeroes behind the last pixel.

    highdicom 0.28 pads with the character "0", whose bits a reader may count. Source: PS3.5 6.2 (OB) and 8.1.1.
    """
    used = -(-bits // 8)
    return content[:used] + bytes(used % 2)


def _identify_segment_per_frame(dataset: Dataset) -> None:
    """Says at every frame which segment it shows, also of a single segment: few readers look at shared groups."""
    shared = dataset.SharedFunctionalGroupsSequence[0]
    if "SegmentIdentificationSequence" not in shared:
        return
    for groups in dataset.PerFrameFunctionalGroupsSequence:
        groups.SegmentIdentificationSequence = [copy(shared.SegmentIdentificationSequence[0])]
    del shared.SegmentIdentificationSequence


def shown_slices(nodules: Sequence[Nodule]) -> tuple[int, ...]:
    """The canonical slices in which at least one nodule has a voxel, ascending."""
    return tuple(sorted({k for nodule in nodules for k in nodule_slices(nodule)}))


def nodule_slices(nodule: Nodule) -> tuple[int, ...]:
    """The canonical slices in which the nodule has a voxel, ascending."""
    occupied = np.flatnonzero(nodule.mask.voxels.any(axis=(1, 2)))
    return tuple(int(k) + nodule.mask.offset[0] for k in occupied)


def _pixels(nodules: Sequence[Nodule], slices: Sequence[int], source: SourceImages) -> npt.NDArray[np.unsignedinteger]:
    """Segment numbers [frame, row, column]; [frame, row, column, segment] of 0 and 1 when masks overlap."""
    planes = _canonical_planes(nodules, slices)
    if planes is not None:
        return source.to_source_planes(planes)
    return _stacked_planes(nodules, slices, source)


def _stacked_planes(
    nodules: Sequence[Nodule], slices: Sequence[int], source: SourceImages
) -> npt.NDArray[np.unsignedinteger]:
    """One plane of 0 and 1 per slice and segment, as a view [frame, row, column, segment].

    Only the nodules' windows are written: the rest stays memory that the system has promised and never gives.
    """
    row_of = {k: row for row, k in enumerate(slices)}
    _, rows, columns = nodules[0].mask.grid.shape
    stacked = np.zeros((len(nodules) * len(slices), rows, columns), dtype=np.uint8)
    for segment, nodule in enumerate(nodules):
        _, in_j, in_i = nodule.mask.slices
        for k in nodule_slices(nodule):
            plane = stacked[segment * len(slices) + row_of[k]]
            plane[in_j, in_i] = nodule.mask.voxels[k - nodule.mask.offset[0]]
    planes = source.loaded.layout.planes_to_source(stacked)
    return np.moveaxis(planes.reshape(len(nodules), len(slices), *planes.shape[1:]), 0, -1)


def _canonical_planes(nodules: Sequence[Nodule], slices: Sequence[int]) -> npt.NDArray[np.uint16] | None:
    """Segment numbers [slice, j, i] of the given slices, or None when two nodules share a voxel."""
    row_of = {k: row for row, k in enumerate(slices)}
    _, rows, columns = nodules[0].mask.grid.shape
    planes = np.zeros((len(slices), rows, columns), dtype=np.uint16)
    for number, nodule in enumerate(nodules, start=1):
        _, in_j, in_i = nodule.mask.slices
        for k in nodule_slices(nodule):
            inside = nodule.mask.voxels[k - nodule.mask.offset[0]]
            window = planes[row_of[k], in_j, in_i]
            if window[inside].any():
                return None
            window[inside] = number
    return planes


def _plane_positions(frames: Sequence[SourceFrame]) -> list[PlanePositionSequence]:
    return [PlanePositionSequence(CoordinateSystemNames.PATIENT, frame.image_position) for frame in frames]


def _pixel_measures(frame: SourceFrame, source: SourceImages) -> PixelMeasuresSequence:
    """The source's pixel spacing and thickness, with the slice spacing of the volume: omitted frames hide it."""
    slice_spacing_mm = source.loaded.volume.grid.spacing_kji_mm[0]
    return PixelMeasuresSequence(
        pixel_spacing=frame.pixel_spacing,
        slice_thickness=frame.slice_thickness_mm or slice_spacing_mm,
        spacing_between_slices=slice_spacing_mm,
    )


def _segment(number: int, nodule: Nodule, findings: Findings, context: EncodingContext) -> SegmentDescription:
    description = SegmentDescription(
        segment_number=number,
        segment_label=nodule.label,
        segmented_property_category=codes.MORPHOLOGICALLY_ABNORMAL_STRUCTURE,
        segmented_property_type=codes.NODULE,
        algorithm_type=SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=_algorithm(findings, context),
        tracking_uid=nodule.tracking_uid,
        tracking_id=nodule.label,
        anatomic_regions=[codes.LUNG],
        display_color=segment_colour(number),
    )
    side = CodedConcept.from_code(codes.LATERALITY[nodule.side])
    description.AnatomicRegionSequence[0].AnatomicRegionModifierSequence = [side]
    return description


def segment_colour(number: int) -> CIELabColor:
    """The display colour of a segment (1-based), the same in every viewer."""
    hue = np.deg2rad(SEGMENT_HUES_DEGREES[(number - 1) % len(SEGMENT_HUES_DEGREES)])
    return CIELabColor(SEGMENT_LIGHTNESS, float(SEGMENT_CHROMA * np.cos(hue)), float(SEGMENT_CHROMA * np.sin(hue)))


def _algorithm(findings: Findings, context: EncodingContext) -> AlgorithmIdentificationSequence:
    return AlgorithmIdentificationSequence(
        name=ALGORITHM_NAME,
        family=codes.ARTIFICIAL_INTELLIGENCE,
        version=context.software_version,
        source=MANUFACTURER,
        parameters=algorithm_parameters(findings),
    )


def algorithm_parameters(findings: Findings) -> dict[str, str]:
    """What else decides the result: the clinical policy and the weights of each network."""
    weights = {f"{model.name} {model.version}": f"sha256:{model.sha256}" for model in findings.models}
    return {"policy": findings.policy_version, **weights}
