"""`lungcad validate` on a small batch: figures by hand, and rows that cannot be read."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from cad.commands.main import main
from cad.commands.validation_references import BadReference, read_manifest, truth_of
from tests.made.marking import SPHERES, VESSELS, no_tools
from tests.made.series import a_series, save_series
from tests.slow.commands.test_calcium import PLAQUE, ROOT, calcium_tools

LAD_AGATSTON = 413.33
"""Of the plaque, by hand: 31 voxels × 4 mm² × weight 4 × 2.5 mm / 3 mm (tests/slow/commands/test_calcium.py)."""


def nodule(centre: tuple[float, float, float], diameter_mm: float, **more: object) -> dict[str, object]:
    return {"centre_lps_mm": list(centre), "diameter_mm": diameter_mm, **more}


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two readable series, one whose series is missing, one with a broken truth, one that is no chest."""
    folder = tmp_path_factory.mktemp("batch")
    save_series(a_series(spheres=(*SPHERES, *VESSELS, PLAQUE, ROOT)), folder / "one" / "series")
    save_series(a_series(spheres=(*SPHERES, *VESSELS), study="two", series="two"), folder / "two" / "series")
    save_series(a_series(columns=12, rows=24, study="four", series="four"), folder / "four" / "series")
    truths: dict[str, object] = {
        "one": {
            "nodules": [
                nodule(SPHERES[0].centre, 12.0, volume_mm3=904.8),
                nodule((60.0, 20.0, 30.0), 6.0),
                nodule(SPHERES[1].centre, 18.0, ignore=True),
            ],
            "calcium": {"agatston": 450.0, "arteries": {"LAD": 450.0, "RCA": 0}},
            "followup": {"nodules": [{"status": "growing", "centre_lps_mm": list(SPHERES[0].centre)}]},
        },
        "two": {"nodules": [], "calcium": {"arteries": {"LM": 0, "LAD": {"agatston": 20}, "LCX": 0, "RCA": 0}}},
        "three": {"nodules": []},
        "four": {"nodules": []},
        "five": {"nodules": [{"centre_lps_mm": [1, 2]}]},
    }
    for name, truth in truths.items():
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "truth.json").write_text(json.dumps(truth), encoding="utf-8")
    with (folder / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("series", "truth"))
        writer.writerows((f"{name}/series", f"{name}/truth.json") for name in truths)
    return folder


@pytest.fixture(scope="module")
def out(batch: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("validated") / "out"
    assert main(["validate", str(batch / "manifest.csv"), "--out", str(folder)], calcium_tools) == 0
    return folder


@pytest.fixture(scope="module")
def report(out: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((out / "report.json").read_text(encoding="utf-8"))
    return document


def test_bad_rows_are_said_and_do_not_stop_the_batch(report: dict[str, Any]) -> None:
    assert (report["series"], report["read"], report["failed"]) == (5, 2, 3)
    failed = {row["row"]: row["reason"] for row in report["rows"] if row["status"] == "failed"}
    assert failed == {3: "not-found", 4: "no-lungs-in-view", 5: "bad-reference"}


def test_nodules_are_counted_by_the_luna16_rule(report: dict[str, Any]) -> None:
    # both series are marked at both spheres: in the first one is found, one ignored and one reference missed; the
    # second has no reference, so that both of its marks are false
    figures = report["nodules"]
    assert (figures["scans"], figures["references"]) == (2, 2)
    assert figures["working_point"]["sensitivity"]["value"] == 0.5
    assert figures["working_point"]["false_per_scan"]["value"] == 1.0
    assert report["rows"][0]["nodules"] == {"references": 2, "found": 1, "false": 0}
    assert report["rows"][1]["nodules"] == {"references": 0, "found": 0, "false": 2}
    at_8 = figures["froc"][-1]
    assert (at_8["false_per_scan"], at_8["value"]) == (8.0, 0.5)


def test_calcium_agrees_by_tier_and_artery(report: dict[str, Any]) -> None:
    figures = report["calcium"]
    assert figures["assessed"] == {"both": 2, "finding_only": 0, "reference_only": 0, "neither": 0}
    assert figures["tiers"]["found_by_truth"] == [[0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1]]
    # observed 1/2 agree, by chance 1/4; (1/2 - 1/4) / (3/4)
    assert figures["tiers"]["kappa_unweighted"] == pytest.approx(1 / 3, abs=1e-4)
    # linear: observed 1; expected (1 + 3 + 2 + 0) / 2 = 3
    assert figures["tiers"]["kappa_linear"] == pytest.approx(1 - 1 / 3, abs=1e-4)
    lad = figures["arteries"]["LAD"]
    assert (lad["both"], lad["first_only"], lad["second_only"], lad["neither"]) == (1, 0, 1, 0)
    assert lad["mean_difference"] == pytest.approx((LAD_AGATSTON - 450 - 20) / 2, abs=0.01)
    assert figures["agatston"]["bland_altman"]["bias"]["value"] == pytest.approx(lad["mean_difference"], abs=0.01)


def test_a_nodule_that_the_comparison_does_not_list_is_not_found(report: dict[str, Any]) -> None:
    assert report["followup"]["agreement"] == 0
    assert report["rows"][0]["followup"] == [{"found": "not-found", "reference": "growing"}]


def test_the_page_says_the_same_and_every_row_that_failed(out: Path) -> None:
    page = (out / "report.md").read_text(encoding="utf-8")
    assert "2 of 5 series were read, 3 were not." in page
    assert "non-gated estimate" in page
    assert "| 5 | five/series | bad-reference |" in page
    assert "kappa 0.333, linear 0.667" in page


def test_a_json_manifest_reads_the_same(batch: Path) -> None:
    rows = [{"series": "one/series", "truth": "one/truth.json", "prior": "two/series"}]
    manifest = batch / "manifest.json"
    manifest.write_text(json.dumps(rows), encoding="utf-8")
    (row,) = read_manifest(manifest)
    assert row.series == batch / "one" / "series"
    assert row.prior == batch / "two" / "series"


@pytest.mark.parametrize("text", ["", "series,truth\n", "a,b\n1,2\n", "[1]", "{}", "[", '[{"series": "x"}]'])
def test_a_manifest_that_is_none_is_a_wrong_argument(text: str, tmp_path: Path) -> None:
    manifest = tmp_path / "manifest"
    manifest.write_text(text, encoding="utf-8")
    with pytest.raises(BadReference):
        read_manifest(manifest)
    assert main(["validate", str(manifest), "--out", str(tmp_path / "o")], no_tools) == 2
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    "document",
    [
        {"nodules": [{"centre_lps_mm": [0, 0, 0], "diameter_mm": 0}]},
        {"nodules": [{"centre_lps_mm": [0, 0, 0]}]},
        {"nodules": {}},
        {"calcium": {"agatston": -1}},
        {"calcium": {"agatston": float("nan")}},
        {"calcium": {"arteries": {"LAD": 3}}},
        {"calcium": {"agatston": 3, "arteries": {"PDA": 3}}},
        {"followup": {"nodules": [{"status": "bigger", "centre_lps_mm": [0, 0, 0]}]}},
        {"followup": {"nodules": [{"status": "new"}]}},
    ],
)
def test_a_reference_of_another_shape_is_refused(document: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        truth_of(document)


def test_a_reference_may_say_that_calcium_cannot_be_assessed() -> None:
    calcium = truth_of({"calcium": {"status": "not-assessed"}}).calcium
    assert calcium is not None
    assert calcium.agatston is None


def test_four_arteries_make_a_total() -> None:
    calcium = truth_of({"calcium": {"arteries": {"LM": 1, "LAD": 2.5, "LCX": 0, "RCA": {"agatston": 4}}}}).calcium
    assert calcium is not None
    assert calcium.agatston == 7.5
