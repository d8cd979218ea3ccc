"""What we write lies where the nodule is, decoded here by the equations of the standard and not by our own code."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from pydicom.dataset import Dataset

from cad.domain import FloatArray, NoduleMask
from cad.geometry import position_of
from dicom_io.read.reading import LoadedSeries
from dicom_io.write.outlines import contours_of
from dicom_io.write.seg import zero_padded
from tests.made.subjects import LEFT_NODULE, RIGHT_NODULE, Ellipsoid, Subject, drawn_nodule, objects_of

DRAWN = ("103339001", "103340004")
"""Codes of the long and the short axis."""
AXES = 2
"""The first two graphic objects of an annotation are the axes; the outlines follow."""

PIXEL_MM = 2.0
"""The border of a mask is within a pixel of the shape's."""

ROUNDING_MM = 1e-3
"""Coordinates are stored as 32-bit floats of pixels: 1e-5 pixels, a hundredth of this."""


def plane_of(image: Dataset, frame_number: int | None) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Position of the first pixel, step to the next column and step to the next row, in LPS mm (PS3.3 C.7.6.2.1.1)."""
    if frame_number is None:
        position = orientation = measures = image
    else:
        shared = image.SharedFunctionalGroupsSequence[0]
        position = image.PerFrameFunctionalGroupsSequence[frame_number - 1].PlanePositionSequence[0]
        orientation, measures = shared.PlaneOrientationSequence[0], shared.PixelMeasuresSequence[0]
    cosines = np.array(orientation.ImageOrientationPatient, dtype=np.float64)
    row_spacing, column_spacing = (float(v) for v in measures.PixelSpacing)
    first = np.array(position.ImagePositionPatient, dtype=np.float64)
    return first, cosines[:3] * column_spacing, cosines[3:] * row_spacing


def decoded_segments(seg: Dataset) -> dict[int, FloatArray]:
    """The LPS positions of the set pixels of every segment."""
    bits = np.unpackbits(np.frombuffer(seg.PixelData, dtype=np.uint8), bitorder="little")
    frames = bits[: seg.NumberOfFrames * seg.Rows * seg.Columns].reshape(seg.NumberOfFrames, seg.Rows, seg.Columns)
    found: dict[int, list[FloatArray]] = {}
    for number, (pixels, groups) in enumerate(zip(frames, seg.PerFrameFunctionalGroupsSequence, strict=True), start=1):
        first, to_next_column, to_next_row = plane_of(seg, number)
        rows, columns = np.nonzero(pixels)
        segment = int(groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
        positions = first + columns[:, None] * to_next_column + rows[:, None] * to_next_row
        found.setdefault(segment, []).append(positions)
    return {segment: np.concatenate(parts) for segment, parts in found.items()}


def measurement_groups(sr: Dataset) -> list[Dataset]:
    container = next(item for item in sr.ContentSequence if item.ConceptNameCodeSequence[0].CodeValue == "126010")
    return list(container.ContentSequence)


def axis_ends(group: Dataset, images: dict[str, Dataset]) -> list[FloatArray]:
    """The ends [2, 3] of each NUM's line in LPS mm: 0.5\\0.5 is the centre of the first pixel (PS3.3 C.18.6.1)."""
    lines = []
    for num in (item for item in group.ContentSequence if item.ValueType == "NUM"):
        if num.ConceptNameCodeSequence[0].CodeValue not in DRAWN:
            continue
        line = num.ContentSequence[0]
        reference = line.ContentSequence[0].ReferencedSOPSequence[0]
        lines.append(positions_on(reference, line.GraphicData, images))
    return lines


def positions_on(reference: Dataset, graphic_data: object, images: dict[str, Dataset]) -> FloatArray:
    """The points [n, 3] of a line on an image in LPS mm."""
    image = images[reference.ReferencedSOPInstanceUID]
    first, to_next_column, to_next_row = plane_of(image, reference.get("ReferencedFrameNumber"))
    pairs = np.array(graphic_data, dtype=np.float64).reshape(-1, 2) - 0.5
    positions: FloatArray = first + pairs[:, :1] * to_next_column + pairs[:, 1:] * to_next_row
    return positions


def by_uid(source: LoadedSeries) -> dict[str, Dataset]:
    return {str(ds.SOPInstanceUID): ds for ds in source.evidence.datasets}


def test_every_pixel_of_a_segment_lies_inside_its_nodule(subject: Subject) -> None:
    seg = subject.seg
    segments = decoded_segments(seg)
    shapes: dict[int, Ellipsoid] = {1: RIGHT_NODULE, 2: LEFT_NODULE}
    for number, nodule in enumerate(subject.nodules, start=1):
        assert len(segments[number]) == nodule.mask.voxel_count
        assert shapes[number].holds(segments[number]).all()


def test_the_axes_in_the_report_end_on_the_nodule(subject: Subject) -> None:
    groups = measurement_groups(subject.objects.sr)
    for nodule, group in zip(subject.nodules, groups, strict=True):
        long_axis, short_axis = axis_ends(group, by_uid(subject.source))
        for line, axis in ((long_axis, nodule.diameters.long_axis), (short_axis, nodule.diameters.short_axis)):
            expected = [axis.start.as_array(), axis.end.as_array()]
            assert line == pytest.approx(np.array(expected), abs=ROUNDING_MM)


def test_annotations_lie_on_the_lines_of_the_report(subject: Subject) -> None:
    objects = subject.objects
    assert objects.gsps is not None
    reported = [
        list(num.ContentSequence[0].GraphicData)
        for group in measurement_groups(objects.sr)
        for num in group.ContentSequence
        if num.ValueType == "NUM" and num.ConceptNameCodeSequence[0].CodeValue in DRAWN
    ]
    drawn = [
        list(line.GraphicData)
        for annotation in objects.gsps.GraphicAnnotationSequence
        for line in annotation.GraphicObjectSequence[:AXES]
    ]
    assert drawn == reported


def test_annotations_outline_the_nodule_on_its_key_slice(subject: Subject) -> None:
    assert subject.objects.gsps is not None
    images = by_uid(subject.source)
    shapes = (RIGHT_NODULE, LEFT_NODULE)
    for shape, annotation in zip(shapes, subject.objects.gsps.GraphicAnnotationSequence, strict=True):
        (contour,) = annotation.GraphicObjectSequence[AXES:]
        points = positions_on(annotation.ReferencedImageSequence[0], contour.GraphicData, images)
        assert points[0] == pytest.approx(points[-1])
        flat = (points[:, :2] - np.array(shape.centre[:2])) / np.array(shape.radii_mm[:2])
        assert np.abs(np.linalg.norm(flat, axis=1) - 1).max() < PIXEL_MM / min(shape.radii_mm[:2])


def test_a_mask_with_two_parts_has_two_outlines_and_a_slice_beside_it_none(plain: Subject) -> None:
    grid = plain.source.volume.grid
    voxels = np.zeros((1, 3, 7), dtype=np.bool_)
    voxels[0, 1, 1] = voxels[0, 1, 5] = True
    mask = NoduleMask(voxels, (3, 10, 20), grid)
    first, second = sorted(contours_of(mask, 3), key=lambda line: min(point.x for point in line))
    for line, column in ((first, 21), (second, 25)):
        middle = np.array([point.as_array() for point in line[:-1]]).mean(axis=0)
        assert middle == pytest.approx(position_of(grid, (3, 11, column)).as_array())
    assert contours_of(mask, 4) == []


def test_only_frames_with_a_nodule_are_stored(subject: Subject) -> None:
    seg = subject.seg
    shown = sum(int(nodule.mask.voxels.any(axis=(1, 2)).sum()) for nodule in subject.nodules)
    assert seg.NumberOfFrames == shown


def test_omitted_frames_do_not_hide_the_slice_spacing(plain: Subject) -> None:
    seg = plain.seg
    measures = seg.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    assert measures.SpacingBetweenSlices == pytest.approx(2.5)


def test_overlapping_nodules_keep_all_their_voxels(subject: Subject) -> None:
    grid = subject.source.volume.grid
    x, y, z = RIGHT_NODULE.centre
    neighbour = Ellipsoid((x + 6.0, y, z), RIGHT_NODULE.radii_mm)
    nodules = (drawn_nodule(grid), drawn_nodule(grid, neighbour, "Nodule 2"))
    seg = objects_of(subject.source, nodules).seg
    assert seg is not None
    segments = decoded_segments(seg)
    assert seg.SegmentsOverlap == "YES"
    assert [len(segments[n]) for n in (1, 2)] == [nodule.mask.voxel_count for nodule in nodules]
    assert neighbour.holds(segments[2]).all()


def test_a_nodule_at_the_corner_of_the_volume_stays_there(plain: Subject) -> None:
    grid = plain.source.volume.grid
    nodule = drawn_nodule(grid)
    corner = NoduleMask(np.ones((1, 1, 1), dtype=np.bool_), (grid.shape[0] - 1, 0, grid.shape[2] - 1), grid)
    moved = dataclasses.replace(nodule, mask=corner)
    seg = objects_of(plain.source, (moved,)).seg
    assert seg is not None
    first, to_next_column, _ = plane_of(plain.source.evidence.datasets[-1], None)
    expected = first + (grid.shape[2] - 1) * to_next_column
    assert decoded_segments(seg)[1] == pytest.approx(expected[None, :], abs=ROUNDING_MM)


@pytest.mark.parametrize(("bits", "length"), [(16, 2), (17, 4), (24, 4), (25, 4)])
def test_pixel_data_end_in_zeroes_and_have_an_even_length(bits: int, length: int) -> None:
    used = -(-bits // 8)
    content = b"\xff" * used + b"0" * (used % 2)
    assert zero_padded(content, bits) == b"\xff" * used + bytes(length - used)
