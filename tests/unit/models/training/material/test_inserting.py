"""Where nodules are inserted for measurement, on a block of lung with one vessel."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import numpy as np
import pytest

from cad.domain import Int16Array, UInt8Array
from cad.geometry import distance_mm
from models.training.detector.patches import Background, Lesion
from models.training.material.blend import Optics
from models.training.material.insertion import (
    LOCATIONS,
    Places,
    fill,
    places_of,
    planted_shapes,
    size_of,
    suitable,
    wishes,
)
from models.training.material.shapes import NoduleShape

SHAPE = (60, 50, 56)
VESSEL = (25, 28)


def _chest(*, top: int = 55) -> tuple[Int16Array, UInt8Array]:
    """Lung from k = 5 to `top` with a vessel along k."""
    lungs = np.zeros(SHAPE, dtype=np.uint8)
    lungs[5:top, 5:45, 5:51] = 1
    hu = np.where(lungs > 0, -860, 40).astype(np.int16)
    hu[:, VESSEL[0] - 1 : VESSEL[0] + 2, VESSEL[1] - 1 : VESSEL[1] + 2] = 20
    return hu, lungs


@pytest.fixture(scope="module")
def places() -> Places:
    return places_of(*_chest(), seed=1)


def test_distances_are_those_to_the_border_and_to_the_vessel(places: Places) -> None:
    k, j, i = places.voxels.astype(float).T
    walls = [k - 4, 55 - k, j - 4, 45 - j, i - 4, 51 - i]
    assert places.depth_mm == pytest.approx(np.min(walls, axis=0))
    middle = (k > 12) & (k < 47)
    away = np.hypot(np.maximum(abs(j - VESSEL[0]) - 1, 0), np.maximum(abs(i - VESSEL[1]) - 1, 0))
    assert places.vessel_mm[middle] == pytest.approx(away[middle])


def test_each_location_lies_where_its_name_says(places: Places) -> None:
    k = places.voxels[:, 0]
    assert k[suitable(places, "apical", 2.0)].min() >= 45
    assert k[suitable(places, "basal", 2.0)].max() < 5 + 18
    assert places.depth_mm[suitable(places, "juxtapleural", 4.0)].max() <= 4
    touching = suitable(places, "juxtavascular", 4.0)
    assert places.vessel_mm[touching].min() >= 2
    assert places.vessel_mm[touching].max() <= 4
    assert not (suitable(places, "parenchyma", 4.0) & (touching | suitable(places, "juxtapleural", 4.0))).any()


def test_a_lung_that_the_image_cuts_has_no_apex_and_its_cut_is_no_border() -> None:
    cut = places_of(*_chest(top=60), seed=1)
    assert not cut.apical.any()
    high = cut.voxels[:, 0] > 57
    assert cut.depth_mm[high].max() > 10
    assert not suitable(cut, "juxtapleural", 4.0)[high].any()


def test_wishes_are_balanced_in_each_factor() -> None:
    dealt = list(islice(wishes(3), 120))
    assert set(Counter(w.size for w in dealt).values()) == {30}
    assert set(Counter(w.location for w in dealt).values()) == {20}
    assert sorted(Counter(w.kind.value for w in dealt).values()) == [12, 36, 36, 36]
    assert dealt == list(islice(wishes(3), 120))


def test_inserted_nodules_are_of_the_size_and_place_wished_for_and_touch_nothing(places: Places) -> None:
    hu, lungs = _chest()
    axis = np.arange(15) - 7.0
    k, j, i = np.meshgrid(axis, axis, axis, indexing="ij")
    ball = np.clip(4.5 - np.sqrt(k**2 + j**2 + i**2), 0, 1).astype(np.float32)
    shape = NoduleShape("P", ball, ball, 8.0, 5.0)
    real = (Lesion((30.0, 15.0, 15.0), 10.0),)
    background = Background("A", hu, lungs, real, (), Optics(0.4, 0.4, 5.0))
    wanted = [w for w in islice(wishes(5), 200) if w.size in ("4-6 mm", "6-10 mm")][:8]
    scan = fill(background, places, planted_shapes((shape,)), wanted, np.random.default_rng(6))
    added = [r for r in scan.references if not r.ignore]
    assert len(added) + len(scan.dropped) == 8
    assert len(added) >= 4
    for n, one in enumerate(scan.references):
        assert all(
            distance_mm(one.centre, o.centre) > (one.diameter_mm + o.diameter_mm) / 2 for o in scan.references[:n]
        )
    wished = Counter((w.size, w.kind.value, w.location) for w in wanted)
    assert not Counter((size_of(r.diameter_mm), r.kind, r.location) for r in added) - wished
    assert {r.location for r in added} <= set(LOCATIONS)
    assert np.count_nonzero(scan.hu != hu) > 0
