"""The model card's lines are TOML that says what was measured; the document shows it with its plots."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from cad.qa.froc import Estimate
from cad.qa.reliability import Calibration, ReliabilityBin
from models.training.detector.evaluation import RealNodule
from models.training.detector.report import Variant, document_text, measured_lines, write_document
from models.training.detector.summary import DegradationEffect, Stratum, Summary, Transferred

HALF, UNKNOWN = Estimate(0.5, 0.4, 0.6), Estimate(0.5, float("nan"), float("nan"))
FOUND = Summary(
    scans=("A", "B"),
    copies=8,
    nodules=79,
    dropped=("4-6 mm, solid, apical",),
    froc=(HALF,) * 7,
    cpm=HALF,
    strict_cpm=HALF,
    strict_at=(HALF,) * 3,
    at=(HALF, Estimate(0.7, 0.6, 0.8), HALF),
    calibration=Calibration(1.5, -0.25),
    threshold=0.35,
    at_default=HALF,
    false_marks=Estimate(1.0, 0.5, 1.5),
    natural_false_marks=0.75,
    transferred=Transferred(0.45, 1.1),
    nodules_per_scan=9.9,
    calibration_error=0.04,
    brier=0.11,
    reliability=(ReliabilityBin(0.1, 0.2, 12, 0.15, 0.2), ReliabilityBin(0.9, 1.0, 40, 0.97, 0.95)),
    strata=(
        Stratum("composition", "solid", 30, HALF, HALF, HALF, None),
        Stratum("kernel", "STANDARD", 79, HALF, UNKNOWN, HALF, 1.25),
    ),
    degradations=(DegradationEffect("3 mm slices", "all", 2, HALF, Estimate(-0.02, -0.05, 0.01), HALF, HALF, 1.3),),
    real=(RealNodule("A", 7.5, True, 0.9, 0), RealNodule("B", 5.1, False, None, 14)),
)
VARIANTS = (Variant('the "wide" one', 3_400_000, 20_000, 1.5, 0.91, 0.93),)


def test_the_card_says_what_was_measured() -> None:
    measured = tomllib.loads("\n".join(measured_lines(FOUND, VARIANTS)))["measured"]
    assert (measured["scans"], measured["cpm"], measured["cpm_ci95"]) == (["A", "B"], 0.5, [0.4, 0.6])
    assert measured["sensitivity_at_2_fp"] == {"value": 0.7, "ci95": [0.6, 0.8]}
    assert measured["sensitivity_at_default_by_stratum"] == {"solid": {"value": 0.5, "nodules": 30}}
    assert [s["name"] for s in measured["strata"]] == ["solid", "STANDARD"]
    assert measured["degradations"][0]["paired_change_at_1_fp"]["value"] == -0.02
    assert [n["false_marks_above"] for n in measured["real_nodules"]] == [0, 14]
    assert measured["variants"][0]["name"] == 'the "wide" one'


def test_the_document_links_plots_that_exist_and_writes_them_alike_each_time(tmp_path: Path) -> None:
    text = write_document(FOUND, VARIANTS, tmp_path).read_text()
    images = [tmp_path / name for name in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text)]
    first = [image.read_bytes() for image in images]
    assert len(first) == 2
    assert all(content.startswith(b"\x89PNG") for content in first)
    write_document(FOUND, VARIANTS, tmp_path)
    assert [image.read_bytes() for image in images] == first


@pytest.mark.parametrize("line", ["| 3 mm slices | all (2) |", "| B | 5.1 mm | no | - | 14 |", "| solid | 30 |"])
def test_the_document_shows_every_kind_of_row(line: str) -> None:
    assert line in document_text(FOUND, VARIANTS)


def test_all_rows_of_a_table_have_as_many_cells_as_its_head() -> None:
    for table in re.findall(r"(?:^\|.*\|\n)+", document_text(FOUND, VARIANTS), re.MULTILINE):
        assert len({row.count("|") for row in table.splitlines()}) == 1
