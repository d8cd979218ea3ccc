"""The comparison page's routes on a real job table and a PACS in memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from pydicom.dataset import Dataset

from cad.policy import SeriesPolicy
from cad.report.json.followup_map import comparison_map
from cad.service.health import Health
from cad.service.jobs import Event, EventKind, Job, JobState, RetryPolicy, Source
from cad.service.store import ObjectRecord, Store
from cad.web.api import ApiDependencies, create_api
from cad.web.scan_cache import FEWEST_KEPT, MOST_KEPT, ScanCache, SeriesPlaces, Wanted
from dicom_io.read.reading import load_datasets
from orthanc.in_memory import InMemoryPacs, id_of
from orthanc.pacs import SeriesEntry, StudySummary
from orthanc.spool import Spool
from tests.made.comparisons import MadeUpPair, a_followup, a_pair, findings_of_pair, findings_without_prior
from tests.made.series import a_series

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KEY = "c" * 64
REPORT = ObjectRecord("2.25.1", "2.25.2", "SR")
JOB = f"/api/v1/jobs/{KEY}"
PATHS = (f"/jobs/{KEY}/comparison", f"{JOB}/scans/current", f"{JOB}/scans/prior/slices/0", f"{JOB}/comparison-map")


@dataclass
class Console:
    """The API over a job table, a PACS and a spool folder."""

    client: TestClient
    store: Store
    pacs: InMemoryPacs
    spool: Spool


@pytest.fixture(scope="module")
def pair() -> MadeUpPair:
    return a_pair()


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Console]:
    yield from consoles(tmp_path)


def consoles(folder: Path, token: str | None = None) -> Iterator[Console]:
    store = Store(f"sqlite:///{folder / 'jobs.sqlite'}", RetryPolicy())
    store.upgrade_tables()
    pacs, spool = InMemoryPacs(), Spool(folder / "spool")
    shelf = ScanCache(SeriesPlaces(store, pacs, spool).fetch, SeriesPolicy())
    dependencies = ApiDependencies(
        store=store,
        notify=lambda _: None,
        health=lambda: Health({"pacs": "ok"}),
        clock=lambda: NOW,
        scans=shelf,
        token=token,
    )
    yield Console(TestClient(create_api(dependencies), raise_server_exceptions=False), store, pacs, spool)
    store.close()


def a_job(datasets: Sequence[Dataset], source: Source = Source.PACS, series_id: str | None = None) -> Job:
    uid = str(datasets[0].SeriesInstanceUID)
    sop_uids = tuple(str(ds.SOPInstanceUID) for ds in datasets)
    place = series_id or id_of(uid)
    return Job(KEY, source, place, uid, sop_uids, JobState.QUEUED, created=NOW, updated=NOW, not_before=NOW)


def analysed(console: Console, job: Job, document: dict[str, Any], carried: bytes | None = None) -> Job:
    console.store.accept(job)
    claimed = console.store.claim("me", NOW + timedelta(minutes=2), NOW)
    assert claimed is not None
    done = console.store.analysed(claimed, [REPORT], document, NOW, carried)
    assert done is not None
    return done


def compared(console: Console, pair: MadeUpPair) -> Job:
    """A job whose comparison is done, and its images in the PACS."""
    console.pacs.receive([*pair.current, *pair.prior])
    carried = comparison_map(a_followup(pair), pair.lungs)
    return analysed(console, a_job(pair.current), findings_of_pair(pair), carried)


def test_the_geometry_of_both_scans_is_that_of_the_volumes(console: Console, pair: MadeUpPair) -> None:
    compared(console, pair)
    for which, datasets in (("current", pair.current), ("prior", pair.prior)):
        told = console.client.get(f"{JOB}/scans/{which}").json()
        grid = load_datasets(datasets, SeriesPolicy()).volume.grid
        assert tuple(told["shape"]) == grid.shape
        np.testing.assert_allclose(told["affine_kji_to_lps"], grid.affine)
    assert (told["slice_thickness_mm"], told["kernel"]) == (2.5, "STANDARD")


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_a_slice_holds_the_hounsfield_units_of_the_images(console: Console, pair: MadeUpPair, encoding: str) -> None:
    compared(console, pair)
    answer = console.client.get(f"{JOB}/scans/current/slices/7", headers={"Accept-Encoding": encoding})
    hu = np.frombuffer(answer.content, "<i2").reshape(pair.volume.grid.shape[1:])
    np.testing.assert_array_equal(hu, pair.volume.hu[7])
    assert answer.headers.get("Content-Encoding", "identity") == encoding
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("k", ["-1", "40"])
def test_a_slice_outside_the_scan_is_not_found(console: Console, pair: MadeUpPair, k: str) -> None:
    compared(console, pair)
    assert console.client.get(f"{JOB}/scans/current/slices/{k}").status_code == 404


def test_the_map_is_served_as_it_was_kept(console: Console, pair: MadeUpPair) -> None:
    compared(console, pair)
    kept = console.store.comparison_map(KEY)
    assert kept is not None
    assert console.client.get(f"{JOB}/comparison-map").content == kept


def test_without_an_earlier_examination_only_the_current_scan_is_there(console: Console, pair: MadeUpPair) -> None:
    console.pacs.receive(pair.alone)
    analysed(console, a_job(pair.alone), findings_without_prior(pair))
    assert console.client.get(f"/jobs/{KEY}/comparison").status_code == 200
    assert console.client.get(f"{JOB}/scans/current").status_code == 200
    assert console.client.get(f"{JOB}/scans/prior").status_code == 404
    assert console.client.get(f"{JOB}/comparison-map").status_code == 404


def test_another_scan_than_the_two_is_refused(console: Console, pair: MadeUpPair) -> None:
    compared(console, pair)
    assert console.client.get(f"{JOB}/scans/first").status_code == 422


def test_nothing_is_found_of_an_unknown_job_or_before_there_are_findings(console: Console, pair: MadeUpPair) -> None:
    assert [console.client.get(path).status_code for path in PATHS] == [404] * 4
    console.store.accept(a_job(pair.current))
    assert [console.client.get(path).status_code for path in PATHS] == [200, 404, 404, 404]


def test_the_scans_of_a_refused_series_are_its_reason(console: Console, pair: MadeUpPair) -> None:
    console.store.accept(a_job(pair.current))
    claimed = console.store.claim("me", NOW + timedelta(minutes=2), NOW)
    assert claimed is not None
    console.store.advance(claimed, Event(EventKind.REFUSED, "not-ct", "not CT"), NOW)
    answer = console.client.get(f"{JOB}/scans/current")
    assert (answer.status_code, answer.json()["detail"]["reason"]) == (422, "not-ct")


def test_images_that_have_left_the_pacs_are_said_to_be_gone(console: Console, pair: MadeUpPair) -> None:
    compared(console, pair)
    console.pacs.withdraw([str(ds.SOPInstanceUID) for ds in pair.prior])
    answer = console.client.get(f"{JOB}/scans/prior")
    assert (answer.status_code, answer.json()["reason"]) == (422, "not-in-pacs")


def test_an_outage_of_the_pacs_is_temporary(console: Console, pair: MadeUpPair) -> None:
    compared(console, pair)
    console.pacs.go_down()
    assert console.client.get(f"{JOB}/scans/current").status_code == 503
    console.pacs.come_up()
    assert console.client.get(f"{JOB}/scans/current").status_code == 200


def test_a_series_received_by_c_store_is_read_from_its_folder(
    console: Console, pair: MadeUpPair, tmp_path: Path
) -> None:
    for ds in pair.alone:
        path = tmp_path / "one.dcm"
        ds.save_as(path, enforce_file_format=True)
        folder = console.spool.keep(str(ds.SeriesInstanceUID), str(ds.SOPInstanceUID), path.read_bytes())
    analysed(console, a_job(pair.alone, Source.SPOOL, folder), findings_without_prior(pair))
    assert console.client.get(f"{JOB}/scans/current").json()["shape"] == list(pair.volume.grid.shape)


def test_the_page_allows_nothing_but_its_own_script_style_and_answers(console: Console, pair: MadeUpPair) -> None:
    compared(console, pair)
    page = console.client.get(f"/jobs/{KEY}/comparison")
    policy = dict(part.strip().split(" ", 1) for part in page.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["form-action"] == "'none'"
    assert {policy[name] for name in ("script-src", "style-src", "img-src", "connect-src")} == {"'self'"}
    assert "style=" not in page.text
    assert "Phantom^Chest" not in page.text
    for name, kind in (("comparison.js", "text/javascript"), ("comparison.css", "text/css")):
        assert f"/assets/{name}" in page.text
        assert console.client.get(f"/assets/{name}").headers["Content-Type"].startswith(kind)
    assert console.client.get("/assets/status.html").status_code == 404


def test_the_status_page_leads_to_the_comparison(console: Console, pair: MadeUpPair) -> None:
    console.store.accept(a_job(pair.current))
    assert f"/jobs/{KEY}/comparison" not in console.client.get("/").text
    compared(console, pair)
    assert f'<a href="/jobs/{KEY}/comparison">compare</a>' in console.client.get("/").text
    console.store.forget_map(KEY)
    assert f'<a href="/jobs/{KEY}/comparison">view</a>' in console.client.get("/").text


def test_the_token_guards_images_map_and_page(tmp_path: Path, pair: MadeUpPair) -> None:
    console = next(consoles(tmp_path, token="secret"))
    compared(console, pair)
    for path in (*PATHS, "/assets/comparison.js"):
        assert console.client.get(path).status_code == 401
        assert console.client.get(path, auth=("anybody", "secret")).status_code == 200


def test_a_map_lasts_until_it_is_forgotten_or_an_analysis_has_another(console: Console, pair: MadeUpPair) -> None:
    delivering = analysed(console, a_job(pair.current), {}, b"first")
    assert console.store.comparison_map(KEY) == b"first"
    assert console.store.compared([KEY, "d" * 64]) == {KEY}
    lost = console.store.advance(delivering, Event(EventKind.OBJECTS_LOST), NOW)
    assert lost is not None
    analysed(console, lost, {}, b"second")
    assert console.store.comparison_map(KEY) == b"second"
    console.store.forget_map(KEY)
    assert (console.store.comparison_map(KEY), console.store.compared([KEY])) == (None, frozenset())


def test_an_analysis_that_comes_too_late_leaves_no_map(console: Console, pair: MadeUpPair) -> None:
    console.store.accept(a_job(pair.current))
    claimed = console.store.claim("me", NOW + timedelta(minutes=2), NOW)
    assert claimed is not None
    console.store.advance(claimed, Event(EventKind.INTERRUPTED), NOW)
    assert console.store.analysed(claimed, [REPORT], {}, NOW, b"late") is None
    assert console.store.comparison_map(KEY) is None


# -- where the images are, and the shelf


class Vault:
    """An archive with one series; `asked` is what was asked for."""

    def __init__(self, datasets: Sequence[Dataset], *, fills_pacs: bool) -> None:
        self._datasets = tuple(datasets)
        self.fills_pacs = fills_pacs
        self.asked: list[SeriesEntry] = []

    def studies_of(self, patient_id: str) -> tuple[StudySummary, ...]:  # noqa: ARG002 - part of the protocol
        return ()

    def fetch(self, series: SeriesEntry) -> tuple[Dataset, ...]:
        self.asked.append(series)
        return self._datasets


@pytest.mark.parametrize("fills_pacs", [True, False])
def test_what_the_pacs_does_not_hold_comes_from_the_archive(
    console: Console, pair: MadeUpPair, *, fills_pacs: bool
) -> None:
    """What an archive brings into the PACS for looking at it gets no report of its own."""
    vault = Vault(pair.prior, fills_pacs=fills_pacs)
    places = SeriesPlaces(console.store, console.pacs, console.spool, vault)
    wanted = Wanted(str(pair.prior[0].StudyInstanceUID), str(pair.prior[0].SeriesInstanceUID))
    assert len(places.fetch(wanted)) == len(pair.prior)
    assert (vault.asked[0].study_uid, vault.asked[0].series_uid) == (wanted.study_uid, wanted.series_uid)
    assert console.store.is_fetched(wanted.series_uid) is fills_pacs
    console.pacs.receive(pair.prior)
    places.fetch(wanted)
    assert len(vault.asked) == 1


def one_series(name: str) -> list[Dataset]:
    return a_series(study=name, series=name)


def a_wanted(name: str) -> Wanted:
    return Wanted(f"study of {name}", name)


def test_a_scan_is_read_once_although_many_ask_at_once() -> None:
    series = one_series("a")
    fetched: list[str] = []
    started = threading.Barrier(4)

    def fetch(wanted: Wanted) -> list[Dataset]:
        fetched.append(wanted.series_uid)
        return series

    def ask() -> None:
        started.wait()
        shelf.scan(a_wanted("a"))

    shelf = ScanCache(fetch, SeriesPolicy())
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert fetched == ["a"]


def test_the_shelf_lets_go_of_what_was_not_looked_at_for_longest() -> None:
    series = {name: one_series(name) for name in "abcdef"}
    fetched: list[str] = []

    def fetch(wanted: Wanted) -> list[Dataset]:
        fetched.append(wanted.series_uid)
        return series[wanted.series_uid]

    shelf = ScanCache(fetch, SeriesPolicy())
    for name in "abcd":
        shelf.scan(a_wanted(name))
    shelf.scan(a_wanted("a"))
    shelf.scan(a_wanted("e"))
    assert len("acde") == MOST_KEPT
    shelf.scan(a_wanted("a"))
    assert fetched == list("abcde")
    shelf.scan(a_wanted("b"))
    assert fetched == list("abcdeb")


def test_the_shelf_keeps_two_scans_however_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cad.web.scan_cache.MOST_BYTES", 1)
    fetched: list[str] = []

    def fetch(wanted: Wanted) -> list[Dataset]:
        fetched.append(wanted.series_uid)
        return one_series(wanted.series_uid)

    shelf = ScanCache(fetch, SeriesPolicy())
    for name in ("a", "b", "a", "b"):
        shelf.scan(a_wanted(name))
    assert len(fetched) == FEWEST_KEPT
    for name in ("c", "a"):
        shelf.scan(a_wanted(name))
    assert fetched == ["a", "b", "c", "a"]
