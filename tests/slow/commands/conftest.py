"""One analysed phantom for all tests that look at results."""

from __future__ import annotations

from pathlib import Path

import pytest

from cad.commands.main import main
from tests.made.marking import SPHERES, VESSELS, marking_tools
from tests.made.series import CHINESE_NAME, a_series, save_series


@pytest.fixture(scope="session")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a series of two nodules of a patient with a Chinese name."""
    series = a_series(spheres=SPHERES + VESSELS, patient_name=CHINESE_NAME)
    return save_series(series, tmp_path_factory.mktemp("phantom"))


@pytest.fixture(scope="session")
def analysed(phantom: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of that series, with pictures."""
    out = tmp_path_factory.mktemp("results") / "out"
    patient = out.parent / "patient.json"
    patient.write_text('{"age_years": 63, "sex": "female", "emphysema": null}', encoding="utf-8")
    arguments = ["analyze", str(phantom), "--out", str(out), "--images", "--patient", str(patient)]
    assert main([*arguments, "--prior", str(phantom)], marking_tools) == 0
    return out
