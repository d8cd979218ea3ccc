"""Every sample study of the manifest, simulated and read from DICOM to findings.

Marks are put on the true places: what is tested is all but the detector, which has a test of its own.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread

from cad.case.networks import CaseTools
from cad.commands.demonstration import NODULES, SEED, against_truth
from cad.commands.main import main
from cad.domain import Candidate, LungMask, ModelIdentity, Networks, PointLps, Volume
from models.nodules.reader import load_nodule_networks
from models.phantom.simulation import StudyRecipe, simulate
from tests.places import ROOT

STUDIES = tomllib.loads((ROOT / "sample_studies" / "manifest.toml").read_text(encoding="utf-8"))["study"]

pytestmark = pytest.mark.slow
TRUTH = ModelIdentity("truth", "1", "cd" * 32)


@dataclass(frozen=True)
class KnowingDetector:
    """Marks every nodule of a truth."""

    truth: dict[str, Any]
    identity: ModelIdentity = TRUTH
    default_min_score: float = 0.5

    def __call__(self, volume: Volume, lungs: LungMask, min_score: float) -> tuple[Candidate, ...]:  # noqa: ARG002
        return tuple(
            Candidate(PointLps(*nodule["centre_lps_mm"]), nodule["diameter_mm"], 0.9, "truth")
            for nodule in self.truth["nodules"]
        )


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study["name"])
def test_reading_a_sample_study_gives_what_the_manifest_says(study: dict[str, Any], tmp_path: Path) -> None:
    recipe = StudyRecipe(study["seed"], study["nodules"], study.get("followup_days"), study.get("calcium", False))
    for number, visit in enumerate(simulate(tmp_path / "study", recipe)):
        truth = json.loads((visit / "truth.json").read_text(encoding="utf-8"))
        out = tmp_path / f"out{number}"
        assert analyze(visit, truth, out) == 0
        check(study, truth, out)


def test_the_readme_says_what_is_found_in_the_study_of_the_demonstration(tmp_path: Path) -> None:
    (visit,) = simulate(tmp_path / "study", StudyRecipe(SEED, NODULES))
    assert main(["analyze", str(visit), "--out", str(tmp_path / "out"), "--only", "nodules"]) == 0
    found = json.loads((tmp_path / "out" / "findings.json").read_text(encoding="utf-8"))["nodules"]
    truth = json.loads((visit / "truth.json").read_text(encoding="utf-8"))["nodules"]
    sentence = next(against_truth(found, truth))
    assert sentence in (ROOT / "README.md").read_text(encoding="utf-8")


def analyze(visit: Path, truth: dict[str, Any], out: Path) -> int:
    tools = CaseTools(Networks(KnowingDetector(truth), load_nodule_networks("cpu")))
    return main(["analyze", str(visit), "--out", str(out)], lambda _: tools)


def check(study: dict[str, Any], truth: dict[str, Any], out: Path) -> None:
    document = json.loads((out / "findings.json").read_text(encoding="utf-8"))
    low, high = study["lung_volume_ml"]
    assert low <= sum(document["quality"]["lung_volume_ml"].values()) <= high
    assert (out / "seg.dcm").exists() == bool(truth["nodules"])
    assert dcmread(out / "sr.dcm").Modality == "SR"
    found = document["nodules"]
    assert len(found) == len(truth["nodules"])
    for nodule in truth["nodules"]:
        nearest = min(
            found, key=lambda f: float(np.linalg.norm(np.subtract(f["centre_lps_mm"], nodule["centre_lps_mm"])))
        )
        distance = float(np.linalg.norm(np.subtract(nearest["centre_lps_mm"], nodule["centre_lps_mm"])))
        error = abs(nearest["volume_mm3"] / nodule["volume_mm3"] - 1) * 100
        assert distance <= study["centre_error_mm"], (nodule, nearest)
        kind = "solid" if nodule["kind"] == "solid" else "subsolid"
        assert error <= study[f"{kind}_volume_error_percent"], (nodule, nearest)
