"""The bench: what it prints, and that each contender really runs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cad.commands.detector_bench import BenchResult, table
from cad.commands.main import main
from cad.domain import LungMask, PointLps, Volume
from cad.geometry import grid_from
from models.detector.bench import PEER, PUBLISHED, Contest, Measured, measure

OURS = Measured("lungcad, torch bf16", 0.5, 2.0, 1.5, 0.9)
PEERS = Measured("MONAI RetinaNet, torch bf16", 3.0, 60.0, 60.0, 7.0)


def test_the_table_says_how_many_times_as_long_the_peer_takes() -> None:
    lines = table(BenchResult("10 x 20 x 30 voxels of 1 x 1 x 2 mm", 1.25, (OURS, PEERS))).splitlines()
    assert lines[0].startswith("10 x 20 x 30")
    assert lines[-1].split() == ["MONAI", "RetinaNet,", "torch", "bf16", "3.0", "60.00", "60.00", "7.00", "40.0"]
    assert len({len(line) for line in lines[3:]}) == 1


@pytest.mark.slow
def test_the_peer_runs_its_own_architecture_in_a_process_of_its_own() -> None:
    hu = np.random.default_rng(1).normal(-800, 100, (20, 60, 60)).astype(np.int16)
    grid = grid_from(hu.shape, (1.25, 0.7, 0.7), PointLps(0, 0, 0))
    volume, lungs = Volume(hu, grid, "f"), LungMask(np.ones(hu.shape, dtype=np.uint8), grid)
    small = replace(PUBLISHED, patch=(48, 48, 16))
    (row,) = measure([Contest(PEER, "cpu", 0, small)], volume, lungs)
    assert row.name.startswith("MONAI RetinaNet")
    assert row.median_s == row.first_s > 0
    assert 0.2 < row.peak_gib < 8


@pytest.mark.slow
def test_the_command_measures_every_runtime_on_a_series(
    phantom: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "bench.json"
    assert main(["bench", str(phantom), "--runs", "1", "--skip-peer", "--json", str(out)]) == 0
    printed = capsys.readouterr().out
    found = json.loads(out.read_text())
    assert found["rows"][0]["name"].startswith("lungcad, torch")
    for row in found["rows"]:
        assert row["name"] in printed
        assert row["set_up_s"] > 0
        assert row["median_s"] > 0
        assert row["peak_gib"] > 0.2
