"""The mass network: what it is taught, how its marks lie in the scan, and that its card and weights fit each other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from cad.domain import LungMask, PointLps, Volume
from cad.geometry import grid_from, index_of
from models.lungs.masses import closed, coarse_chest, find_masses
from models.lungs.network import LungNet, LungNetConfig, scaled
from models.lungs.reader import load_mass_reader
from models.training.loop import PhaseRecipe, Place
from models.training.lungs.masses import (
    SIDE,
    SMALLEST_CELLS,
    MassChest,
    MassRecipe,
    example,
    held_out_figures,
    mass_chest,
    mass_loss,
    train_masses,
    write_mass_card,
)
from models.training.material.shapes import NoduleShape

SPACINGS = [(2.5, 0.8, 0.8), (5.0, 1.0, 1.0), (1.0, 0.7, 0.7)]


def a_scan(spacing: tuple[float, float, float], ball_mm: float = 0.0) -> tuple[Volume, LungMask]:
    """A box of lung of 180 mm in soft tissue, with a ball of soft tissue on its wall."""
    shape = tuple(round(240 / mm) for mm in spacing)
    grid = grid_from((shape[0], shape[1], shape[2]), spacing, PointLps(-50.0, 20.0, 700.0))
    axes = np.ogrid[: shape[0], : shape[1], : shape[2]]
    k, j, i = ((a * mm > 30) & (a * mm < 210) for a, mm in zip(axes, spacing, strict=True))
    lungs = k & j & i
    hu = np.where(lungs, -860.0, 40.0)
    if ball_mm:
        away = sum(((a * mm) - m) ** 2 for a, mm, m in zip(axes, spacing, (120, 120, 50), strict=True))
        hu[(away < (ball_mm / 2) ** 2) & lungs] = 45
    return Volume(hu.astype(np.int16), grid, "f"), LungMask(lungs.astype(np.uint8), grid)


class Painter(LungNet):
    """A network that sees mass in a ball of cells of the image it is given."""

    def __init__(self, radius_cells: float) -> None:
        super().__init__(LungNetConfig((6, 8, 12, 16), classes=1))
        self.radius_cells = radius_cells

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        middle = [n / 2 for n in image.shape[2:]]
        axes = torch.meshgrid(*(torch.arange(n, dtype=torch.float32) for n in image.shape[2:]), indexing="ij")
        away = torch.stack([(a - m) ** 2 for a, m in zip(axes, middle, strict=True)]).sum(0).sqrt()
        return (4 * (self.radius_cells - away))[None, None].expand(image.shape[0], 1, *image.shape[2:])


@pytest.mark.parametrize("spacing", SPACINGS)
def test_cells_of_three_millimetres_lie_where_their_voxels_do(spacing: tuple[float, float, float]) -> None:
    volume, lungs = a_scan(spacing)
    chest = coarse_chest(volume, lungs)
    assert np.allclose(chest.factors * spacing, 3.0, rtol=0.03)
    inside = np.argwhere(chest.lungs > 0)
    cell = inside[len(inside) // 2]
    voxel = (cell + 0.5) * chest.factors - 0.5 + chest.start
    assert chest.cells_of(voxel[None])[0] == pytest.approx(cell)
    assert lungs.labels[tuple(np.rint(voxel).astype(int))] == 1


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("diameter_mm", [36.0, 60.0])
def test_a_mark_lies_in_the_scan_where_the_network_saw_it(
    spacing: tuple[float, float, float], diameter_mm: float
) -> None:
    volume, lungs = a_scan(spacing)
    dense = Volume(np.full_like(volume.hu, 45), volume.grid, "f")  # the border is the network's alone
    (found,) = find_masses(Painter(diameter_mm / 6).eval(), dense, lungs)
    volume_mm3 = found.mask.voxel_count * volume.grid.voxel_volume_mm3
    assert (6 * volume_mm3 / np.pi) ** (1 / 3) == pytest.approx(diameter_mm, rel=0.05)
    assert found.score > 0.9
    chest = coarse_chest(volume, lungs)
    expected = (np.array(chest.hu.shape) / 2 + 0.5) * chest.factors - 0.5 + chest.start
    middle = np.argwhere(found.mask.voxels).mean(axis=0) + found.mask.offset
    assert np.linalg.norm((middle - expected) * spacing) < 4.0


def test_nothing_small_is_a_mass() -> None:
    volume, lungs = a_scan((2.5, 1.0, 1.0))
    assert find_masses(Painter(3.0).eval(), volume, lungs) == ()


def test_at_air_the_image_draws_the_border() -> None:
    volume, lungs = a_scan((2.5, 1.0, 1.0), ball_mm=60.0)
    network = Painter(40.0).eval()
    (found,) = find_masses(network, volume, lungs)
    rim = found.mask.voxels & (volume.hu[found.mask.slices] < -400)
    share = 1 - rim.sum() / found.mask.voxel_count
    assert share < 1.0  # what the network is sure of may hold air: a cavity


def test_lungs_are_closed_each_for_itself() -> None:
    lungs = np.zeros((30, 30, 44), dtype=np.uint8)
    lungs[5:25, 5:25, 4:20], lungs[5:25, 5:25, 24:40] = 1, 2
    lungs[11:14, 11:14, 4:8] = 0
    whole = closed(lungs, 4)
    assert whole[12, 12, 7]
    assert not whole[12, 12, 22]


def a_shape(radius: float = 9.0) -> NoduleShape:
    axis = np.arange(27) - 13
    away = np.sqrt(axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2)
    ball = np.clip(radius - away + 0.5, 0, 1).astype(np.float32)
    return NoduleShape("LIDC-IDRI-9999", ball, ball, diameter_mm=2 * radius, texture=5.0)


@pytest.fixture(scope="module")
def chest() -> MassChest:
    volume, lungs = a_scan((3.0, 3.0, 3.0))
    return mass_chest(volume, lungs, [(PointLps(100.0, 140.0, 820.0), 30.0)])


def test_a_real_mass_is_neither_mass_nor_background(chest: MassChest) -> None:
    assert 0 < np.count_nonzero(chest.weight == 0) < 0.02 * chest.weight.size


def drawn(chest: MassChest, count: int) -> Iterator[tuple[np.ndarray, ...]]:
    rng = np.random.default_rng(4)
    for _ in range(count):
        yield example(chest, (a_shape(),), rng)


def test_examples_show_a_mass_where_the_target_says(chest: MassChest) -> None:
    dense: list[bool] = []
    for hu, target, weight in drawn(chest, 24):
        assert hu.shape == target.shape == weight.shape == (SIDE,) * 3
        inside = (target > 0.9) & (weight > 0.9)
        if inside.sum() >= SMALLEST_CELLS:
            dense.append(bool(np.median(hu[inside]) > -60))
    assert len(dense) >= 8
    assert np.mean(dense) > 0.7  # others are cavities


def test_the_loss_is_least_where_the_target_is() -> None:
    target = torch.zeros(1, 6, 6, 6)
    target[:, 2:4, 2:4, 2:4] = 1
    weight = torch.ones_like(target)
    right = 8 * (2 * target - 1)
    assert mass_loss(right, target, weight) < mass_loss(-right, target, weight)
    assert mass_loss(right, target, weight) < mass_loss(torch.zeros_like(right), target, weight)
    wrong_where_ignored = torch.where(target > 0, -right, right)
    assert mass_loss(wrong_where_ignored, target, 1 - target) == pytest.approx(
        float(mass_loss(right, target, 1 - target)), abs=0.05
    )


def test_a_training_resumes_and_writes_a_card(chest: MassChest, tmp_path: Path) -> None:
    phase = PhaseRecipe(steps=4, batch=1, warm_up=1, save_every=2)
    recipe = MassRecipe(config=LungNetConfig((6, 8, 12, 16), classes=1), phase=phase, measured=2)
    place = Place(tmp_path, "cpu", 1)
    network = train_masses([chest], (a_shape(),), recipe, place)
    again = train_masses([chest], (a_shape(),), recipe, place)
    image = scaled(torch.from_numpy(chest.hu[:32, :32, :32].copy()))[None, None]
    assert torch.equal(network.eval()(image), again.eval()(image))
    volume, lungs = a_scan((3.0, 3.0, 3.0))
    figures = held_out_figures(network, [mass_chest(volume, lungs, ())], (a_shape(),), recipe)
    card = write_mass_card(network, recipe, figures, 1, tmp_path)
    assert "median_dice" in card.read_text()


def test_the_installed_network_finds_a_mass_on_the_wall() -> None:
    volume, lungs = a_scan((2.5, 0.8, 0.8), ball_mm=60.0)
    found = load_mass_reader("cpu")(volume, lungs)
    assert isinstance(load_mass_reader("cpu").network, nn.Module)
    for mass in found:
        k, j, i = index_of(volume.grid, PointLps(-50 + 50, 20 + 120, 700 + 120))
        assert mass.mask.voxel_count > 0
        assert all(v >= 0 for v in (k, j, i))
