"""Whole nodules put from one chest into another: what comes along, what stays, and who is kept for measurement."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cad.domain import Float32Array
from models.training.material.transplants import (
    LUNG_HU,
    Transplant,
    divide,
    draw_transplant,
    implant,
    read_transplants,
    transplant_of,
    turned,
)

SPACING = (2.0, 0.8, 0.8)


def donor(wall_at: int | None = None) -> Transplant:
    """A ball of 10 mm, 60 HU, with a vessel beside it in lung of -820 HU; on one side a wall from that column on."""
    axes = np.meshgrid(*(np.arange(n) * s for n, s in zip((14, 40, 40), SPACING, strict=True)), indexing="ij")
    away = np.sqrt(sum((a - m) ** 2 for a, m in zip(axes, (13.0, 15.6, 15.6), strict=True)))
    hu = np.full(away.shape, -820.0, dtype=np.float32)
    hu[:, 28:30, :] = -100.0
    if wall_at is not None:
        hu[:, :, wall_at:] = 50.0
    mask = away <= 5.0
    hu[mask] = 60.0
    found = transplant_of(hu, mask, SPACING)
    assert found is not None
    return Transplant("A", *found, texture=5.0)


def host(hu: float = -880.0) -> Float32Array:
    return np.full((64, 64, 64), hu, dtype=np.float32)


def test_the_nodule_and_what_is_beside_it_come_along() -> None:
    one, cube = donor(), host()
    implant(cube, one, (20, 20, 20))
    nodule = cube[20 : 20 + one.hu.shape[0], 20 : 20 + one.hu.shape[1], 20 : 20 + one.hu.shape[2]]
    assert float(np.median(nodule[one.solid > 0.9])) == pytest.approx(60.0, abs=1.0)
    assert one.diameter_mm == pytest.approx(10.0, rel=0.06)
    beside = nodule[(one.solid == 0) & (one.weight > 0.05)]
    assert float(beside.max()) > -700  # the vessel, fading out
    assert np.all(cube[:18] == -880.0)
    assert np.all(cube[:, :, -8:] == -880.0)


def test_the_lung_around_it_takes_the_attenuation_of_the_host() -> None:
    one, cube = donor(), host(-880.0)
    implant(cube, one, (20, 20, 20))
    around = cube[20 : 20 + one.hu.shape[0], 20 : 20 + one.hu.shape[1], 20 : 20 + one.hu.shape[2]]
    lung = around[(one.weight > 0.3) & (one.solid == 0) & (around < LUNG_HU)]
    assert float(np.median(lung)) == pytest.approx(-880.0, abs=5.0)


def test_a_wall_stays_where_it_was() -> None:
    one, cube = donor(wall_at=26), host()
    assert one.wall > 0.1
    implant(cube, one, (20, 20, 20))
    assert np.count_nonzero(cube > -300) < 2.5 * np.count_nonzero(one.solid > 0.5)


def test_a_nodule_with_wall_around_it_is_put_beside_a_wall_only() -> None:
    rng = np.random.default_rng(1)
    walled = donor(wall_at=26)
    walled = Transplant(**{name: getattr(walled, name) for name in walled.__slots__} | {"wall": 0.5})
    assert draw_transplant([walled], 10.0, near_wall=False, rng=rng) is None
    assert draw_transplant([walled], 10.0, near_wall=True, rng=rng) is not None
    assert draw_transplant([walled], 20.0, near_wall=True, rng=rng) is None


def test_turning_keeps_the_nodule() -> None:
    one = donor()
    for seed in range(8):
        other = turned(one, np.random.default_rng(seed))
        assert float(other.solid.sum()) == pytest.approx(float(one.solid.sum()))
        assert float(other.hu[other.solid > 0.9].mean()) == pytest.approx(float(one.hu[one.solid > 0.9].mean()))


def test_a_nodule_without_lung_around_it_is_not_taken() -> None:
    hu = np.full((14, 40, 40), 40.0, dtype=np.float32)
    mask = np.zeros(hu.shape, dtype=np.bool_)
    mask[5:9, 15:25, 15:25] = True
    assert transplant_of(hu, mask, SPACING) is None


def test_no_patient_is_learnt_from_and_measured_with() -> None:
    one = donor()
    many = [Transplant(**{n: getattr(one, n) for n in one.__slots__} | {"patient": f"P{k % 60}"}) for k in range(120)]
    learnt, kept = divide(many, strangers={"P1", "P2"}, known={"P3"})
    assert {t.patient for t in learnt}.isdisjoint(t.patient for t in kept)
    assert {"P1", "P2"} <= {t.patient for t in kept}
    assert "P3" in {t.patient for t in learnt}
    assert len(learnt) + len(kept) == 120
    assert 0.08 < len(kept) / 120 < 0.4


def test_an_archive_is_read_with_its_patients_and_ratings(tmp_path: Path) -> None:
    axes = np.meshgrid(*(np.arange(n) * s for n, s in zip((14, 40, 40), SPACING, strict=True)), indexing="ij")
    mask = sum((a - m) ** 2 for a, m in zip(axes, (13.0, 15.6, 15.6), strict=True)) <= 25.0
    hu = np.where(mask, 60, -820).astype(np.int16)
    columns = ["patient", "nodule", "spacing_k_mm", "spacing_row_mm", "spacing_column_mm", "diameter_mm", "readers"]
    np.savez(
        tmp_path / "vois.npz",
        hu=np.concatenate([hu.ravel()] * 2),
        mask_bits=np.concatenate([np.packbits(mask.ravel())] * 2),
        start=np.array([0, hu.size, 2 * hu.size]),
        mask_start=np.array([0, (hu.size + 7) // 8, 2 * ((hu.size + 7) // 8)]),
        shape=np.array([hu.shape] * 2),
        nodules=np.array([[7, 1, *SPACING, 10.0, 4], [8, 1, *SPACING, 10.0, 2]], dtype=np.float32),
        nodule_columns=np.array(columns),
        ratings=np.array([[5, 2], [4, 1]], dtype=np.int8),
        rating_columns=np.array(["malignancy", "texture"]),
    )
    (one,) = read_transplants(tmp_path / "vois.npz", min_readers=3)
    assert (one.patient, one.texture) == ("LIDC-IDRI-0007", 2.0)
    assert one.diameter_mm == pytest.approx(10.0, rel=0.06)
