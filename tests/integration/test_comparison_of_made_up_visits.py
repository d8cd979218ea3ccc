"""Two visits of a made-up patient, from files to what became of each nodule, with the shipped networks."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from cad.commands.main import main

DAYS = 180

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def visits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study of four nodules, of which one grows, one shrinks and one is gone at the second visit; one is new."""
    folder = tmp_path_factory.mktemp("visits") / "study"
    assert main(["simulate", str(folder), "--nodules", "4", "--followup", str(DAYS)]) == 0
    return folder


@pytest.fixture(scope="module")
def document(visits: Path) -> dict[str, Any]:
    out = visits.parent / "out"
    arguments = ["analyze", str(visits / "followup" / "series"), "--prior", str(visits / "baseline" / "series")]
    assert main([*arguments, "--out", str(out)]) == 0
    found: dict[str, Any] = json.loads((out / "findings.json").read_text())
    return found


def fates_of(visits: Path) -> list[dict[str, Any]]:
    truth: dict[str, Any] = json.loads((visits / "followup" / "truth.json").read_text())
    fates: list[dict[str, Any]] = truth["followup"]["nodules"]
    return fates


def test_every_nodule_meets_its_true_fate_and_no_other_is_named(visits: Path, document: dict[str, Any]) -> None:
    followup = document["followup"]
    assert followup["interval_days"] == DAYS
    assert followup["registration"]["method"] == "deformable"
    fates = fates_of(visits)
    assert {fate["status"] for fate in fates} == {"growing", "stable", "shrinking", "resolved", "new"}
    for fate in fates:
        change = change_of(fate, followup["nodules"])
        assert change["status"] == fate["status"], fate["id"]
    assert len(followup["nodules"]) == len(fates)


def test_change_of_volume_is_about_the_true_one(visits: Path, document: dict[str, Any]) -> None:
    for fate in fates_of(visits):
        if "volume_change_percent" not in fate:
            continue
        measured = change_of(fate, document["followup"]["nodules"])["volume_change_percent"]
        # two measured volumes, each within about a tenth of the truth or off alike
        assert math.log1p(measured / 100) == pytest.approx(math.log1p(fate["volume_change_percent"] / 100), abs=0.25)


def change_of(fate: dict[str, Any], changes: list[dict[str, Any]]) -> dict[str, Any]:
    """The change whose place in the earlier scan, or of a new nodule in the current one, is that of the fate."""
    name, place = ("prior_centre_lps_mm", "prior_centre_lps_mm")
    if fate["status"] == "new":
        name, place = ("centre_lps_mm", "place_in_current_lps_mm")
    known = [change for change in changes if change[place] is not None]
    nearest = min(known, key=lambda change: math.dist(change[place], fate[name]))
    assert math.dist(nearest[place], fate[name]) < 5
    return nearest
