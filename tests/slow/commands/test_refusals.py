"""What the command line does with inputs and arguments that it cannot use."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cad.commands.main import main
from cad.errors import Reason
from tests.made.malformed import MALFORMED_INPUTS, MalformedInput
from tests.made.marking import marking_tools, no_tools


@pytest.mark.parametrize("malformed", MALFORMED_INPUTS, ids=lambda m: m.name.replace(" ", "-"))
def test_refuses_malformed_input_with_its_reason_and_nothing_else(malformed: MalformedInput, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    series, out = malformed.write(tmp_path / "in"), tmp_path / "out"
    assert main(["analyze", str(series), "--out", str(out)], no_tools) == 3
    assert [path.name for path in out.iterdir()] == ["refusal.json"]
    refusal = json.loads((out / "refusal.json").read_text(encoding="utf-8"))
    assert refusal["reason"] == malformed.reason.value
    assert refusal["text"]
    assert isinstance(refusal["facts"], dict)
    assert {path.name for path in tmp_path.iterdir()} == {"in", "out"}


def test_there_are_at_least_thirty_malformed_inputs() -> None:
    assert len(MALFORMED_INPUTS) >= 30


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"\xff\xfe\x00",
        b'{"age": 60}',
        b'{"age_years": "60"}',
        b'{"age_years": true}',
        b'{"age_years": NaN}',
        b'{"age_years": -1}',
        b'{"age_years": 1e999}',
        b'{"sex": "f"}',
        b'{"sex": []}',
        b'{"emphysema": 1}',
        b"[" * 100_000,
    ],
)
def test_refuses_unsuitable_patient_factors(text: bytes, phantom: Path, tmp_path: Path) -> None:
    patient, out = tmp_path / "patient.json", tmp_path / "out"
    patient.write_bytes(text)
    assert main(["analyze", str(phantom), "--out", str(out), "--patient", str(patient)], no_tools) == 3
    refusal = json.loads((out / "refusal.json").read_text(encoding="utf-8"))
    assert refusal["reason"] == Reason.INVALID_PATIENT_FACTORS


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["diagnose"],
        ["analyze"],
        ["analyze", "{series}"],
        ["analyze", "{missing}", "--out", "{out}"],
        ["analyze", "{series}", "--out", "{out}", "--prior", "{missing}"],
        ["analyze", "{series}", "--out", "{out}", "--patient", "{missing}"],
        ["analyze", "{series}", "--out", "{out}", "--patient", "{series}"],
        ["analyze", "{series}", "--out", "{out}", "--only", "heart"],
        ["analyze", "{series}", "--out", "{out}", "--only", ""],
        ["analyze", "{series}", "--out", "{out}", "--min-score", "2"],
        ["analyze", "{series}", "--out", "{out}", "--min-score", "nan"],
        ["analyze", "{series}", "--out", "{out}", "--min-score", "high"],
        ["analyze", "{series}", "--out", "{out}", "--device", "tpu"],
        ["analyze", "{series}", "--out", "{out}", "--runtime", "tensorrt"],
        ["analyze", "{series}", "--out", "{full}"],
        ["analyze", "{series}", "--out", "{file}"],
        ["analyze", "{series}", "--out", "{file}/out"],
        ["simulate"],
        ["simulate", "{out}", "--nodules", "-1"],
        ["simulate", "{out}", "--seed", "x"],
        ["simulate", "{out}", "--followup", "0"],
        ["simulate", "{full}"],
        ["serve", "--config", "{missing}"],
        ["demo", "--out", "{out}", "--then", "dance"],
        ["train"],
        ["train", "detector"],
        ["train", "detector", "--data", "{full}", "--out", "{out}"],
        ["train", "calcium", "--data", "{full}", "--out", "{out}"],
    ],
    ids=" ".join,
)
def test_wrong_arguments_exit_with_2_and_write_nothing(arguments: list[str], phantom: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "kept.txt").write_text("kept")
    (tmp_path / "file").write_text("kept")
    places = {name: str(tmp_path / name) for name in ("missing", "out", "full", "file")} | {"series": str(phantom)}
    before = sorted(tmp_path.rglob("*"))
    assert exit_code([argument.format(**places) for argument in arguments]) == 2
    assert sorted(tmp_path.rglob("*")) == before


def exit_code(arguments: list[str]) -> int:
    """What the process would exit with; argparse leaves by SystemExit."""
    try:
        return main(arguments, no_tools)
    except SystemExit as left:
        return int(left.code or 0)


def test_an_empty_output_folder_may_exist(phantom: Path, tmp_path: Path) -> None:
    assert main(["analyze", str(phantom), "--out", str(tmp_path), "--only", "calcium"], marking_tools) == 0
    assert (tmp_path / "findings.json").exists()
