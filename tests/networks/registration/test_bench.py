"""The bench of registrations: what it measures, and that the peer really registers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cad.commands.main import main
from cad.commands.registration_bench import parse_landmarks, table
from cad.domain import FloatArray
from models.registration.bench import Registered, folding
from models.registration.peers import by_simpleitk
from tests.made.breathing_lung import a_scan, inner_points, scan_grid

OURS = Registered("lungcad", 1.2, 0.9, 2.0, 0.0, 10.0, 15.0, 0.8)
PEER = Registered("SimpleITK", 2.3, 1.5, 4.5, 0.0012, 50.0, 90.0, 0.5)


def shifted(positions: FloatArray) -> FloatArray:
    moved: FloatArray = positions + np.array([3.0, -5.0, 6.0])
    return moved


def mirrored_below(positions: FloatArray) -> FloatArray:
    """Folds where z is below 0: there it runs upwards again."""
    moved = np.array(positions)
    moved[:, 2] = np.abs(moved[:, 2])
    return moved


def test_the_table_holds_error_folding_time_and_memory() -> None:
    lines = table([OURS, PEER]).splitlines()
    assert lines[2].split() == ["SimpleITK", "2.30", "1.50", "4.50", "0.120%", "50.0", "90.0", "0.50"]
    assert len({len(line) for line in lines}) == 1


def test_folding_is_the_part_of_the_lungs_that_is_turned_over() -> None:
    lungs = a_scan(vessels=0, grid=scan_grid((5.0, 5.0, 5.0))).lungs
    assert folding(shifted, lungs) == 0
    assert folding(mirrored_below, lungs) == pytest.approx(0.5, abs=0.06)  # half a slice of the lung's 25


def test_simpleitk_finds_a_shift() -> None:
    fixed, moving = (a_scan(warp, scan_grid((5.0, 5.0, 5.0))) for warp in (shifted, lambda positions: positions))
    points = inner_points(0.6)
    found = by_simpleitk(fixed, moving)(points)
    assert np.linalg.norm(found - shifted(points), axis=1).mean() < 2.5  # half a voxel


@pytest.mark.parametrize(
    "document",
    [
        {"moving": [[4, 5, 6]], "fixed": [[1, 2, 3]]},
        {"unit": "LPS mm", "baseline": [[1, 2, 3]], "followup": [[4, 5, 6]]},
    ],
)
def test_landmarks_are_read_by_name_or_in_order(document: dict[str, object]) -> None:
    fixed, moving = parse_landmarks(json.dumps(document).encode())
    np.testing.assert_array_equal(fixed, [[1, 2, 3]])
    np.testing.assert_array_equal(moving, [[4, 5, 6]])


@pytest.mark.parametrize("text", [b"[]", b"{", b'{"fixed": [[1, 2, 3]], "moving": []}', b'{"fixed": [[1, 2, 3]]}'])
def test_other_landmarks_are_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_landmarks(text)


def test_a_pair_without_landmarks_is_a_wrong_call(tmp_path: Path) -> None:
    for name in ("fixed.mha", "moving.mha"):
        (tmp_path / name).touch()
    assert main(["bench-registration", str(tmp_path / "fixed.mha"), str(tmp_path / "moving.mha")]) == 2
