"""`lungcad analyze` with coronary calcium: what findings.json says, with and without lungs in view."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from pydicom.dataset import Dataset

from cad.case.choices import NetworkChoice
from cad.case.networks import CaseTools
from cad.commands.main import main
from cad.domain import Artery, BoolArray, Heart, Mask, Networks, OtherCalcium, PointLps, Volume
from cad.geometry import positions_of
from tests.made.hearts import READER, ToldReader
from tests.made.marking import NOW, VESSELS, MarkingDetector
from tests.made.series import Sphere, a_series, save_series
from tests.places import FINDINGS_SCHEMA

PLAQUE = Sphere((1.0, 15.0, -11.25), 8.0, 500.0)
ROOT = Sphere((1.0, 15.0, 16.25), 8.0, 300.0)
"""Their middles are those of voxels of 2 × 2 × 2.5 mm."""


def heart_between_the_lungs(volume: Volume) -> Heart:
    """A box of 16 × 40 mm and the whole height but 10 mm."""
    k, j, i = np.indices(volume.grid.shape)
    lps = positions_of(volume.grid, np.stack([k, j, i], axis=-1).reshape(-1, 3).astype(np.float64))
    x, y, z = lps.T.reshape(3, *volume.grid.shape)
    inside: BoolArray = (np.abs(x) < 8) & (y > -5) & (y < 35) & (np.abs(z) < 38)
    nothing: BoolArray = np.zeros(volume.grid.shape, dtype=np.bool_)
    return Heart(Mask(inside, volume.grid), Mask(nothing, volume.grid), Mask(inside.copy(), volume.grid), (), 1.0)


def heart_alone(*spheres: Sphere) -> list[Dataset]:
    """The same chest in a field of view of 24 × 48 mm, which holds no lung."""
    return a_series(spheres=spheres, columns=12, rows=24, centre=(0.0, 12.0, 0.0))


def site_by_height(point: PointLps) -> Artery | OtherCalcium:
    return Artery.LAD if point.z < 0 else OtherCalcium.AORTIC_VALVE


def calcium_tools(machinery: NetworkChoice) -> CaseTools:
    """Tools with a reader that is told where heart and lesions are."""
    reader = ToldReader(heart_between_the_lungs, site_by_height)
    networks = Networks(MarkingDetector(), calcium=reader)
    return CaseTools(networks, clock=lambda: NOW, software_version="1.2.3", host_cores=2)


def analysed(series: Path, out: Path, *arguments: str) -> dict[str, Any]:
    assert main(["analyze", str(series), "--out", str(out), *arguments], calcium_tools) == 0
    document: dict[str, Any] = json.loads((out / "findings.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(json.loads(FINDINGS_SCHEMA.read_text(encoding="utf-8"))).validate(document)
    return document


@pytest.fixture(scope="module")
def chest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_series(a_series(spheres=(*VESSELS, PLAQUE, ROOT)), tmp_path_factory.mktemp("chest"))


@pytest.fixture(scope="module")
def document(chest: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return analysed(chest, tmp_path_factory.mktemp("calcium") / "out")


def voxels_of(diameter_mm: float) -> int:
    """Voxels of 2 × 2 × 2.5 mm whose centre lies in a ball around the centre of one of them."""
    z, y, x = np.meshgrid(np.arange(-3, 4) * 2.5, np.arange(-8, 9, 2), np.arange(-8, 9, 2), indexing="ij")
    return int(np.count_nonzero(x**2 + y**2 + z**2 <= (diameter_mm / 2) ** 2))


def test_scores_the_plaque_by_hand_arithmetic_and_leaves_the_valve_out(document: dict[str, Any]) -> None:
    calcium = document["calcium"]
    voxels = voxels_of(8.0)
    assert calcium["status"] == "scored"
    assert calcium["agatston"] == pytest.approx(voxels * 4.0 * 4 * 2.5 / 3, abs=0.01)
    assert calcium["volume_mm3"] == pytest.approx(voxels * 10.0)
    assert calcium["arteries"]["LAD"] == {
        "agatston": calcium["agatston"],
        "volume_mm3": calcium["volume_mm3"],
        "lesions": 1,
    }
    assert calcium["arteries"]["RCA"]["lesions"] == 0
    assert calcium["other"]["aortic-valve"]["agatston"] == pytest.approx(voxels * 4.0 * 3 * 2.5 / 3, abs=0.01)


def test_each_lesion_says_where_it_is_and_of_what_site(document: dict[str, Any]) -> None:
    plaque, root = document["calcium"]["lesions"]
    assert (plaque["artery"], plaque["site"], plaque["certainty"]) == ("LAD", "LAD", 0.9)
    assert (root["artery"], root["site"]) == (None, "aortic-valve")
    assert plaque["centre_lps_mm"] == pytest.approx(PLAQUE.centre, abs=0.1)
    assert (plaque["max_hu"], root["max_hu"]) == (500, 300)


def test_categories_have_schemes_and_the_score_says_what_it_is(document: dict[str, Any]) -> None:
    calcium = document["calcium"]
    assert calcium["category"] == {"scheme": "CAC-DRS", "value": "A3/N1"}
    assert calcium["categories"][1]["value"] == calcium["tier"] == ">=400"
    assert calcium["estimate"] == "non-gated"
    assert "non-gated" in calcium["variant"]
    assert calcium["very_high"] is (calcium["agatston"] >= 1000)
    assert calcium["advice"].startswith("Severe")
    assert calcium["scored_spacing_mm"] == [2, 2, 2.5]
    assert "calcium-non-gated" in {caveat["code"] for caveat in calcium["caveats"]}


def test_the_reader_of_calcium_is_named_and_timed(document: dict[str, Any]) -> None:
    assert READER.name in {model["name"] for model in document["provenance"]["models"]}
    assert document["timings_s"]["calcium"] >= 0


def test_the_summary_says_the_score_with_its_schemes(
    chest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    analysed(chest, tmp_path / "o", "--only", "calcium")
    said = capsys.readouterr().out
    assert "Agatston, non-gated estimate" in said
    assert "CAC-DRS: A3/N1" in said


def test_calcium_alone_names_the_reader_of_calcium_alone(chest: Path, tmp_path: Path) -> None:
    document = analysed(chest, tmp_path / "o", "--only", "calcium")
    assert [model["name"] for model in document["provenance"]["models"]] == [READER.name]
    assert document["calcium"]["status"] == "scored"
    assert document["nodules"] is None


def test_calcium_needs_no_lungs_in_view(document: dict[str, Any], tmp_path: Path) -> None:
    narrow = save_series(heart_alone(PLAQUE, ROOT), tmp_path / "heart")
    alone = analysed(narrow, tmp_path / "o", "--only", "calcium", "--images")
    assert alone["calcium"]["agatston"] == document["calcium"]["agatston"]
    assert alone["quality"]["lung_volume_ml"] == {"left": None, "right": None}
    assert "no-lungs" in {warning["code"] for warning in alone["quality"]["warnings"]}
    assert alone["timings_s"]["detect"] is None


def test_nodules_still_need_lungs(tmp_path: Path) -> None:
    narrow = save_series(heart_alone(PLAQUE), tmp_path / "heart")
    assert main(["analyze", str(narrow), "--out", str(tmp_path / "o")], calcium_tools) == 3


def test_slices_in_another_order_give_the_same_calcium(document: dict[str, Any], chest: Path, tmp_path: Path) -> None:
    files = sorted(chest.iterdir(), key=lambda path: path.name[::-1])
    out = tmp_path / "o"
    assert main(["analyze", *map(str, files), "--out", str(out), "--only", "calcium"], calcium_tools) == 0
    again = json.loads((out / "findings.json").read_text(encoding="utf-8"))
    assert again["calcium"] == document["calcium"]


def test_enhanced_blood_is_not_assessed_with_sentence_and_figures(tmp_path: Path) -> None:
    enhanced = Sphere((0.0, 15.0, 0.0), 70.0, 180.0)
    series = save_series(heart_alone(enhanced, PLAQUE), tmp_path / "in")
    calcium = analysed(series, tmp_path / "o", "--only", "calcium")["calcium"]
    assert (calcium["status"], calcium["reason"]) == ("not-assessed", "contrast")
    assert calcium["agatston"] is calcium["tier"] is calcium["arteries"] is None
    assert calcium["facts"]["blood_hu"] == 180
    assert "180 HU" in calcium["text"]
