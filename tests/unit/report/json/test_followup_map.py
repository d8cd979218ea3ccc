"""The map of a comparison as the web page reads it, against a map that is known exactly."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from cad.domain import FloatArray
from cad.geometry import positions_of
from cad.report.json.followup_map import MARGIN_MM, SCHEMA, STEP_MM, comparison_map
from tests.made.comparisons import STRETCH, SWING_LENGTH_MM, SWING_MM, KnownMap, MadeUpPair, a_followup, a_pair

TOLERANCE_MM = STEP_MM**2 / 8 * SWING_MM * (2 * np.pi * STRETCH / SWING_LENGTH_MM) ** 2 + 1e-4
"""The error of linear interpolation: step² / 8 × the largest second derivative; and float32's."""


@pytest.fixture(scope="module")
def pair() -> MadeUpPair:
    return a_pair()


@pytest.fixture(scope="module")
def encoded(pair: MadeUpPair) -> bytes:
    return comparison_map(a_followup(pair), pair.lungs)


def header_of(encoded: bytes) -> dict[str, Any]:
    (length,) = struct.unpack("<I", encoded[:4])
    header: dict[str, Any] = json.loads(encoded[4 : 4 + length])
    return header


def interpolated(encoded: bytes, name: str, places: FloatArray) -> FloatArray:
    """Places [n, 3] carried by one lattice, with scipy's linear interpolation."""
    (length,) = struct.unpack("<I", encoded[:4])
    told = header_of(encoded)[name]
    start, count = 4 + length + told["offset"], 3 * int(np.prod(told["shape"]))
    nodes = np.frombuffer(encoded, "<f4", count, start).reshape(*told["shape"], 3)
    at = ((places - told["origin_lps_mm"]) / told["step_mm"])[:, ::-1].T
    return np.stack([map_coordinates(nodes[..., axis], at, order=1) for axis in range(3)], axis=1)


def lung_places(pair: MadeUpPair) -> FloatArray:
    return positions_of(pair.lungs.grid, np.argwhere(pair.lungs.labels)[::7].astype(np.float64))


def test_carries_every_place_of_the_lungs_there(pair: MadeUpPair, encoded: bytes) -> None:
    here = lung_places(pair)
    there = KnownMap().to_moving(here)
    np.testing.assert_allclose(interpolated(encoded, "to_prior", here), there, atol=TOLERANCE_MM)


def test_carries_every_place_of_the_lungs_back(pair: MadeUpPair, encoded: bytes) -> None:
    here = lung_places(pair)
    there = KnownMap().to_moving(here)
    np.testing.assert_allclose(interpolated(encoded, "to_current", there), here, atol=TOLERANCE_MM)


def test_reaches_beyond_the_lungs_on_every_side(pair: MadeUpPair, encoded: bytes) -> None:
    places = positions_of(pair.lungs.grid, np.argwhere(pair.lungs.labels).astype(np.float64))
    told = header_of(encoded)["to_prior"]
    first = np.array(told["origin_lps_mm"])
    last = first + STEP_MM * (np.array(told["shape"][::-1]) - 1)
    np.testing.assert_allclose(places.min(axis=0) - first, MARGIN_MM, atol=1e-6)
    assert (last - places.max(axis=0) >= MARGIN_MM - 1e-6).all()


def test_positions_lie_on_whole_floats_and_fill_the_rest(encoded: bytes) -> None:
    header = header_of(encoded)
    (length,) = struct.unpack("<I", encoded[:4])
    assert (header["schema"], length % 4) == (SCHEMA, 0)
    sizes = [12 * int(np.prod(header[name]["shape"])) for name in ("to_prior", "to_current")]
    assert [header[name]["offset"] for name in ("to_prior", "to_current")] == [0, sizes[0]]
    assert len(encoded) == 4 + length + sum(sizes)
