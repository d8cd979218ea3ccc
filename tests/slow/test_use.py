"""The use from Python that the package shows finds the lungs and the nodules of a made-up series."""

from __future__ import annotations

from pathlib import Path

import pytest

from cad.domain import Findings, LungMask
from tests.made.series import Sphere, a_series, save_series
from tests.unit.test_use import lines_of_use

NODULE = Sphere((-60.0, 8.0, 0.0), 12.0)
VESSELS = tuple(Sphere((x, -10.0, float(z)), 7.0) for x in (-40.0, 42.0) for z in range(-24, 25, 2))
"""A tube along each lung: space without vessels is not taken for lung."""


@pytest.mark.slow
def test_the_lines_find_lungs_and_nodules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save_series(a_series(slices=18, spheres=(NODULE, *VESSELS)), tmp_path / "SERIES")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(lines_of_use(), names)
    findings = names["findings"]
    assert isinstance(findings, Findings)
    assert isinstance(findings.lungs, LungMask)
    assert isinstance(findings.nodules, tuple)
    distances_mm = [abs(nodule.centre.as_array() - NODULE.centre).max() for nodule in findings.nodules]
    assert min(distances_mm) < 3
    assert capsys.readouterr().out.startswith("(18, 96, 128) [('Nodule 1', ")
