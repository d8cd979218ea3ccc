"""The source series that every contract holds for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import pytest
from pydicom.dataset import Dataset

from tests.made.series import CHINESE_NAME, a_series, an_enhanced_series
from tests.made.subjects import Subject, a_subject

FEET_FIRST = (-1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
PRONE = (-1.0, 0.0, 0.0, 0.0, -1.0, 0.0)
TRANSPOSED = (0.0, 1.0, 0.0, 1.0, 0.0, 0.0)


SOURCES: dict[str, Callable[[], Sequence[Dataset]]] = {
    "head-first": a_series,
    "feet-first": lambda: a_series(orientation=FEET_FIRST),
    "prone-non-square-pixels": lambda: a_series(orientation=PRONE, row_spacing_mm=1.5),
    "transposed": lambda: a_series(orientation=TRANSPOSED),
    "enhanced-multi-frame": lambda: [an_enhanced_series(a_series(), order=list(reversed(range(40))))],
    "chinese-name": lambda: a_series(patient_name=CHINESE_NAME),
}


@cache
def _subject(kind: str) -> Subject:
    return a_subject(SOURCES[kind]())


@pytest.fixture(params=SOURCES)
def subject(request: pytest.FixtureRequest) -> Subject:
    """A small phantom series of each kind with its objects; written once, never changed."""
    return _subject(request.param)


@pytest.fixture
def plain() -> Subject:
    """A small phantom series without peculiarities, with its objects."""
    return _subject("head-first")
