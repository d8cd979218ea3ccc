"""The use from Python that the package and the README show: exactly these lines, on a made-up series."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import cad
from tests.places import ROOT

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
