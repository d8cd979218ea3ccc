"""Services that start at the same moment on one database."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from multiprocessing.synchronize import Barrier
from pathlib import Path

from cad.service.jobs import RetryPolicy
from cad.service.store import Store
from cad.service.tables import METADATA
from tests.unit.service.first_tables import restore, revision_of, rows_of


def start(databases: Sequence[Path], together: Barrier) -> None:
    for database in databases:
        store = Store(f"sqlite:///{database}", RetryPolicy())
        together.wait(timeout=120)
        store.upgrade_tables()
        store.close()


def test_services_that_start_at_once_upgrade_once(tmp_path: Path) -> None:
    new, older = tmp_path / "new.sqlite", tmp_path / "older.sqlite"
    restore(older)
    before = rows_of(older)
    context = multiprocessing.get_context("spawn")
    together = context.Barrier(3)
    services = [context.Process(target=start, args=((new, older), together)) for _ in range(3)]
    for service in services:
        service.start()
    for service in services:
        service.join(timeout=120)
    assert [service.exitcode for service in services] == [0, 0, 0]
    assert [revision_of(database) for database in (new, older)] == ["0002", "0002"]
    assert rows_of(new) == {name: [] for name in METADATA.tables}
    after = rows_of(older)
    assert {name: [row[: len(before[name][0])] for row in after[name]] for name in before} == before
