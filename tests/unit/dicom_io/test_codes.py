"""The table of codes: every entry is one that DICOM can hold, and no member of the domain is without one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import cast

import pytest
from pydicom.sr._concepts_dict import concepts
from pydicom.sr.coding import Code

from cad.domain import (
    CalcificationPattern,
    ChangeStatus,
    Composition,
    Guideline,
    Lobe,
    LungRadsCategory,
    ReaderRatings,
    Side,
)
from cad.report.statements.nodules import Sign
from dicom_io import codes

SHORT_STRING, LONG_STRING = 16, 64
"""Lengths of Code Value (SH) and Code Meaning (LO), PS3.5 6.2."""

CHECKED_SCHEMES = ("DCM", "SCT", "IBSI")
"""Schemes of which pydicom has the codes that DICOM uses."""

ELSEWHERE = {"118538004", "1362105002"}
"""SNOMED CT codes that pydicom does not list with a context group of ours; `codes` says where they are from."""


def every_code() -> Iterator[Code]:
    for value in vars(codes).values():
        if isinstance(value, Code):
            yield value
        elif isinstance(value, Mapping):
            yield from (part for part in value.values() if isinstance(part, Code))
        elif isinstance(value, tuple):
            yield from (part for part in value if isinstance(part, Code))
    yield from (codes.lung_rads_category(f"{category.value}S") for category in LungRadsCategory)


@pytest.mark.parametrize("code", sorted(set(every_code())), ids=lambda code: code.value)
def test_fits_its_elements(code: Code) -> None:
    assert 0 < len(code.value) <= SHORT_STRING
    assert 0 < len(code.meaning) <= LONG_STRING


@pytest.mark.parametrize(
    "code", sorted(c for c in set(every_code()) if c.scheme_designator in CHECKED_SCHEMES), ids=lambda code: code.value
)
def test_a_public_code_is_in_the_dictionary(code: Code) -> None:
    scheme = cast(Mapping[str, Mapping[str, object]], concepts[code.scheme_designator])
    known = {value for entries in scheme.values() for value in entries}
    assert code.value in known | ELSEWHERE


@pytest.mark.parametrize(
    ("table", "members"),
    [
        (codes.LOBE, Lobe),
        (codes.LATERALITY, Side),
        (codes.COMPOSITION, Composition),
        ({**codes.SIGN_ANSWER, **codes.SIGN_FINDING}, Sign),
        (codes.SIGN_CERTAINTY, Sign),
        (codes.CALCIFICATION_PATTERN, CalcificationPattern),
        (codes.GUIDELINE, Guideline),
        (codes.CHANGE_STATUS, ChangeStatus),
    ],
)
def test_every_member_has_a_code(table: Mapping[Enum, object], members: type[Enum]) -> None:
    assert set(table) == set(members)


def test_every_rating_has_a_code() -> None:
    named = {*codes.RATINGS, "suspicion", "calcified", "model"}
    assert named == set(ReaderRatings.__dataclass_fields__)


def test_own_codes_are_told_apart_by_their_values() -> None:
    own = [code for code in set(every_code()) if code.scheme_designator == codes.OWN_SCHEME]
    assert len({code.value for code in own}) == len(own)
    assert len({code.meaning for code in own}) == len(own)
