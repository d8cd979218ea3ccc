"""Settings of the test tools."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.made.postgres import ABSENT, Postgres, a_server, binaries

# The same examples every time: a gate must not fail on somebody else's change. A longer search is
# `pytest --hypothesis-profile default`.
# A test that waits for a busy machine is not a failing test; pytest's own durations show slow ones.
settings.register_profile("without deadlines", deadline=None, derandomize=True)
settings.load_profile("without deadlines")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server."""
    programs = binaries()
    if programs is None:
        pytest.skip(ABSENT)
    with a_server(programs) as server:
        yield server
