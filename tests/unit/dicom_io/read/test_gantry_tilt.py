"""A tilted gantry: slices set upright, values and source images untouched."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom.dataset import Dataset

from cad.domain import PointLps
from cad.errors import Reason, Refusal
from cad.geometry import index_of, positions_of
from cad.policy import SeriesPolicy
from dicom_io.read.reading import load_datasets
from tests.made.series import Sphere, a_series, chest_hu

POLICY = SeriesPolicy()
MARK = Sphere((40.0, -12.0, 18.0), 18.0, 300)


def tilted(degrees: float, *, header: float | None = None, about: str = "cosines") -> list[Dataset]:
    """A chest whose slices lean by so many degrees: turned images on an upright way, or the other way round."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turned = about == "cosines"
    series = a_series(
        slices=40,
        rows=110,
        columns=128,
        orientation=(1.0, 0.0, 0.0, 0.0, c, -s) if turned else (1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
        step=(0.0, 0.0, 2.5) if turned else (0.0, 2.5 * s / c, 2.5),
        spheres=[MARK],
    )
    for ds in series if header is not None else ():
        ds.GantryDetectorTilt = header
    return series


@pytest.mark.parametrize("about", ["cosines", "way"])
@pytest.mark.parametrize("degrees", [-18.0, -7.5, 5.0, 19.0])
def test_a_tilted_chest_lies_upright_where_it_was(degrees: float, about: str) -> None:
    loaded = load_datasets(tilted(degrees, header=degrees, about=about), POLICY)
    grid = loaded.volume.grid
    k, j, i = grid.affine[:3, :3].T
    assert abs(k @ j) + abs(k @ i) < 1e-6
    assert grid.spacing_kji_mm[0] == pytest.approx(2.5 * (np.cos(np.radians(degrees)) if about == "cosines" else 1))
    indices = np.stack(np.meshgrid(*(np.arange(n) for n in grid.shape), indexing="ij"), axis=-1).reshape(-1, 3)
    expected = chest_hu(positions_of(grid, indices.astype(np.float64)), [MARK]).reshape(grid.shape)
    shown = loaded.volume.hu > -1024
    # no voxel is further than half a pixel of 2 mm from its place: a rim of the organs falls to the other side
    assert np.mean(loaded.volume.hu[shown] != expected[shown]) < 0.02
    mark = loaded.volume.hu == MARK.hu
    assert mark.sum() * grid.voxel_volume_mm3 == pytest.approx(4 / 3 * np.pi * 9**3, rel=0.06)
    centre = positions_of(grid, np.argwhere(mark).mean(axis=0)[None])[0]
    assert np.linalg.norm(centre - MARK.centre) < 0.6
    assert [caution.code for caution in loaded.cautions] == ["gantry-tilt-corrected"]


@pytest.mark.parametrize("degrees", [-12.0, 12.0])
def test_results_go_back_onto_the_tilted_images(degrees: float) -> None:
    series = tilted(degrees)
    loaded = load_datasets(series, POLICY)
    stored = {ds.SOPInstanceUID: np.frombuffer(ds.PixelData, "<u2").reshape(110, 128) for ds in series}
    for image, header in zip(loaded.layout.to_source(loaded.volume.hu), loaded.evidence.datasets, strict=True):
        assert np.array_equal(image, stored[header.SOPInstanceUID].astype(np.int32) - 1024)
    some = [30, 3]
    planes = loaded.layout.planes_to_source(loaded.volume.hu[some], some)
    for plane, k in zip(planes, some, strict=True):
        uid = loaded.evidence.datasets[loaded.layout.instance_of_k[k]].SOPInstanceUID
        assert np.array_equal(plane, stored[uid].astype(np.int32) - 1024)


def test_a_mark_lies_on_the_image_where_its_position_says() -> None:
    loaded = load_datasets(tilted(15.0), POLICY)
    k, j, i = (round(v) for v in index_of(loaded.volume.grid, PointLps(*MARK.centre)))
    assert loaded.volume.hu[k, j, i] == MARK.hu


@pytest.mark.parametrize(("lean", "named"), [(0.0, 12.0), (12.0, 4.0), (0.0, -12.0)])
def test_a_header_that_contradicts_the_positions_is_refused(lean: float, named: float) -> None:
    with pytest.raises(Refusal) as refusal:
        load_datasets(tilted(lean, header=named), POLICY)
    assert refusal.value.reason is Reason.GANTRY_TILT
    assert refusal.value.facts["degrees"] == pytest.approx(12.0, abs=0.01)


def test_more_than_is_corrected_is_refused() -> None:
    with pytest.raises(Refusal) as refusal:
        load_datasets(tilted(24.0, about="way"), POLICY)
    assert refusal.value.reason is Reason.GANTRY_TILT
