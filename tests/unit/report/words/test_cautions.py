"""Cautions in Chinese: every code that the product gives has a sentence."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from cad.domain import Caution
from cad.exam.followup import changes
from cad.report.words.zh.cautions import SENTENCE, caution
from tests.places import ROOT

PACKAGES = ("cad", "dicom_io", "models", "orthanc")


def codes(path: Path) -> set[str]:
    """The codes of the cautions that a module gives, where they are written there."""
    calls = (node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))
    firsts = (c.args[0] for c in calls if isinstance(c.func, ast.Name) and c.func.id == "Caution" and c.args)
    return {first.value for first in firsts if isinstance(first, ast.Constant) and isinstance(first.value, str)}


def test_every_caution_has_a_sentence_in_chinese() -> None:
    given = {code for package in PACKAGES for path in (ROOT / package).rglob("*.py") for code in codes(path)}
    given |= {code for code, _ in changes.CAUTIONS}
    assert len(given) > 40
    assert given - set(SENTENCE) == set()


def test_a_sentence_is_chinese_and_an_unknown_code_is_quoted() -> None:
    for code in SENTENCE:
        said = caution(Caution(code, "In English."))
        assert said.endswith("。")
        assert not re.search("[A-Za-z]", re.sub("PACS|lungcad|CT", "", said)), said
    assert caution(Caution("never-heard-of", "In English.")) == "In English."
