"""What the contract tests write: findings of known geometry on small phantom series."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from cad.domain import (
    AxialAxis,
    BoolArray,
    CalcificationPattern,
    CalciumScore,
    Composition,
    Diameters,
    Findings,
    FloatArray,
    Grid,
    Lobe,
    LungMask,
    ModelIdentity,
    Nodule,
    NoduleAttributes,
    NoduleLocation,
    NoduleMask,
    NoduleMeasures,
    NotAssessed,
    PointLps,
    ReaderRatings,
    Side,
    SolidComponent,
    Volume,
)
from cad.geometry import index_of, indices_of, position_of, positions_of
from cad.policy import SeriesPolicy, WordingPolicy
from cad.report.statements import state
from dicom_io.read.reading import LoadedSeries, load_datasets
from dicom_io.uids import derived_uid, device_uid
from dicom_io.write.objects import EncodingContext, ReportObjects, report_objects
from tests.made.nodules import a_nodule

MODEL = ModelIdentity("rpn3d", "1", "ab" * 32)
A_PDF = b"%PDF-1.4\n%%EOF\n"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Ellipsoid:
    """A nodule that is large along y, smaller along x and smallest along z, off the middle in every direction."""

    centre: tuple[float, float, float] = (-61.0, 13.0, -21.0)
    radii_mm: tuple[float, float, float] = (7.0, 11.0, 5.5)

    def holds(self, lps: FloatArray) -> BoolArray:
        """Whether positions [..., 3] lie inside."""
        inside: BoolArray = (((lps - np.array(self.centre)) / np.array(self.radii_mm)) ** 2).sum(axis=-1) <= 1.0
        return inside


RIGHT_NODULE = Ellipsoid()
LEFT_NODULE = Ellipsoid(centre=(70.0, -11.0, 17.0), radii_mm=(6.0, 9.0, 8.0))


def drawn_nodule(
    grid: Grid,
    shape: Ellipsoid = RIGHT_NODULE,
    label: str = "Nodule 1",
    composition: Composition = Composition.PART_SOLID,
) -> Nodule:
    """The voxels whose centres are inside the shape, with its axes in the slice of its centre."""
    corner, end = _box(grid, shape)
    indices = np.argwhere(np.ones(end - corner, dtype=np.bool_)) + corner
    box = shape.holds(positions_of(grid, indices.astype(np.float64))).reshape(end - corner)
    centre = PointLps(*shape.centre)
    slice_k = round(index_of(grid, centre)[0])
    first_k, first_j, first_i = (int(n) for n in corner)
    mask = NoduleMask(box, (first_k, first_j, first_i), grid)
    side = Side.RIGHT if centre.x < 0 else Side.LEFT
    return dataclasses.replace(
        a_nodule(composition, side),
        tracking_uid=derived_uid("test", label),
        label=label,
        centre=centre,
        mask=mask,
        diameters=_axes(grid, shape, slice_k),
        volume_mm3=mask.voxel_count * grid.voxel_volume_mm3,
        mean_hu=-123.4,
        score=0.87,
    )


def _box(grid: Grid, shape: Ellipsoid) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """First and one-past-last voxel (k, j, i) of a box that holds the shape, one voxel wider on each side."""
    centre, radii = np.array(shape.centre), np.array(shape.radii_mm)
    ends = indices_of(grid, np.stack([centre - radii, centre + radii]))
    return np.floor(ends.min(axis=0)).astype(np.intp) - 1, np.ceil(ends.max(axis=0)).astype(np.intp) + 2


def _axes(grid: Grid, shape: Ellipsoid, slice_k: int) -> Diameters:
    x, y, _ = shape.centre
    rx, ry, _ = shape.radii_mm
    z = position_of(grid, (slice_k, 0, 0)).z
    return Diameters(
        long_axis=AxialAxis(PointLps(x, y - ry, z), PointLps(x, y + ry, z)),
        short_axis=AxialAxis(PointLps(x - rx, y, z), PointLps(x + rx, y, z)),
        slice_k=slice_k,
    )


def some_findings(
    volume: Volume, nodules: tuple[Nodule, ...] | NotAssessed, models: tuple[ModelIdentity, ...] = (MODEL,)
) -> Findings:
    """Findings with these nodules; the lungs are the two halves of the volume."""
    labels = np.full(volume.hu.shape, LungMask.RIGHT, dtype=np.uint8)
    labels[:, :, volume.grid.shape[2] // 2 :] = LungMask.LEFT
    return Findings(nodules, LungMask(labels, volume.grid), (), models, "2026.1")


def two_nodules(grid: Grid) -> tuple[Nodule, ...]:
    """One nodule in each lung."""
    return (drawn_nodule(grid), drawn_nodule(grid, LEFT_NODULE, "Nodule 2", Composition.GROUND_GLASS))


def a_context(job_key: str = "0f" * 32, models: tuple[ModelIdentity, ...] = (MODEL,)) -> EncodingContext:
    """An encoding context with a fixed clock."""
    return EncodingContext(job_key, NOW, "0.1.0", device_uid("0.1.0", models))


def loaded(datasets: Sequence[Dataset]) -> LoadedSeries:
    """The series as it comes from a PACS."""
    return load_datasets(datasets, SeriesPolicy())


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A source series, and the objects written for it with one nodule in each lung."""

    source: LoadedSeries
    nodules: tuple[Nodule, ...]
    objects: ReportObjects

    @property
    def seg(self) -> Dataset:
        """The segmentation, which exists because there are nodules."""
        assert self.objects.seg is not None
        return self.objects.seg


def a_subject(datasets: Sequence[Dataset]) -> Subject:
    """The series with one nodule in each lung, and its objects."""
    source = loaded(datasets)
    nodules = two_nodules(source.volume.grid)
    return Subject(source, nodules, objects_of(source, nodules))


def objects_of(source: LoadedSeries, nodules: tuple[Nodule, ...] | NotAssessed) -> ReportObjects:
    """The report objects of a series with these nodules."""
    return report_objects(state(some_findings(source.volume, nodules), WordingPolicy()), source, a_context(), A_PDF)


NETWORK = ModelIdentity("reader", "1", "cd" * 32)


def a_full_nodule(nodule: Nodule) -> Nodule:
    """The nodule with every part that characterization adds."""
    volume = nodule.volume_mm3
    solid = SolidComponent(_halved(nodule.diameters), volume / 8)
    return dataclasses.replace(
        nodule,
        measures=NoduleMeasures(
            (volume * 0.9, volume * 1.2),
            (volume * 0.95, volume * 1.1),
            nodule.diameters.long_axis_mm + 1.5,
            612.3,
            0.81,
            solid,
            core_hu=21.4,
        ),
        location=NoduleLocation(Lobe.RUL if nodule.side is Side.RIGHT else Lobe.LLL, 0.93, 3.6, 0.0),
        attributes=NoduleAttributes(
            spiculation=0.83,
            lobulation=0.62,
            ill_defined_margin=0.71,
            cavitation=0.55,
            calcification=0.9,
            calcification_pattern=CalcificationPattern.POPCORN,
            fat=0.51,
            perifissural=0.12,
        ),
        ratings=ReaderRatings(0.724, 4.6, 3.8, 2.9, 3.1, 3.7, 4.4, 0.04, NETWORK),
    )


def _halved(diameters: Diameters) -> Diameters:
    return Diameters(_half(diameters.long_axis), _half(diameters.short_axis), diameters.slice_k)


def _half(axis: AxialAxis) -> AxialAxis:
    middle = (axis.start.as_array() + axis.end.as_array()) / 2
    ends = ((middle + end.as_array()) / 2 for end in (axis.start, axis.end))
    start, end = (PointLps(*(float(value) for value in point)) for point in ends)
    return AxialAxis(start, end)


def calcium_objects(
    source: LoadedSeries, calcium: CalciumScore | NotAssessed, nodules: tuple[Nodule, ...] | NotAssessed = ()
) -> ReportObjects:
    """The report objects of a series with this calcium."""
    findings = dataclasses.replace(some_findings(source.volume, nodules), calcium=calcium)
    return report_objects(state(findings, WordingPolicy()), source, a_context(), A_PDF)
