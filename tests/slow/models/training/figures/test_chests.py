"""Chests that were changed on purpose: the truth stays true, and what is read of them is summed up rightly."""

from __future__ import annotations

import numpy as np
import pytest

from cad.domain import LungMask, Volume
from cad.errors import Reason, Refusal
from models.training.figures.chest_figures import EMPTY, ChestReading, chest_readings, summarised
from models.training.figures.chests import CHESTS, PLACES, VariedChest, mass, open_airway, without_lungs
from tests.slow.science.test_lungs import LEFT_LUNG, RIGHT_LUNG, a_chest, a_space, a_volume


@pytest.fixture(scope="module")
def whole() -> VariedChest:
    space = a_space()
    labels = space.ellipsoid(*RIGHT_LUNG) * LungMask.RIGHT + space.ellipsoid(*LEFT_LUNG) * LungMask.LEFT
    return VariedChest(a_volume(a_chest(space), space), labels.astype(np.uint8))


@pytest.mark.parametrize("change", CHESTS)
def test_a_changed_chest_keeps_its_lungs(change: str, whole: VariedChest) -> None:
    changed = CHESTS[change](whole, np.random.default_rng(1))
    assert changed.volume.hu.shape == changed.lungs.shape == changed.volume.grid.shape
    assert changed.volume.hu.dtype == np.int16
    voxels = np.count_nonzero(changed.lungs) / np.count_nonzero(whole.lungs)
    assert voxels > (0.4 if change == "scan range" else 0.85)


@pytest.mark.parametrize("place", PLACES)
def test_a_mass_lies_in_a_lung_at_its_border(place: str, whole: VariedChest) -> None:
    changed = mass(place, 55.0)(whole, np.random.default_rng(2))
    assert changed.put_in is not None
    assert changed.put_in.any()
    assert np.all(whole.lungs[changed.put_in] > 0)
    assert float(np.median(changed.volume.hu[changed.put_in])) > 0


def test_an_open_airway_reaches_from_the_front_into_the_chest(whole: VariedChest) -> None:
    hu = open_airway(whole, np.random.default_rng(3)).volume.hu
    fronts = (hu[:, 0, :] == -1000).any(axis=1) & (hu[:, hu.shape[1] // 2, hu.shape[2] // 2] == -1000)
    assert fronts.any()


@pytest.mark.parametrize("kind", EMPTY)
def test_inputs_without_lungs_have_none(kind: str, whole: VariedChest) -> None:
    assert not without_lungs(whole, kind, np.random.default_rng(1)).lungs.any()


def test_what_is_read_is_held_against_the_truth(whole: VariedChest) -> None:
    def segment(volume: Volume) -> LungMask:
        dark = (volume.hu > -950) & (volume.hu < -700)
        if np.count_nonzero(dark) < 1000:
            raise Refusal(Reason.NO_LUNGS_IN_VIEW, "none")
        labels = np.where(np.arange(dark.shape[2]) < dark.shape[2] // 2, LungMask.RIGHT, LungMask.LEFT) * dark
        return LungMask(labels.astype(np.uint8), volume.grid)

    lungs = LungMask(whole.lungs.copy(), whole.volume.grid)
    readings = list(chest_readings({"A": (whole.volume, lungs)}, segment, copies=1, seed=1))
    assert len(readings) == len(CHESTS) + len(EMPTY)
    plain = next(r for r in readings if r.change == "scan range")
    assert plain.dice is not None
    assert 0.8 < plain.dice < 1
    held = [r.put_in_held for r in readings if r.change.startswith("mass")]
    assert held == pytest.approx([0.0] * len(held), abs=0.05)


def test_the_summary_counts_refusals_and_takes_the_worst() -> None:
    readings = [
        ChestReading("A", "couch", 0.9, 0.8, None),
        ChestReading("B", "couch", None, None, None),
        ChestReading("A", "effusion", 0.7, 0.6, 0.4),
        ChestReading("A", "water", None, None, None),
    ]
    rows = {row.change: row for row in summarised(readings)}
    assert (rows["couch"].chests, rows["couch"].refused, rows["couch"].least_dice) == (2, 1, 0.9)
    assert rows["effusion"].least_held == 0.4
    assert (rows["all with lungs"].chests, rows["all with lungs"].refused) == (3, 1)
    assert rows["all with lungs"].mean_dice == pytest.approx(0.8)
    assert rows["all with lungs"].least_side == 0.6
