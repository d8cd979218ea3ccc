"""A service on the database of an installation from before the migrations."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from cad.service.jobs import JobState
from tests.made.benches import SERIES, Bench, an_instance
from tests.unit.service.first_tables import restore


def test_the_service_goes_on_with_the_jobs_of_an_installation_from_before_the_migrations(tmp_path: Path) -> None:
    restore(tmp_path / "jobs.sqlite")
    bench = Bench(tmp_path)
    bench.restart("boot-2")
    bench.now += timedelta(hours=2)  # after all that the dump tells of
    keys = {job.series_uid: job.key for job in bench.store.jobs() if job.state is not JobState.SUPERSEDED}
    for series, count in ((SERIES, 3), ("1.4.5", 2), ("1.4.6", 2)):
        bench.pacs.receive([an_instance(n, series, study=f"{series}.0") for n in range(1, count + 1)])
    bench.pacs.rest()
    bench.settle()
    for series in (SERIES, "1.4.5", "1.4.6"):
        assert (bench.job(series).state, bench.job(series).key) == (JobState.DONE, keys[series])
    assert bench.job("1.4.3").facts == {"expected": 212, "found": 209}
    assert bench.store.document(keys["1.4.1"]) is not None
    assert bench.store.is_fetched("1.4.8")
    bench.store.close()
