"""Segments → DICOM Segmentation: each a binary segment on the source frames that show it."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

import numpy as np
import numpy.typing as npt
from highdicom import AlgorithmIdentificationSequence, PixelMeasuresSequence, PlanePositionSequence
from highdicom.enum import CoordinateSystemNames
from highdicom.seg import (
    SegmentAlgorithmTypeValues,
    Segmentation,
    SegmentationTypeValues,
    SegmentDescription,
)
from highdicom.sr.coding import CodedConcept
from pydicom.dataset import Dataset

from cad.report.statements import Statements
from dicom_io import codes
from dicom_io.write.identity import (
    MANUFACTURER,
    EncodingContext,
    ObjectKind,
    contributing_equipment,
    object_identity,
    series_and_equipment,
    stamp,
)
from dicom_io.write.segments import CALCIUM_ALGORITHM, NODULE_ALGORITHM, Segment
from dicom_io.write.source_images import SourceFrame, SourceImages, distinct_images

NODULES = ("LUNG_NODULES", "Lung nodules, automatic; research use, unverified")
CALCIUM = ("CALCIUM", "Coronary and other calcium, automatic; research use, unverified")
BOTH = ("NODULES_CALCIUM", "Nodules and calcium, automatic; research use, unverified")
LABELS = {frozenset({True}): NODULES, frozenset({False}): CALCIUM, frozenset({True, False}): BOTH}
"""Content Label (CS, up to 16 characters) and Content Description (LO, up to 64), by whether segments are nodules."""


def segmentation(
    statements: Statements, segments: Sequence[Segment], source: SourceImages, context: EncodingContext
) -> Dataset:
    """The BINARY segmentation of at least one segment, numbered in their order.

    Only the frames that show a segment are built and stored: viewers grow slow, and some refuse, with hundreds of
    empty frames. Voxels are those of the masks exactly. Raises ValueError when a mask is not on the series' grid.
    """
    if not all(segment.mask.grid.is_same_as(source.loaded.volume.grid) for segment in segments):
        raise ValueError("the mask of a segment is not on the grid of the series")
    slices = shown_slices(segments)
    content = LABELS[frozenset(segment.algorithm == NODULE_ALGORITHM for segment in segments)]
    frames = source.frames(slices)
    identity = object_identity(ObjectKind.SEGMENTATION, source.header, context)
    dataset = Segmentation(
        source_images=distinct_images(frames),
        pixel_array=_pixels(segments, slices, source),
        segmentation_type=SegmentationTypeValues.BINARY,
        segment_descriptions=[_segment(n, segment, statements, context) for n, segment in enumerate(segments, start=1)],
        **series_and_equipment(identity, context),
        content_label=content[0],
        content_description=content[1],
        plane_positions=_plane_positions(frames),
        contributing_equipment=contributing_equipment(statements.models, context),
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


def shown_slices(segments: Sequence[Segment]) -> tuple[int, ...]:
    """The canonical slices in which at least one segment has a voxel, ascending."""
    return tuple(sorted({k for segment in segments for k in segment_slices(segment)}))


def segment_slices(segment: Segment) -> tuple[int, ...]:
    """The canonical slices in which the segment has a voxel, ascending."""
    occupied = np.flatnonzero(segment.mask.voxels.any(axis=(1, 2)))
    return tuple(int(k) + segment.mask.offset[0] for k in occupied)


def _pixels(
    segments: Sequence[Segment], slices: Sequence[int], source: SourceImages
) -> npt.NDArray[np.unsignedinteger]:
    """Segment numbers [frame, row, column]; [frame, row, column, segment] of 0 and 1 when masks overlap."""
    planes = _canonical_planes(segments, slices)
    if planes is not None:
        return source.to_source_planes(planes, slices)
    return _stacked_planes(segments, slices, source)


def _stacked_planes(
    segments: Sequence[Segment], slices: Sequence[int], source: SourceImages
) -> npt.NDArray[np.unsignedinteger]:
    """One plane of 0 and 1 per slice and segment, as a view [frame, row, column, segment].

    Only the segments' windows are written: the rest stays memory that the system has promised and never gives.
    """
    row_of = {k: row for row, k in enumerate(slices)}
    _, rows, columns = segments[0].mask.grid.shape
    stacked = np.zeros((len(segments) * len(slices), rows, columns), dtype=np.uint8)
    for number, segment in enumerate(segments):
        _, in_j, in_i = segment.mask.slices
        for k in segment_slices(segment):
            plane = stacked[number * len(slices) + row_of[k]]
            plane[in_j, in_i] = segment.mask.voxels[k - segment.mask.offset[0]]
    planes = source.loaded.layout.planes_to_source(stacked, [*slices] * len(segments))
    return np.moveaxis(planes.reshape(len(segments), len(slices), *planes.shape[1:]), 0, -1)


def _canonical_planes(segments: Sequence[Segment], slices: Sequence[int]) -> npt.NDArray[np.uint16] | None:
    """Segment numbers [slice, j, i] of the given slices, or None when two segments share a voxel."""
    row_of = {k: row for row, k in enumerate(slices)}
    _, rows, columns = segments[0].mask.grid.shape
    planes = np.zeros((len(slices), rows, columns), dtype=np.uint16)
    for number, segment in enumerate(segments, start=1):
        _, in_j, in_i = segment.mask.slices
        for k in segment_slices(segment):
            inside = segment.mask.voxels[k - segment.mask.offset[0]]
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


def _segment(number: int, segment: Segment, statements: Statements, context: EncodingContext) -> SegmentDescription:
    description = SegmentDescription(
        segment_number=number,
        segment_label=segment.label,
        segmented_property_category=codes.MORPHOLOGICALLY_ABNORMAL_STRUCTURE,
        segmented_property_type=segment.property_type,
        algorithm_type=SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=_algorithm(segment, statements, context),
        tracking_uid=segment.tracking_uid,
        tracking_id=segment.label,
        anatomic_regions=[segment.region],
        display_color=segment.colour,
    )
    if segment.side is not None:
        side = CodedConcept.from_code(segment.side)
        description.AnatomicRegionSequence[0].AnatomicRegionModifierSequence = [side]
    return description


def _algorithm(segment: Segment, statements: Statements, context: EncodingContext) -> AlgorithmIdentificationSequence:
    return AlgorithmIdentificationSequence(
        name=segment.algorithm,
        family=codes.ARTIFICIAL_INTELLIGENCE,
        version=context.software_version,
        source=MANUFACTURER,
        parameters=algorithm_parameters(statements, segment.algorithm),
    )


CALCIUM_NETWORKS = ("heart", "calcium")
"""Names of the networks that take part in the calcium score; all others take part in nodules."""


def algorithm_parameters(statements: Statements, algorithm: str) -> dict[str, str]:
    """What else decides the result of an algorithm: the clinical policy and the weights of each of its networks."""
    is_calcium = algorithm == CALCIUM_ALGORITHM
    used = (model for model in statements.models if (model.name in CALCIUM_NETWORKS) is is_calcium)
    weights = {f"{model.name} {model.version}": f"sha256:{model.sha256}" for model in used}
    return {"policy": statements.policy_version, **weights}
