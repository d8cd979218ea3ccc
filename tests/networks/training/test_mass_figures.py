"""Masses put into scans: their true length, what counts as found, and the table."""

from __future__ import annotations

import numpy as np
import pytest

from cad.commands.masses_bench import as_json, table
from cad.domain import LungMask, PointLps, Volume
from cad.geometry import grid_from, position_of
from models.training.figures.mass_figures import LargeMark, Told, longest_axial_mm, mass_readings, mass_summaries


def a_scan() -> tuple[Volume, LungMask]:
    """Two boxes of lung in soft tissue, of 2.5 × 2 × 2 mm."""
    grid = grid_from((80, 110, 150), (2.5, 2.0, 2.0), PointLps(0, 0, 0))
    labels = np.zeros((80, 110, 150), dtype=np.uint8)
    labels[10:70, 20:90, 12:65], labels[10:70, 20:90, 85:138] = LungMask.RIGHT, LungMask.LEFT
    hu = np.where(labels > 0, -850, 40).astype(np.int16)
    return Volume(hu, grid, "f"), LungMask(labels, grid)


def test_the_longest_axis_is_that_of_the_ellipse_that_was_drawn() -> None:
    volume, _ = a_scan()
    k, j, i = np.ogrid[:80, :110, :150]
    turned = (0.8 * (j - 50) + 0.6 * (i - 70)) ** 2 / 20**2 + (0.6 * (j - 50) - 0.8 * (i - 70)) ** 2 / 9**2
    mask = (turned + ((k - 40) / 8) ** 2) <= 1
    assert longest_axial_mm(mask, volume) == pytest.approx(2 * 20 * 2.0, abs=3.0)
    assert longest_axial_mm(np.zeros_like(mask), volume) == 0.0


def brightest(volume: Volume) -> Told:
    """A reader that marks the middle of what is dense in the right lung, 10 % too long, and another place."""
    _, lungs = a_scan()
    dense = (lungs.labels > 0) & (volume.hu > -300)
    if not dense.any():
        return Told((), said=False)
    middle = position_of(volume.grid, tuple(np.argwhere(dense).mean(axis=0)))
    far = PointLps(-500.0, 0.0, 0.0)
    return Told((LargeMark(middle, 1.09 * longest_axial_mm(dense, volume)), LargeMark(far, 40.0)), said=True)


def test_a_mark_inside_is_found_and_one_elsewhere_is_further() -> None:
    readings = list(mass_readings("made-up", a_scan(), brightest, 3))
    assert len(readings) >= 15
    *_, whole = mass_summaries(readings)
    assert (whole.place, whole.masses, whole.silent, whole.further) == ("all", len(readings), 0, 1.0)
    assert whole.found >= 0.9 * len(readings)
    assert whole.close >= 0.8 * whole.found
    assert "long axis within 10 %" in table(readings)
    assert as_json(readings).count("made-up") == len(readings)


def test_what_nobody_marks_or_says_is_silent() -> None:
    *_, whole = mass_summaries(list(mass_readings("made-up", a_scan(), lambda _: Told((), said=False), 3)))
    assert whole.silent == whole.masses
    assert whole.found == 0
