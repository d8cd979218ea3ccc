"""The lung network: what it takes and gives, what it is taught, and that its card and weights fit each other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cad.domain import LungMask, PointLps, Volume
from cad.geometry import grid_from
from models.lungs.network import LungNet, LungNetConfig, coarse, expected_lungs
from models.lungs.reader import load_lung_reader
from models.running import cards
from models.running.cards import WeightsMismatchError
from models.training.loop import PhaseRecipe, Place
from models.training.lungs.training import (
    SIDES,
    LungRecipe,
    chest_of,
    fitted,
    lung_loss,
    measured_on,
    train_lungs,
    write_card,
)
from models.training.lungs.variations import CHANGES, Chest, varied, with_mass, without_lungs

TINY = LungNetConfig((6, 8, 12, 16))


def a_chest() -> Chest:
    """Two ellipsoids of lung in an elliptic body, at 6 mm."""
    k, j, i = np.ogrid[:40, :44, :60]
    hu = np.full((40, 44, 60), -1000.0, dtype=np.float32)
    hu[np.broadcast_to(((j - 22) / 19) ** 2 + ((i - 30) / 27) ** 2 < 1, hu.shape)] = 40
    lungs = np.zeros(hu.shape, dtype=np.uint8)
    for label, middle in ((LungMask.RIGHT, 17), (LungMask.LEFT, 43)):
        lungs[((k - 22) / 15) ** 2 + ((j - 22) / 13) ** 2 + ((i - middle) / 9) ** 2 < 1] = label
    hu[lungs > 0] = -850
    return Chest(hu, lungs)


def a_volume(
    shape: tuple[int, int, int] = (30, 70, 90), spacing: tuple[float, float, float] = (5.0, 2.0, 2.0)
) -> Volume:
    hu = np.random.default_rng(1).normal(-500, 300, shape).astype(np.int16)
    return Volume(hu, grid_from(shape, spacing, PointLps(0, 0, 0)), "f")


def test_the_cells_of_a_volume_are_means_of_about_six_millimetres() -> None:
    volume = a_volume()
    cells = coarse(volume)
    assert cells.shape == (25, 23, 30)
    assert float(cells.mean()) == pytest.approx(float(volume.hu.mean()), abs=3.0)


def test_thick_slices_are_interpolated_and_thin_ones_averaged() -> None:
    assert coarse(a_volume((12, 40, 40), (10.0, 3.0, 3.0))).shape == (20, 20, 20)
    assert coarse(a_volume((120, 40, 40), (0.5, 3.0, 3.0))).shape == (10, 20, 20)


@pytest.mark.parametrize("shape", [(30, 70, 90), (13, 41, 55)])
def test_any_volume_gives_probabilities_on_its_cells(shape: tuple[int, int, int]) -> None:
    volume = a_volume(shape)
    found = expected_lungs(LungNet(TINY).eval(), volume)
    assert found.right.shape == found.left.shape == coarse(volume).shape
    assert float((found.right + found.left).max()) <= 1.0 + 1e-6
    assert float(found.right.min()) >= 0.0


def test_what_is_put_into_a_lung_does_not_change_its_label() -> None:
    chest = a_chest()
    for seed in range(12):
        changed = with_mass(chest, np.random.default_rng(seed))
        assert np.array_equal(changed.lungs, chest.lungs)
        assert np.array_equal(changed.hu[chest.lungs == 0], chest.hu[chest.lungs == 0])


@pytest.mark.parametrize("change", list(dict.fromkeys(change for _, change in CHANGES)), ids=lambda c: c.__name__)
def test_every_change_gives_a_chest_again(change: object) -> None:
    assert callable(change)
    for seed in range(6):
        changed = change(a_chest(), np.random.default_rng(seed))
        assert changed.hu.shape == changed.lungs.shape
        assert np.isfinite(changed.hu).all()
        assert set(np.unique(changed.lungs)) <= {0, 1, 2}


def test_a_body_without_lungs_has_no_label() -> None:
    assert not without_lungs(a_chest(), np.random.default_rng(1)).lungs.any()


def test_examples_have_one_size_and_follow_their_seed() -> None:
    first, again = (fitted(varied(a_chest(), rng), rng) for rng in (np.random.default_rng(5), np.random.default_rng(5)))
    assert first.hu.shape == first.lungs.shape == SIDES
    assert np.array_equal(first.hu, again.hu)


def test_a_labelled_mass_belongs_to_the_lung_beside_it() -> None:
    chest = a_chest()
    grid = grid_from(chest.hu.shape, (6.0, 6.0, 6.0), PointLps(0, 0, 0))
    labels = chest.lungs.copy()
    labels[18:26, 18:26, 8:14] = 0
    volume = Volume(chest.hu.astype(np.int16), grid, "f")
    k, j, i = 22, 22, 11
    centre = PointLps(*(grid.affine @ np.array([k, j, i, 1.0]))[:3])
    found = chest_of(volume, LungMask(labels, grid), [(centre, 36.0)])
    assert found.lungs[k, j, i] == LungMask.RIGHT
    assert np.count_nonzero(found.lungs) > np.count_nonzero(labels)


def test_the_loss_is_least_where_the_labels_are() -> None:
    labels = torch.from_numpy(a_chest().lungs.astype(np.int64))[None]
    right = 8.0 * torch.nn.functional.one_hot(labels, 3).movedim(-1, 1).float()
    image = torch.from_numpy(a_chest().hu)[None] / 1000
    assert float(lung_loss(right, labels, image)) < 0.01 < float(lung_loss(torch.zeros_like(right), labels, image))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[LungNet, LungRecipe, Path]:
    out = tmp_path_factory.mktemp("lungs")
    phase = PhaseRecipe(steps=6, batch=1, warm_up=2, mine_every=3)
    recipe = replace(LungRecipe(), config=TINY, phase=phase)
    return train_lungs([a_chest()], recipe, Place(out, "cpu", 1)), recipe, out


@pytest.mark.slow
def test_a_training_that_has_ended_gives_the_same_network_again(trained: tuple[LungNet, LungRecipe, Path]) -> None:
    network, recipe, out = trained
    again = train_lungs([a_chest()], recipe, Place(out, "cpu", 1))
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), again.parameters(), strict=True))


@pytest.mark.slow
def test_the_card_names_the_weights_and_what_was_measured(
    trained: tuple[LungNet, LungRecipe, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    network, recipe, out = trained
    agreements = measured_on(network, {"X": a_chest()}, copies=2)
    assert agreements[0].varied_least <= agreements[0].varied_mean <= 1
    write_card(network, recipe, agreements, 1, out)
    monkeypatch.setattr(cards, "CARDS", out)
    monkeypatch.setattr(cards, "WEIGHTS", out)
    reader = load_lung_reader("cpu")
    volume = a_volume()
    assert np.allclose(reader(volume).right, expected_lungs(network, volume).right, atol=1e-6)
    weights = out / "lungs.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\1")
    with pytest.raises(WeightsMismatchError):
        load_lung_reader("cpu")
