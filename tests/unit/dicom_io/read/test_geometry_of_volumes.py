"""A volume lies where its images say, whatever their order, orientation and spacing."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import highdicom
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, given, settings, strategies as st

from cad.domain import PointLps
from cad.geometry import index_of, positions_of
from cad.policy import SeriesPolicy
from dicom_io.read.reading import LoadedSeries, load_datasets, load_series
from tests.made.series import AXIAL, Sphere, a_series, an_enhanced_series, chest_hu, save_series

POLICY = SeriesPolicy()
MARK = Sphere((-60.0, 20.0, 10.0), 14.0, 100.0)
ORIENTATIONS = {
    "supine": AXIAL,
    "prone": (-1.0, 0.0, 0.0, 0.0, -1.0, 0.0),
    "right side down": (0.0, 1.0, 0.0, -1.0, 0.0, 0.0),
    "left side down": (0.0, -1.0, 0.0, 1.0, 0.0, 0.0),
    "seen from the head": (-1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
    "seen from the head, prone": (1.0, 0.0, 0.0, 0.0, -1.0, 0.0),
    "turned by 7 degrees": (0.992546, 0.121869, 0.0, -0.121869, 0.992546, 0.0),
    "angled by 10 degrees": (1.0, 0.0, 0.0, 0.0, 0.984808, 0.173648),
}


def _expected_hu(loaded: LoadedSeries, spheres: Sequence[Sphere] = ()) -> np.ndarray:
    """The phantom at the voxel centres that the grid names."""
    grid = loaded.volume.grid
    indices = np.stack(np.meshgrid(*(np.arange(n) for n in grid.shape), indexing="ij"), axis=-1)
    return chest_hu(positions_of(grid, indices.reshape(-1, 3).astype(np.float64)), spheres).reshape(grid.shape)


@pytest.mark.parametrize("orientation", ORIENTATIONS.values(), ids=ORIENTATIONS.keys())
def test_every_orientation_gives_the_same_chest(orientation: Sequence[float]) -> None:
    series = a_series(
        slices=20,
        rows=70,
        columns=90,
        row_spacing_mm=1.7,
        column_spacing_mm=1.3,
        orientation=orientation,
        spheres=[MARK],
        centre=(-30.0, 12.0, 4.0),
    )
    loaded = load_datasets(series, POLICY)
    # Positions are rounded to a micrometre, so that a voxel on the very edge of an organ may fall to the other side.
    assert np.mean(loaded.volume.hu != _expected_hu(loaded, [MARK])) < 1e-3
    k_axis, j_axis, i_axis = loaded.volume.grid.affine[:3, :3].T
    assert k_axis[2] > 0
    assert j_axis[1] > abs(j_axis[0])
    assert i_axis[0] > abs(i_axis[1])
    inside = index_of(loaded.volume.grid, PointLps(*MARK.centre))
    assert loaded.volume.hu[tuple(round(v) for v in inside)] == MARK.hu


@pytest.mark.parametrize("orientation", ORIENTATIONS.values(), ids=ORIENTATIONS.keys())
def test_results_go_back_onto_the_source_images(orientation: Sequence[float]) -> None:
    series = a_series(slices=20, rows=70, columns=90, orientation=orientation, spheres=[MARK])
    random.Random(5).shuffle(series)
    loaded = load_datasets(series, POLICY)
    source = loaded.layout.to_source(loaded.volume.hu)
    stored = {ds.SOPInstanceUID: np.frombuffer(ds.PixelData, "<u2").reshape(70, 90) for ds in series}
    for image, header in zip(source, loaded.evidence.datasets, strict=True):
        assert np.array_equal(image, stored[header.SOPInstanceUID].astype(np.int32) - 1024)
    assert loaded.series.sop_uids == tuple(ds.SOPInstanceUID for ds in loaded.evidence.datasets)


def test_results_go_back_onto_the_frames_of_a_multi_frame_object() -> None:
    order = [5, 3, 4, 0, 1, 2, *range(6, 20)]
    enhanced = an_enhanced_series(a_series(slices=20, rows=40, columns=50), order)
    loaded = load_datasets([enhanced], POLICY)
    stored = np.frombuffer(enhanced.PixelData, "<u2").reshape(20, 40, 50).astype(np.int32) - 1024
    assert np.array_equal(loaded.layout.to_source(loaded.volume.hu), stored)
    assert [loaded.layout.frame_of_k[k] for k in range(6)] == [3, 4, 5, 1, 2, 0]


def test_pixel_spacing_is_that_of_rows_then_columns() -> None:
    loaded = load_datasets(a_series(slices=20, row_spacing_mm=1.9, column_spacing_mm=1.1), POLICY)
    assert loaded.series.spacing_mm == pytest.approx((1.1, 1.9, 2.5))


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(order=st.permutations(range(18)))
def test_the_order_of_the_objects_does_not_matter(order: list[int]) -> None:
    series = a_series(slices=18, rows=24, columns=32, slice_spacing_mm=3.0, spheres=[MARK])
    plain = load_datasets(series, POLICY)
    shuffled = load_datasets([series[n] for n in order], POLICY)
    assert np.array_equal(shuffled.volume.hu, plain.volume.hu)
    assert shuffled.volume.grid.is_same_as(plain.volume.grid)
    assert shuffled.series == plain.series


@settings(max_examples=8, deadline=None)
@given(scale=st.floats(0.5, 1.0), slice_spacing_mm=st.floats(2.5, 4.9))
def test_spacing_comes_out_as_it_was_written(scale: float, slice_spacing_mm: float) -> None:
    size = {"rows": 24, "columns": 32, "row_spacing_mm": 2 * scale, "column_spacing_mm": scale}
    series = a_series(slices=18, slice_spacing_mm=round(slice_spacing_mm, 3), slice_thickness_mm=3.0, **size)  # type: ignore[arg-type]
    assert load_datasets(series, POLICY).series.spacing_mm == pytest.approx(
        (scale, 2 * scale, slice_spacing_mm), abs=1e-3
    )


def test_small_jitter_of_positions_is_accepted() -> None:
    series = a_series(slices=20)
    for n, ds in enumerate(series):
        ds.ImagePositionPatient = [*ds.ImagePositionPatient[:2], float(ds.ImagePositionPatient[2]) + 0.02 * (n % 3 - 1)]
    assert load_datasets(series, POLICY).volume.grid.spacing_kji_mm[0] == pytest.approx(2.5, abs=0.01)


def test_positions_rounded_to_a_tenth_of_a_millimetre_are_accepted() -> None:
    series = a_series(slices=60, slice_spacing_mm=0.75)
    for ds in series:
        ds.ImagePositionPatient = [round(float(v), 1) for v in ds.ImagePositionPatient]
    assert load_datasets(series, POLICY).volume.grid.spacing_kji_mm[0] == pytest.approx(0.75, abs=0.002)


def test_the_volume_lies_where_simpleitk_reads_it(tmp_path: Path) -> None:
    series = a_series(slices=20, rows=50, columns=70, row_spacing_mm=1.7, column_spacing_mm=1.3, spheres=[MARK])
    folder = save_series(series, tmp_path)
    loaded = load_series([folder], POLICY)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    assert np.array_equal(sitk.GetArrayFromImage(image), loaded.volume.hu)
    for index in [(0, 0, 0), (19, 3, 44), (7, 49, 69)]:
        position = image.TransformIndexToPhysicalPoint(index[::-1])
        assert index_of(loaded.volume.grid, PointLps(*position)) == pytest.approx(index, abs=1e-4)


@pytest.mark.parametrize("orientation", ORIENTATIONS.values(), ids=ORIENTATIONS.keys())
def test_the_volume_agrees_with_highdicom(orientation: Sequence[float]) -> None:
    series = a_series(slices=14, rows=30, columns=40, slice_spacing_mm=4.0, orientation=orientation, spheres=[MARK])
    loaded = load_datasets(series, POLICY)
    volume = highdicom.get_volume_from_series(series, atol=0.01).to_patient_orientation("HPL")
    assert np.array_equal(volume.array.astype(np.int32), loaded.volume.hu)
    assert np.allclose(volume.affine, loaded.volume.grid.affine, atol=1e-4)
