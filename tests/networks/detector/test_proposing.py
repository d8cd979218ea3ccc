"""Where proposals are looked for, and that how an array is cut into tiles does not show."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st

from cad.domain import LungMask, PointLps
from cad.geometry import grid_from, position_of
from models.detector.detector import DETECTOR_NAME, load_detector
from models.detector.proposals import ALIGNMENT, CONTEXT, MARGIN_MM, cells_near, lung_boxes, response, tiles_of
from models.detector.rpn3d import STRIDE, Proposal, decode, suppress
from models.running.cards import load_network, read_detector_card
from models.running.resample import working_box
from models.running.runtimes import DIAMETER_TOLERANCE, POSITION_TOLERANCE_MM, SCORE_TOLERANCE
from tests.made.lung_parts import lung_hu, lung_part


@given(st.integers(1, 900), st.tuples(st.integers(1, 300), st.integers(1, 300)), st.integers(1, 10_000_000))
def test_tiles_keep_every_slice_once_and_start_where_cells_start(
    depth: int, plane: tuple[int, int], largest: int
) -> None:
    tiles = list(tiles_of((depth, *plane), largest))
    assert [s for t in tiles for s in range(t.start, t.stop)] == list(range(depth))
    assert all(t.low % ALIGNMENT == t.start % ALIGNMENT == 0 for t in tiles)
    assert all(t.low == max(0, t.start - CONTEXT) for t in tiles)
    assert all(t.high == min(depth, t.stop + CONTEXT) for t in tiles)
    least = 2 * CONTEXT + ALIGNMENT
    assert all((t.high - t.low) * plane[0] * plane[1] <= max(largest, least * plane[0] * plane[1]) for t in tiles)


@pytest.mark.parametrize("slices", [148, 190, 240])
def test_the_size_of_tiles_does_not_show(slices: int) -> None:
    card = read_detector_card(DETECTOR_NAME)
    network = load_network(card, torch.device("cpu"))
    hu = torch.from_numpy(lung_hu((301, 60, 56))).float()
    whole = response(network, card.config, hu)
    tiled = response(network, card.config, hu, slices * 60 * 56)
    assert whole.shape == tiled.shape
    expected, found = (suppress(decode(o, card.floor), 200) for o in (whole, tiled))
    assert len(expected) >= 5
    least = card.floor + 0.05  # a proposal at the floor may be on either side of it
    assert [p for p in expected if p.logit >= least and not _is_in(p, found)] == []
    assert [p for p in found if p.logit >= least and not _is_in(p, expected)] == []


def _is_in(proposal: Proposal, others: list[Proposal]) -> bool:
    """Whether one of the others is the same. A logit's change never changes a score by more, at a weight of 4."""
    return any(
        np.linalg.norm(np.subtract(proposal.centre, other.centre)) <= POSITION_TOLERANCE_MM
        and abs(proposal.logit - other.logit) <= SCORE_TOLERANCE
        and abs(proposal.diameter - other.diameter) <= DIAMETER_TOLERANCE * proposal.diameter
        for other in others
    )


def _lungs(spacing_kji_mm: tuple[float, float, float]) -> LungMask:
    """Two lungs of different size with more than twice the margin between them and around them."""
    shape = tuple(round(n / s) for n, s in zip((90, 80, 150), spacing_kji_mm, strict=True))
    labels = np.zeros(shape, dtype=np.uint8)
    k, j, i = (np.arange(n) * s for n, s in zip(shape, spacing_kji_mm, strict=True))
    in_both = ((k > 25) & (k < 60))[:, None, None] & ((j > 30) & (j < 55))[None, :, None]
    labels[in_both & ((i > 20) & (i < 55))[None, None]] = LungMask.RIGHT
    labels[in_both & ((i > 100) & (i < 130))[None, None]] = LungMask.LEFT
    return LungMask(labels, grid_from((shape[0], shape[1], shape[2]), spacing_kji_mm, PointLps(0, 0, 0)))


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (1.25, 0.7, 0.7), (5.0, 0.5, 0.5)])
def test_cells_are_looked_at_when_their_lung_is_within_the_margin(spacing: tuple[float, float, float]) -> None:
    lungs = _lungs(spacing)
    boxes = lung_boxes(lungs)
    assert [box.label for box in boxes] == [LungMask.RIGHT, LungMask.LEFT]
    for box in boxes:
        shape = tuple(b - a for a, b in zip(box.low, box.high, strict=True))
        near = cells_near(lungs, box, 1.0)
        assert near.shape == tuple(
            math.ceil(math.ceil(n * s - 1e-6) / STRIDE) for n, s in zip(shape, spacing, strict=True)
        )
        inside = np.argwhere(lungs.labels == box.label) * np.array(spacing)
        centres = ((np.argwhere(near | ~near) + 0.5) * STRIDE - 0.5).reshape(*near.shape, 3)
        origin = (np.array(box.low) - 0.5) * spacing + 0.5
        beyond = np.maximum(inside.min(0) - (centres + origin), (centres + origin) - inside.max(0)).clip(0)
        away = np.linalg.norm(beyond, axis=-1)
        slack = STRIDE * np.sqrt(3) + max(spacing)  # distances are between whole cells
        assert near[away <= MARGIN_MM - slack].all()
        assert not near[away > MARGIN_MM + slack].any()


def test_nothing_is_proposed_far_from_the_lung() -> None:
    volume, _ = lung_part()
    labels = np.zeros(volume.grid.shape, dtype=np.uint8)
    labels[8:-8, 8:-8, 8:40] = LungMask.RIGHT
    lungs = LungMask(labels, volume.grid)
    marks = load_detector("cpu", "torch")(volume, lungs, 0.0)
    edge = position_of(volume.grid, (0.0, 0.0, 39.0)).x
    assert marks
    assert max(mark.centre.x for mark in marks) <= edge + MARGIN_MM + 2 * STRIDE


def test_the_cells_of_a_box_are_those_of_its_working_grid() -> None:
    volume, lungs = lung_part()
    (box,) = lung_boxes(lungs)
    card = read_detector_card(DETECTOR_NAME)
    network = load_network(card, torch.device("cpu"))
    hu = working_box(volume, box.low, box.high, card.config.spacing_mm, torch.device("cpu")).hu
    assert cells_near(lungs, box, card.config.spacing_mm).shape == response(network, card.config, hu).shape[1:]
