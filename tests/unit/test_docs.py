"""Documents that cannot rot: their tables and the names they use are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cad.errors import Reason
from cad.service.settings import FILE_NAMES, OTHER_NAMES, PREFIX, Settings
from tests.documented_tables import documented_tables, documents, with_tables
from tests.made.series import a_series
from tests.made.subjects import drawn_nodule, loaded, objects_of
from tests.places import ROOT

DOCUMENTS = documents()
NAMES = [document.name for document in DOCUMENTS]
ROOMS = ("cad", "dicom_io", "models", "orthanc", "tests", "docs", "docker", ".ci")
PATH = re.compile(rf"(?<![\w./-])(?:{'|'.join(map(re.escape, ROOMS))})/[\w./*-]*")
"""A file or folder of the project, with stars for any part of a name; not what an address or another path ends with."""


def rows(document: Path, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its head."""
    below = document.read_text().split(f"{heading}\n", 1)[1]
    lines = re.search(r"(?:^\|.*\|\n)+", below, re.MULTILINE)
    assert lines, f"no table below {heading}"
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[0].splitlines()[2:]]


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_its_tables_are_those_of_the_code(document: Path) -> None:
    text = document.read_text()
    assert with_tables(text, documented_tables()) == text, "stale tables: run `make docs`"


def test_every_table_is_in_a_document() -> None:
    shown = {name for document in DOCUMENTS for name in re.findall(r"<!-- begin: (\S+) -->", document.read_text())}
    assert shown == set(documented_tables())


def test_every_reason_of_refusal_is_explained() -> None:
    explained = [row[0].strip("`") for row in rows(ROOT / "docs" / "conformance.md", "## Refused")]
    assert explained == [reason.value for reason in Reason]


@pytest.mark.parametrize("path", [*DOCUMENTS, *sorted((ROOT / "docker").glob("*.*"))], ids=lambda path: path.name)
def test_names_only_settings_that_exist(path: Path) -> None:
    known = OTHER_NAMES | FILE_NAMES | {PREFIX + name.upper() for name in Settings.model_fields}
    assert set(re.findall(r"LUNGCAD_[A-Z_]*[A-Z]", path.read_text())) <= known


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_its_links_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", document.read_text())
    absent = [target for target in targets if not (document.parent / target).exists()]
    assert not absent


@pytest.mark.parametrize("document", [*DOCUMENTS, ROOT / "CHANGELOG.md"], ids=lambda path: path.name)
def test_names_only_files_and_folders_that_exist(document: Path) -> None:
    named = {path.rstrip("./") for path in PATH.findall(document.read_text())}
    absent = sorted(path for path in named if not any(ROOT.glob(path)))
    assert not absent


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_names_only_make_targets_that_exist(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)", document.read_text())) <= targets


def test_the_objects_that_are_sent_are_those_of_the_table() -> None:
    source = loaded(a_series())
    with_nodules = objects_of(source, (drawn_nodule(source.volume.grid),)).all()
    without = objects_of(source, ()).all()
    stated = {row[2].strip("`"): row[3] for row in rows(ROOT / "docs" / "conformance.md", "## Sent")}
    assert set(stated) == {str(item.SOPClassUID) for item in with_nodules}
    always = {uid for uid, when in stated.items() if when.startswith("always")}
    assert always == {str(item.SOPClassUID) for item in without}
