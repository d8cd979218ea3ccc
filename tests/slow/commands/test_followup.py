"""`lungcad analyze --prior`: what is written of the comparison, and that nothing else is lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from cad.case.choices import NetworkChoice
from cad.case.networks import CaseTools
from cad.commands.main import main
from cad.domain import FloatArray, LungMask, Networks, RegistrationQuality, Volume
from cad.policy import SeriesPolicy
from dicom_io.read.reading import load_series
from tests.made.marking import NOW, SPHERES, VESSELS, MarkingDetector
from tests.made.series import Sphere, a_series, save_series
from tests.slow.commands.test_analyze import assert_fits_schema, read_json

POLICY = SeriesPolicy()
QUALITY = RegistrationQuality("deformable", 0.91234, 0.95, 1.0, 0.0, 0.8)
SMALLER = Sphere(SPHERES[0].centre, 9.0)
"""A third of the volume of the first nodule of now; 4 mm³ voxels tell it from 12 mm."""


@dataclass(frozen=True)
class SamePlace:
    """The map between scans of a patient who has not moved."""

    quality: RegistrationQuality = QUALITY

    def to_moving(self, positions: FloatArray) -> FloatArray:
        return positions

    def to_fixed(self, positions: FloatArray) -> FloatArray:
        return positions


def comparing_tools(machinery: NetworkChoice) -> CaseTools:
    def same_place(fixed: Volume, fixed_lungs: LungMask, moving: Volume, moving_lungs: LungMask) -> SamePlace:
        return SamePlace()

    networks = Networks(MarkingDetector(), registrar=same_place)
    return CaseTools(networks, clock=lambda: NOW, software_version="1.2.3", host_cores=2)


def earlier(folder: Path, change: Callable[[Dataset], None] = lambda _: None) -> Path:
    """The same patient 200 days before, with a smaller first nodule; `change` alters every header."""
    series = a_series(spheres=(SMALLER, SPHERES[1], *VESSELS), study="then")
    for ds in series:
        ds.AcquisitionDate = "20230715"
        change(ds)
    return save_series(series, folder)


@dataclass(frozen=True)
class Run:
    out: Path
    printed: str
    document: dict[str, Any]


def run(current: Path, out: Path, capsys: pytest.CaptureFixture[str], *priors: Path) -> Run:
    arguments = ["analyze", str(current), "--out", str(out), "--prior", *map(str, priors)]
    assert main(arguments, comparing_tools) == 0
    return Run(out, capsys.readouterr().out, read_json(out / "findings.json"))


@pytest.fixture(scope="module")
def current(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_series(a_series(spheres=SPHERES + VESSELS, study="now"), tmp_path_factory.mktemp("now"))


def test_the_comparison_is_written_timed_and_summed_up(
    current: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run(current, tmp_path / "out", capsys, earlier(tmp_path / "then"))
    assert_fits_schema(done.document)
    assert "(1 growing, 1 stable since 2023-07-15)" in done.printed
    followup = done.document["followup"]
    assert (followup["interval_days"], followup["nodules_source"]) == (200, "analysed")
    assert followup["prior_series_uid"] == load_series([tmp_path / "then"], POLICY).series.series_uid
    assert followup["registration"]["mean_tre_estimate_mm"] == followup["registration"]["residual_mm"] == 0.8
    assert followup["registration"]["similarity"] == 0.912
    assert followup["registration"]["seconds"] >= 0
    assert done.document["timings_s"]["followup"] > 0
    assert "followup" not in {entry["what"] for entry in done.document["not_assessed"]}
    assert [exam["acquired"] for exam in followup["priors"]] == ["2023-07-15"]


def test_each_nodule_has_its_change_and_its_history(
    current: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run(current, tmp_path / "out", capsys, earlier(tmp_path / "then"))
    grown, stable = done.document["followup"]["nodules"]
    assert (grown["status"], stable["status"]) == ("growing", "stable")
    assert grown["volume_change_percent"] == pytest.approx((12**3 / 9**3 - 1) * 100, rel=0.2)
    assert grown["volume_change_interval_percent"][0] < grown["volume_change_percent"]
    assert grown["doubling_time_days"] > 0
    assert stable["doubling_time_days"] is None
    assert [entry["acquired"] for entry in grown["history"]] == ["2023-07-15", "2024-01-31"]
    assert grown["history"][0]["volume_mm3"] == grown["prior_volume_mm3"]
    uids = [nodule["tracking_uid"] for nodule in done.document["nodules"]]
    assert [change["tracking_uid"] for change in (grown, stable)] == uids
    assert [change["prior_tracking_uid"] for change in (grown, stable)] == uids
    assert {segment.TrackingUID for segment in dcmread(done.out / "seg.dcm").SegmentSequence} == set(uids)


def test_another_patients_series_is_said_and_the_current_one_is_not_lost(
    current: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def of_another(ds: Dataset) -> None:
        ds.PatientID = "SOMEBODY-ELSE"

    done = run(current, tmp_path / "out", capsys, earlier(tmp_path / "then", of_another))
    assert_fits_schema(done.document)
    assert done.document["followup"] is None
    assert len(done.document["nodules"]) == 2
    codes = {warning["code"] for warning in done.document["quality"]["warnings"]}
    assert "prior-other-patient" in codes
    reasons = {entry["what"]: entry["reason"] for entry in done.document["not_assessed"]}
    assert reasons["followup"] == "no-suitable-prior"
    assert "SOMEBODY-ELSE" not in json.dumps(done.document)


def test_each_argument_is_an_examination_of_its_own(
    current: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def long_ago(ds: Dataset) -> None:
        ds.AcquisitionDate, ds.StudyInstanceUID, ds.SeriesInstanceUID = "20220101", "2.25.11", "2.25.12"
        ds.SOPInstanceUID = f"2.25.13{ds.InstanceNumber}"

    priors = earlier(tmp_path / "then"), earlier(tmp_path / "long-ago", long_ago)
    done = run(current, tmp_path / "out", capsys, *priors)
    assert_fits_schema(done.document)
    assert [exam["acquired"] for exam in done.document["followup"]["priors"]] == ["2022-01-01", "2023-07-15"]
    grown = done.document["followup"]["nodules"][0]
    assert grown["trend"]["time_points"] == 3
    assert len(grown["history"]) == 3
