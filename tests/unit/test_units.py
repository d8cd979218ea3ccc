"""Lengths are millimetres of the patient: no depth, reach or size is counted in voxels of whatever grid comes along."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.places import ROOT

COUNTED = ("voxel", "pixel", "slice")
ALLOWED = {
    # how much of a scan is looked at, and how many samples a judgement needs: no length
    "least_voxels",
    "judged_slices",
    "judged_pixels",
    "max_voxels",
    "fat_slices",
    "min_slices",
    "interleaving_slices",
    "voxels",
    "IN_SLICE",
    "_IN_SLICES",
    "slice_recovery",
    "MAX_VOXELS",
    "MOST_SLICES",
    "MARGIN_SLICES",
    "MIN_DENSE_PIXELS",
}
ROOMS = ("cad/policy", "cad/science", "models/nodules", "models/lungs", "models/calcium", "models/registration")


def constants(file: Path) -> Iterator[tuple[str, int]]:
    """Names of constants and policy fields with a number for a value, and their lines."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.AnnAssign | ast.Assign):
            targets = [node.target] if isinstance(node, ast.AnnAssign) else node.targets
            if node.value is None or not any(_is_number(part) for part in ast.walk(node.value)):
                continue
            for target in targets:
                is_field = isinstance(node, ast.AnnAssign) and isinstance(target, ast.Name)
                if isinstance(target, ast.Name) and (is_field or target.id.isupper()):
                    yield target.id, node.lineno


def _is_number(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool)


def counted(name: str) -> bool:
    """Whether a name says that it counts voxels, pixels or slices, and no millimetres of them."""
    lower = name.lower()
    return any(word in lower for word in COUNTED) and "_mm" not in lower and "per_" not in lower


@pytest.mark.parametrize("room", ROOMS)
def test_no_constant_counts_voxels(room: str) -> None:
    found = [
        f"{file.relative_to(ROOT)}:{line} {name}"
        for file in sorted((ROOT / room).rglob("*.py"))
        for name, line in constants(file)
        if counted(name) and name not in ALLOWED
    ]
    assert found == []


def test_a_constant_in_voxels_would_be_found(tmp_path: Path) -> None:
    (tmp_path / "policy.py").write_text("class P:\n    reach_voxels: float = 3.5\n    reach_mm: float = 2.0\n")
    assert [name for name, _ in constants(tmp_path / "policy.py") if counted(name)] == ["reach_voxels"]
