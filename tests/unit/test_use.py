"""The use from Python that the package and the README show: exactly these lines, on a made-up series."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import cad
from cad.domain import Findings, LungMask
from tests.made.series import Sphere, a_series, save_series
from tests.places import ROOT

NODULE = Sphere((-60.0, 8.0, 0.0), 12.0)
VESSELS = tuple(Sphere((x, -10.0, float(z)), 7.0) for x in (-40.0, 42.0) for z in range(-24, 25, 2))
"""A tube along each lung: space without vessels is not taken for lung."""
HEAVY = ("torch", "numpy", "scipy", "pydicom", "highdicom", "skimage", "SimpleITK")


def lines_of_use() -> str:
    """The indented lines of the docstring of `cad`."""
    assert cad.__doc__ is not None
    shown = [line for line in cad.__doc__.splitlines() if line.startswith("    ") or not line]
    return textwrap.dedent("\n".join(shown)).strip()


def test_the_readme_shows_the_same_lines() -> None:
    assert f"```python\n{lines_of_use()}\n```" in (ROOT / "README.md").read_text()


def test_the_use_itself_takes_three_lines() -> None:
    _, use = lines_of_use().split("\n\n")
    assert len(use.splitlines()) == 3


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = f"import sys, cad; print([name for name in {HEAVY} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, cwd=ROOT).stdout == b"[]\n"


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
