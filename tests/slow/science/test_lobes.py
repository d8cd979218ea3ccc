"""Lobes by fissures, on digital lungs whose fissures are known surfaces; where they are not known, nothing is said."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from cad.domain import Lobe, LungMask, NoduleLocation, NoduleMask, Side, Volume
from cad.geometry import positions_of
from cad.policy import LobePolicy
from cad.science.lobes.location import Borders, find_borders, locate
from tests.made.lobes import Chest, a_chest, above_horizontal_mm, above_oblique_mm

POLICY = LobePolicy()
PLACES = {
    Side.RIGHT: ((-90.0, 20.0, 190.0), (-70.0, -30.0, 175.0), (-95.0, -45.0, 95.0), (-90.0, 50.0, 90.0)),
    Side.LEFT: ((90.0, 20.0, 190.0), (75.0, -40.0, 120.0), (95.0, 50.0, 90.0), (85.0, 20.0, 70.0)),
}


@cache
def seen(
    spacing: tuple[float, float, float] = (2.5, 1.25, 1.25),
    *,
    with_fissures: bool = True,
    emphysema: bool = False,
    lowest_z_mm: float = -12.0,
) -> tuple[Chest, Borders]:
    chest = a_chest(spacing, with_fissures=with_fissures, emphysema=emphysema, lowest_z_mm=lowest_z_mm)
    return chest, find_borders(chest.volume, chest.lungs, POLICY)


def located(
    chest: Chest, borders: Borders, centre: tuple[float, float, float], diameter_mm: float = 8.0
) -> NoduleLocation:
    side = Side.RIGHT if centre[0] < 0 else Side.LEFT
    return locate(chest.ball(centre, diameter_mm), side, borders, POLICY)


def true_lobe(centre: tuple[float, float, float]) -> Lobe:
    lps = np.array(centre)
    if centre[0] > 0:
        return Lobe.LUL if above_oblique_mm(lps, Side.LEFT) > 0 else Lobe.LLL
    if above_oblique_mm(lps, Side.RIGHT) < 0:
        return Lobe.RLL
    return Lobe.RUL if above_horizontal_mm(lps) > 0 else Lobe.RML


@pytest.mark.slow
@pytest.mark.parametrize("spacing", [(2.5, 1.25, 1.25), (5.0, 1.0, 1.0), (1.5, 1.0, 1.0)])
def test_fissures_are_found_within_a_millimetre_of_the_true_surface(spacing: tuple[float, float, float]) -> None:
    chest, borders = seen(spacing)
    grid = chest.volume.grid
    for lung in borders.lungs:
        label = LungMask.LEFT if lung.side is Side.LEFT else LungMask.RIGHT
        voxels = np.argwhere(chest.lungs.labels[::3, ::4, ::4] == label) * np.array([3, 4, 4])
        truth = above_oblique_mm(positions_of(grid, voxels.astype(np.float64)), lung.side)
        near = np.abs(truth) < 2
        assert lung.oblique is not None
        assert lung.oblique.is_found
        measured = lung.oblique.above_mm(voxels[near] * np.array(spacing))
        upright = np.hypot(1, 1.0 if lung.side is Side.RIGHT else 1.25)
        assert np.percentile(np.abs(measured - truth[near] / upright), 95) < 1.0


@pytest.mark.parametrize("emphysema", [False, True])
@pytest.mark.parametrize("side", list(Side))
def test_the_lobe_of_a_nodule_away_from_the_fissures_is_named(side: Side, emphysema: bool) -> None:
    chest, borders = seen(emphysema=emphysema)
    for centre in PLACES[side]:
        location = located(chest, borders, centre)
        assert location.lobe is true_lobe(centre)
        assert location.lobe_confidence > 0.95


@pytest.mark.slow
def test_no_lobe_is_wrong_anywhere_whatever_the_slices_and_the_lung() -> None:
    random = np.random.default_rng(3)
    settings = [seen(), seen((5.0, 1.0, 1.0)), seen(emphysema=True), seen(with_fissures=False)]
    for chest, borders in settings:
        told = 0
        for _ in range(60):
            centre = (
                random.choice([-1, 1]) * random.uniform(55, 105),
                random.uniform(-50, 50),
                random.uniform(50, 190),
            )
            location = located(chest, borders, centre)
            told += location.lobe is not None
            assert location.lobe in (None, true_lobe(centre))
            assert (location.lobe is None) == (location.lobe_confidence == 0)
        assert told >= (30 if borders.lungs[0].fissures else 10)


def test_a_nodule_across_a_fissure_has_no_lobe_and_touches_the_fissure() -> None:
    chest, borders = seen()
    y = 15.0
    on_fissure = 105 + 1.25 * y + 6 * np.sin(y / 35)
    location = located(chest, borders, (80.0, y, float(on_fissure)))
    assert location.lobe is None
    assert location.lobe_confidence == 0
    assert location.fissure_mm == 0


@pytest.mark.parametrize("away_mm", [6.0, 15.0])
def test_the_distance_to_the_fissure_is_that_of_the_surface(away_mm: float) -> None:
    chest, borders = seen((1.5, 1.0, 1.0))
    y = 15.0
    upright = np.hypot(1, 1.25)
    above = 105 + 1.25 * y + 6 * np.sin(y / 35) + (away_mm + 4) * upright
    location = located(chest, borders, (80.0, y, float(above)))
    assert location.fissure_mm == pytest.approx(away_mm, abs=1.2)
    assert location.lobe is Lobe.LUL


def test_where_no_fissure_is_seen_no_distance_is_given_and_no_lobe_near_its_usual_place() -> None:
    chest, borders = seen(with_fissures=False)
    assert all(not lung.fissures for lung in borders.lungs)
    location = located(chest, borders, (80.0, 15.0, 135.0))
    assert (location.lobe, location.lobe_confidence, location.fissure_mm) == (None, 0, None)
    assert located(chest, borders, (85.0, -20.0, 200.0)).lobe is Lobe.LUL


def test_a_lung_that_the_image_cuts_has_no_lobes_but_a_pleura() -> None:
    chest, borders = seen(lowest_z_mm=90.0)
    location = located(chest, borders, (90.0, 20.0, 190.0))
    assert (location.lobe, location.lobe_confidence, location.fissure_mm) == (None, 0, None)
    assert location.pleura_mm is not None


def test_the_mirror_image_has_the_mirrored_lobes() -> None:
    """A former left lung has one fissure only, so its upper lobe may be called the upper or the middle one."""
    chest, _ = seen()
    swapped = np.array([0, LungMask.LEFT, LungMask.RIGHT], dtype=np.uint8)[chest.lungs.labels[:, :, ::-1]]
    volume = Volume(chest.volume.hu[:, :, ::-1].copy(), chest.volume.grid, "1.2.3")
    borders = find_borders(volume, LungMask(swapped, volume.grid), POLICY)
    expected: dict[Lobe, tuple[Lobe, ...]] = {Lobe.RUL: (Lobe.LUL,), Lobe.RML: (Lobe.LUL,), Lobe.RLL: (Lobe.LLL,)}
    expected |= {Lobe.LUL: (Lobe.RUL, Lobe.RML), Lobe.LLL: (Lobe.RLL,)}
    for centre in (*PLACES[Side.RIGHT], *PLACES[Side.LEFT]):
        mask = chest.ball(centre, 8.0)
        end = chest.volume.grid.shape[2] - mask.offset[2] - mask.voxels.shape[2]
        flipped = NoduleMask(mask.voxels[:, :, ::-1].copy(), (*mask.offset[:2], end), volume.grid)
        side = Side.LEFT if centre[0] < 0 else Side.RIGHT
        lobe = locate(flipped, side, borders, POLICY).lobe
        assert lobe in (None, *expected[true_lobe(centre)])
        assert lobe is not None or true_lobe(centre) is Lobe.LUL


@pytest.mark.parametrize("away_mm", [0.0, 3.0, 12.0])
def test_the_distance_to_the_pleura_is_that_of_the_chest_wall(away_mm: float) -> None:
    chest, borders = seen((1.5, 1.0, 1.0))
    wall_x = 80 + 60.0  # the widest place of the left lung, at y = 0 below its narrowing
    location = located(chest, borders, (wall_x - away_mm - 4.0, 0.0, 80.0))
    assert location.pleura_mm == pytest.approx(away_mm, abs=1.3)


def test_the_outline_beside_a_main_bronchus_is_no_pleura() -> None:
    chest, plain = seen()
    hu = chest.volume.hu.copy()
    grid = chest.volume.grid
    x = grid.affine[0, 3] + grid.spacing_kji_mm[2] * np.arange(grid.shape[2])
    y = grid.affine[1, 3] + grid.spacing_kji_mm[1] * np.arange(grid.shape[1])
    air = (np.abs(x) < 18)[None, :] & (np.abs(y) < 30)[:, None]
    hu[50:70, air] = -1000
    borders = find_borders(Volume(hu, grid, "1.2.3"), chest.lungs, POLICY)
    beside = (28.0, 0.0, float(grid.affine[2, 3] + 60 * 2.5))
    without, with_bronchus = (located(chest, found, beside).pleura_mm for found in (plain, borders))
    assert without is not None
    assert with_bronchus is not None
    assert without < 3
    assert with_bronchus > without + 5


def test_a_single_lung_is_enough_and_the_other_has_no_location() -> None:
    chest, _ = seen()
    right = np.where(chest.lungs.labels == LungMask.RIGHT, chest.lungs.labels, 0).astype(np.uint8)
    borders = find_borders(chest.volume, LungMask(right, chest.lungs.grid), POLICY)
    assert borders.of(Side.LEFT) is None
    assert located(chest, borders, PLACES[Side.RIGHT][0]).lobe is true_lobe(PLACES[Side.RIGHT][0])
    location = located(chest, borders, PLACES[Side.LEFT][0])
    assert (location.lobe, location.pleura_mm, location.fissure_mm) == (None, None, None)


def test_a_few_voxels_of_lung_do_not_fail() -> None:
    chest, _ = seen()
    labels = np.zeros_like(chest.lungs.labels)
    labels[40:42, 60:63, 60:63] = LungMask.RIGHT
    borders = find_borders(chest.volume, LungMask(labels, chest.lungs.grid), POLICY)
    mask = NoduleMask(np.ones((1, 1, 1), dtype=np.bool_), (41, 61, 61), chest.volume.grid)
    assert locate(mask, Side.RIGHT, borders, POLICY).lobe is None
