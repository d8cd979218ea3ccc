"""`lungcad analyze` on a fit series: what is written, and that nothing is made up."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread

from cad.case.choices import NetworkChoice
from cad.case.networks import CaseTools
from cad.commands.main import main
from tests.made.marking import SPHERES, VESSELS, marking_tools
from tests.made.series import a_series, save_series
from tests.places import FINDINGS_SCHEMA

ALWAYS = {"findings.json", "sr.dcm", "report.pdf", "report.txt", "report.dcm"}


def read_json(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


@pytest.fixture(scope="module")
def document(analysed: Path) -> dict[str, Any]:
    return read_json(analysed / "findings.json")


def assert_fits_schema(document: dict[str, Any]) -> None:
    schema = read_json(FINDINGS_SCHEMA)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(document)


def test_writes_every_result(analysed: Path) -> None:
    written = {path.relative_to(analysed).as_posix() for path in analysed.rglob("*") if path.is_file()}
    key_images = {f"key_images/0{n}.dcm" for n in (1, 2, 3)}
    overlays = {"overlay/lungs.png", "overlay/nodule-01.png", "overlay/nodule-02.png"}
    assert written == {*ALWAYS, "seg.dcm", "gsps.dcm", "key_objects.dcm"} | key_images | overlays


def test_leaves_nothing_beside_the_results(analysed: Path) -> None:
    assert {path.name for path in analysed.parent.iterdir()} == {"out", "patient.json"}


def test_findings_fit_the_schema(document: dict[str, Any]) -> None:
    assert_fits_schema(document)


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        (("schema",), "lungcad.findings/2"),
        (("nodules", 0, "score"), 1.5),
        (("nodules", 0, "centre_lps_mm"), [1, 2]),
        (("nodules", 0, "composition"), "soft"),
        (("nodules", 0, "malignancy", "brock", "range"), [0.1]),
        (("exam", "lung_rads", "because"), None),
        (("exam", "applicable"), "none"),
        (("calcium", "agatston"), 0),
        (("quality", "lung_volume_ml", "left"), None),
        (("provenance", "models", 0, "sha256"), "unknown"),
    ],
)
def test_schema_refuses_a_wrong_value(document: dict[str, Any], path: tuple[Any, ...], wrong: object) -> None:
    spoilt = json.loads(json.dumps(document))
    place = spoilt
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = wrong
    with pytest.raises(jsonschema.ValidationError):
        assert_fits_schema(spoilt)


def test_schema_admits_fields_of_later_versions(document: dict[str, Any]) -> None:
    assert_fits_schema({**document, "emphysema": {"percent": 3}})


def test_nodules_are_where_they_were_put_within_a_voxel(document: dict[str, Any]) -> None:
    found = np.array([nodule["centre_lps_mm"] for nodule in document["nodules"]])
    for sphere in SPHERES:
        assert np.abs(found - sphere.centre).max(axis=1).min() < 2.5


def test_sr_segments_and_findings_share_tracking_uids(analysed: Path, document: dict[str, Any]) -> None:
    segments = dcmread(analysed / "seg.dcm").SegmentSequence
    assert {s.TrackingUID for s in segments} == {nodule["tracking_uid"] for nodule in document["nodules"]}


def test_what_is_not_built_is_null_with_a_reason(document: dict[str, Any]) -> None:
    assert document["followup"] is None
    assert all(nodule["lobe"] is None and nodule["malignancy"]["cnn"] is None for nodule in document["nodules"])
    reasons = {entry["what"]: entry["reason"] for entry in document["not_assessed"]}
    assert reasons["followup"] == "no-suitable-prior"
    assert reasons["nodules[].malignancy.cnn"] == "not-available"  # no network took part
    assert reasons["nodules[].lobe"] == "not-determined"  # the phantom's lungs have no fissures


def test_says_what_every_guideline_says_and_chooses_none_without_a_context(document: dict[str, Any]) -> None:
    exam = document["exam"]
    assert exam["applicable"] is None
    assert "not stated" in exam["applicable_because"]
    assert exam["lung_rads"]["category"] == "4B"
    assert re.match(r"Nodule 2, solid, 1[89]\.\d mm: solid 15 mm or more, baseline", exam["lung_rads"]["because"])
    assert any("baseline" in text for text in exam["lung_rads"]["assuming"])
    assert exam["fleischner"]["category"] == "solid >8 mm"
    assert exam["c_lung_rads"]["category"] == "4"
    assert exam["bts"]["possible"][-1] == "Brock 10 % or more"


def test_says_the_range_of_risk_and_what_is_unknown(document: dict[str, Any]) -> None:
    brock = document["nodules"][0]["malignancy"]["brock"]
    assert brock["value"] is None
    assert 0 < brock["range"][0] < brock["range"][1] < 1
    assert brock["unknown"] == ["family_history_lung_cancer", "emphysema", "upper_lobe", "spiculated"]
    assert brock["inputs"]["age_years"] == 63
    reasons = {entry["what"]: entry["reason"] for entry in document["not_assessed"]}
    assert reasons["nodules[].malignancy.herder"] == "pet-unknown"


def test_age_and_sex_come_from_the_header_and_the_rest_from_the_patient_file(phantom: Path, tmp_path: Path) -> None:
    patient = tmp_path / "patient.json"
    said = {"nodules": [{"nodule": "Nodule 2", "spiculated": True}], "significant_other_finding": True}
    patient.write_text(json.dumps({"screening": True, "region": "usa", "observations": said}), encoding="utf-8")
    arguments = ["analyze", str(phantom), "--out", str(tmp_path / "o"), "--patient", str(patient)]
    assert main(arguments, marking_tools) == 0
    document = read_json(tmp_path / "o" / "findings.json")
    assert_fits_schema(document)
    assert document["patient"] == {"age_years": 64, "sex": "female", "screening": True, "region": "usa"}
    assert document["observations"] == said
    assert (document["exam"]["applicable"], document["exam"]["lung_rads"]["category"]) == ("lung_rads", "4XS")
    assert (tmp_path / "o" / "report.pdf").read_bytes().count(b"/Type /Page\n") == 1


def test_calcium_is_not_assessed_without_a_reader_of_it(document: dict[str, Any]) -> None:
    calcium = document["calcium"]
    assert (calcium["status"], calcium["reason"]) == ("not-assessed", "not-available")
    assert {"what": "calcium", "reason": "not-available"} in document["not_assessed"]
    assert calcium["agatston"] is calcium["lesions"] is calcium["category"] is None


def test_says_that_a_prior_was_not_compared(document: dict[str, Any]) -> None:
    assert "prior-same-series" in {warning["code"] for warning in document["quality"]["warnings"]}


def test_records_known_patient_factors_and_leaves_unknown_ones_out(document: dict[str, Any]) -> None:
    assert document["patient"] == {"age_years": 63, "sex": "female"}


def test_names_version_weights_cores_and_start(document: dict[str, Any]) -> None:
    provenance = document["provenance"]
    assert provenance["version"] == "1.2.3"
    assert provenance["models"] == [{"name": "marker", "version": "1", "sha256": "ab" * 32}]
    assert (provenance["host_cores"], provenance["started"]) == (2, "2026-01-02T03:04:05+00:00")


def test_times_each_stage_that_ran_and_no_other(document: dict[str, Any]) -> None:
    timings = document["timings_s"]
    assert {stage for stage, seconds in timings.items() if seconds is None} == {"followup", "calcium"}
    stages = sum(seconds for stage, seconds in timings.items() if seconds is not None and stage != "total")
    assert stages <= timings["total"]


def test_same_series_gives_the_same_bytes_but_for_times(analysed: Path, phantom: Path, tmp_path: Path) -> None:
    patient = analysed.parent / "patient.json"
    again = ["analyze", str(phantom), "--out", str(tmp_path / "b"), "--images", "--patient", str(patient)]
    assert main([*again, "--prior", str(phantom)], marking_tools) == 0
    for path in (path for path in analysed.rglob("*") if path.is_file() and path.name != "findings.json"):
        assert (tmp_path / "b" / path.relative_to(analysed)).read_bytes() == path.read_bytes(), path.name
    first, second = read_json(analysed / "findings.json"), read_json(tmp_path / "b" / "findings.json")
    assert {**first, "timings_s": None} == {**second, "timings_s": None}


def test_report_is_one_page_and_has_a_font_for_a_chinese_name(analysed: Path) -> None:
    report = (analysed / "report.pdf").read_bytes()
    assert report.startswith(b"%PDF-")
    assert b"DroidSansFallback" in report
    assert report.count(b"/Type /Page\n") == 1


def test_the_page_is_the_same_file_and_object(analysed: Path) -> None:
    page = dcmread(analysed / "report.dcm")
    assert page.SOPClassUID == "1.2.840.10008.5.1.4.1.1.104.1"
    assert page.EncapsulatedDocument[: page.EncapsulatedDocumentLength] == (analysed / "report.pdf").read_bytes()


def test_the_language_of_the_page_is_that_of_the_arguments(phantom: Path, tmp_path: Path) -> None:
    pages = {}
    for language in ("en", "zh"):
        arguments = ["analyze", str(phantom), "--out", str(tmp_path / language), "--language", language]
        assert main(arguments, marking_tools) == 0
        pages[language] = dcmread(tmp_path / language / "report.dcm")
    assert pages["en"].SOPInstanceUID != pages["zh"].SOPInstanceUID
    assert pages["en"].EncapsulatedDocument != pages["zh"].EncapsulatedDocument


def test_overlay_draws_each_nodule_at_its_place(analysed: Path, document: dict[str, Any]) -> None:
    picture = np.asarray(Image.open(analysed / "overlay" / "nodule-01.png"))
    rows, columns = np.nonzero((picture == (255, 196, 0)).all(axis=-1))
    x, y, _ = document["nodules"][0]["centre_lps_mm"]
    left, right, top, bottom = columns.min(), columns.max(), rows.min(), rows.max()
    scale = picture.shape[1] / (128 * 2.0)
    assert (left + right) / 2 == pytest.approx((x + 128) * scale, abs=3 * scale)
    assert (top + bottom) / 2 == pytest.approx((y + 96) * scale, abs=3 * scale)


def test_without_nodules_the_report_says_so(phantom: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["analyze", str(phantom), "--out", str(out), "--min-score", "1"], marking_tools) == 0
    document = read_json(out / "findings.json")
    assert document["nodules"] == []
    assert_fits_schema(document)
    assert {path.name for path in out.iterdir()} == {*ALWAYS, "key_images"}
    told = capsys.readouterr()
    assert told.out.count("\n") == 1
    assert told.out.startswith("no nodule in 40 slices")
    assert "lungs" in told.err


def test_min_score_lowers_the_threshold_of_marks(phantom: Path, tmp_path: Path) -> None:
    assert main(["analyze", str(phantom), "--out", str(tmp_path / "o"), "--min-score", "0.8"], marking_tools) == 0
    assert len(read_json(tmp_path / "o" / "findings.json")["nodules"]) == 1


def test_another_threshold_makes_other_objects(analysed: Path, phantom: Path, tmp_path: Path) -> None:
    assert main(["analyze", str(phantom), "--out", str(tmp_path / "o"), "--min-score", "0.8"], marking_tools) == 0
    for name in ("sr.dcm", "seg.dcm"):
        other, usual = dcmread(tmp_path / "o" / name), dcmread(analysed / name)
        assert other.SOPInstanceUID != usual.SOPInstanceUID
        assert other.SeriesInstanceUID != usual.SeriesInstanceUID


def test_only_calcium_leaves_nodules_unassessed(phantom: Path, tmp_path: Path) -> None:
    assert main(["analyze", str(phantom), "--out", str(tmp_path / "o"), "--only", "calcium"], marking_tools) == 0
    document = read_json(tmp_path / "o" / "findings.json")
    assert_fits_schema(document)
    assert document["nodules"] is None
    assert {"what": "nodules", "reason": "not-requested"} in document["not_assessed"]
    assert document["calcium"]["reason"] == "not-available"
    assert document["timings_s"]["detect"] is None
    assert document["exam"]["lung_rads"] is None
    assert {"what": "exam.lung_rads", "reason": "not-requested"} in document["not_assessed"]


def test_only_nodules_leaves_calcium_unrequested(phantom: Path, tmp_path: Path) -> None:
    assert main(["analyze", str(phantom), "--out", str(tmp_path / "o"), "--only", "nodules"], marking_tools) == 0
    assert read_json(tmp_path / "o" / "findings.json")["calcium"]["reason"] == "not-requested"


def test_reads_single_files_in_any_order(tmp_path: Path) -> None:
    files = sorted(save_series(a_series(spheres=VESSELS), tmp_path / "in").iterdir(), key=lambda path: path.name[::-1])
    assert main(["analyze", *map(str, files), "--out", str(tmp_path / "o")], marking_tools) == 0
    assert read_json(tmp_path / "o" / "findings.json")["series"]["slices"] == 40


def test_the_networks_run_as_the_arguments_say(phantom: Path, tmp_path: Path) -> None:
    asked: list[NetworkChoice] = []

    def noting(machinery: NetworkChoice) -> CaseTools:
        asked.append(machinery)
        return marking_tools(machinery)

    chosen = ["--runtime", "openvino", "--only", "calcium"]
    assert main(["analyze", str(phantom), "--out", str(tmp_path / "o"), *chosen], noting) == 0
    assert asked == [NetworkChoice(device="cpu", detector="lungcad", runtime="openvino", nodules=False)]
