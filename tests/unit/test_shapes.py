"""How functions meet their arrays and arguments: shapes are said, and long lists of arguments are named."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ARRAY = re.compile(r"\b(\w*Array|NDArray|ndarray|Tensor)\b")
CALLABLE = re.compile(r"Callable\[.*\]")
AXIS = r"[\w./·() +*-]+"
SHAPE = re.compile(rf"\[{AXIS}(, {AXIS})*\]")
"""Axes or sizes in brackets: [k, j, i], [n, 3], [n], [rows, columns]; [...] is any shape."""

MOST_POSITIONAL = 5

TAKES_ANY_NUMBER = {"Table", "create_table", "debug", "info", "warning", "error", "exception"}
"""Columns of a table and values of a line in the log have no names to call them by."""


def _modules(*packages: str) -> Iterator[tuple[str, ast.Module]]:
    for package in packages:
        for file in sorted((ROOT / package).rglob("*.py")):
            yield str(file.relative_to(ROOT)), ast.parse(file.read_text(encoding="utf-8"))


def _public_functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    """Functions and methods that a reader may call; `forward` and the like are described by their class."""
    holders: list[ast.Module | ast.ClassDef] = [tree, *(n for n in tree.body if isinstance(n, ast.ClassDef))]
    for holder in holders:
        if isinstance(holder, ast.ClassDef) and holder.name.startswith("_"):
            continue
        for node in holder.body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and ast.get_docstring(node):
                yield node


def _names_an_array(function: ast.FunctionDef) -> bool:
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    annotations = [a.annotation for a in arguments] + [function.returns]
    return any(ARRAY.search(CALLABLE.sub("", ast.unparse(a))) for a in annotations if a is not None)


def functions_without_a_shape(tree: ast.Module) -> list[str]:
    """Public functions on arrays whose docstring names no shape."""
    return [
        f.name for f in _public_functions(tree) if _names_an_array(f) and not SHAPE.search(ast.get_docstring(f) or "")
    ]


def calls_of_many(tree: ast.Module) -> list[int]:
    """Lines of the calls that pass more positional arguments than a reader can tell apart."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and len(node.args) > MOST_POSITIONAL]
    return [call.lineno for call in calls if ast.unparse(call.func).split(".")[-1] not in TAKES_ANY_NUMBER]


@pytest.mark.parametrize("package", ["cad", "dicom_io", "models", "orthanc"])
def test_every_public_function_on_arrays_says_their_shape(package: str) -> None:
    assert [f"{file}: {name}" for file, tree in _modules(package) for name in functions_without_a_shape(tree)] == []


@pytest.mark.parametrize("package", ["cad", "dicom_io", "models", "orthanc"])
def test_no_call_passes_six_arguments_by_position(package: str) -> None:
    assert [f"{file}:{line}" for file, tree in _modules(package) for line in calls_of_many(tree)] == []


def test_a_function_without_a_shape_and_a_long_call_are_found() -> None:
    tree = ast.parse('def f(x: FloatArray) -> None:\n    """Says nothing."""\n    g(1, 2, 3, 4, 5, 6)\n')
    assert (functions_without_a_shape(tree), calls_of_many(tree)) == (["f"], [3])
    said = ast.parse('def f(x: FloatArray) -> None:\n    """Takes x [n, 3]."""\n    g(1, 2, 3, 4, 5, f=6)\n')
    assert (functions_without_a_shape(said), calls_of_many(said)) == ([], [])
