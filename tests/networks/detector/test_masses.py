"""Masses on the coarser copy: where they lie in the scan, and which marks they replace."""

from __future__ import annotations

import numpy as np
import pytest

from cad.domain import Candidate, LungMask, ModelIdentity, PointLps, Volume
from cad.geometry import distance_mm, grid_from, position_of
from models.detector.detector import load_detector
from models.detector.masses import CELL_MM, MassDetector, coarsened, joined


def a_scan(spacing: tuple[float, float, float], ball_mm: float | None = None) -> tuple[Volume, LungMask, PointLps]:
    """A box of lung of 200 mm in soft tissue; with a ball of soft tissue in it."""
    shape = tuple(round(240 / mm) for mm in spacing)
    grid = grid_from((shape[0], shape[1], shape[2]), spacing, PointLps(-50.0, 20.0, 700.0))
    axes = np.ogrid[: shape[0], : shape[1], : shape[2]]
    k, j, i = ((a * mm > 20) & (a * mm < 220) for a, mm in zip(axes, spacing, strict=True))
    lungs = k & j & i
    rng = np.random.default_rng(1)
    hu = np.where(lungs, -860.0, 40.0) + rng.normal(0, 15, shape)
    middle = tuple(130 / mm for mm in spacing)
    if ball_mm is not None:
        away = sum(((a - m) * mm) ** 2 for a, m, mm in zip(axes, middle, spacing, strict=True))
        hu[away < (ball_mm / 2) ** 2] = 40
    centre = position_of(grid, (middle[0], middle[1], middle[2]))
    return Volume(hu.astype(np.int16), grid, "f"), LungMask(lungs.astype(np.uint8), grid), centre


def mark(centre: PointLps, diameter_mm: float, score: float) -> Candidate:
    return Candidate(centre, diameter_mm, score, "test")


@pytest.mark.parametrize("spacing", [(2.5, 0.7, 0.7), (5.0, 1.0, 1.0), (0.8, 0.6, 0.6)])
def test_a_mark_on_the_copy_lies_where_it_does_in_the_scan(spacing: tuple[float, float, float]) -> None:
    volume, lungs, centre = a_scan(spacing)
    copy = coarsened(volume, lungs)
    cells = np.array(copy.volume.hu.shape)
    index = (np.array([130 / mm for mm in spacing]) + 0.5) * cells / np.array(volume.hu.shape) - 0.5
    there = position_of(copy.volume.grid, (index[0], index[1], index[2]))
    found = copy.to_source(mark(there, 20.0, 0.9))
    assert distance_mm(found.centre, centre) < 1e-6
    assert found.diameter_mm == pytest.approx(20.0 * CELL_MM, rel=0.02)


def test_the_copy_holds_the_means_and_the_closed_lungs() -> None:
    volume, lungs, _ = a_scan((2.5, 1.0, 1.0), ball_mm=60.0)
    labels = lungs.labels.copy()
    labels[:, 100:160, 190:] = 0
    copy = coarsened(volume, LungMask(labels, volume.grid))
    assert float(copy.volume.hu.mean()) == pytest.approx(float(volume.hu.mean()), abs=3.0)
    assert copy.lungs.labels[48, 50, 60]


def test_a_mass_takes_the_place_of_the_marks_on_it() -> None:
    here = PointLps(0, 0, 0)
    small, far = mark(PointLps(15, 0, 0), 8.0, 0.97), mark(PointLps(80, 0, 0), 6.0, 0.4)
    found = joined([small, far], [mark(here, 60.0, 0.8)])
    assert [(m.diameter_mm, m.score) for m in found] == [(60.0, 0.97), (6.0, 0.4)]


def test_a_mark_of_the_size_of_the_mass_stands() -> None:
    good = mark(PointLps(2, 0, 0), 50.0, 0.9)
    assert joined([good], [mark(PointLps(0, 0, 0), 60.0, 0.99)]) == (good,)


class Telling:
    """A detector that marks the middle of what is dense in the lungs, with the diameter that it has there."""

    @property
    def identity(self) -> ModelIdentity:
        return ModelIdentity("telling", "1", "ab" * 32)

    @property
    def default_min_score(self) -> float:
        return 0.3

    def __call__(self, volume: Volume, lungs: LungMask, min_score: float) -> tuple[Candidate, ...]:
        dense = (volume.hu > -300) & (lungs.labels > 0)
        inner = dense[3:-3, 3:-3, 3:-3]
        if not inner.any() or min_score > 0.8:
            return ()
        k, j, i = (float(np.median(v)) + 3 for v in np.nonzero(inner))
        diameter = (6 / np.pi * inner.sum() * volume.grid.voxel_volume_mm3) ** (1 / 3)
        return (Candidate(position_of(volume.grid, (k, j, i)), float(diameter), 0.8, "telling"),)


def test_small_marks_of_the_copy_are_left_to_the_scan() -> None:
    volume, lungs, centre = a_scan((2.5, 1.0, 1.0), ball_mm=18.0)
    detector = MassDetector(Telling())
    assert detector.masses(volume, lungs, 0.3) == ()
    (found,) = detector(volume, lungs, 0.3)
    assert distance_mm(found.centre, centre) < 3


@pytest.mark.slow
@pytest.mark.parametrize("ball_mm", [45.0, 70.0])
def test_the_shipped_network_finds_a_mass(ball_mm: float) -> None:
    volume, lungs, centre = a_scan((2.5, 1.0, 1.0), ball_mm=ball_mm)
    found = MassDetector(load_detector("cpu"))(volume, lungs, 0.3)
    best = min(found, key=lambda m: distance_mm(m.centre, centre))
    assert distance_mm(best.centre, centre) < ball_mm / 4
    assert best.diameter_mm == pytest.approx(ball_mm, rel=0.2)
