"""Volumes for the web console: fetched from where their series lie, kept in memory while they are looked at."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from cad.domain import CtSeries, Volume
from cad.errors import Reason, Refusal
from cad.policy import SeriesPolicy
from cad.service.jobs import Source
from cad.service.store import Store
from dicom_io.read.reading import Datasets, load_datasets
from dicom_io.read.study_header import study_header_of
from dicom_io.write.source_images import image_numbers
from orthanc.pacs import Archive, Pacs, SeriesEntry
from orthanc.spool import Spool

FEWEST_KEPT = 2
"""A comparison needs two at once, however large they are."""
MOST_KEPT = 4
MOST_BYTES = 1_000_000_000
"""What is kept beyond the two latest: three scans of 600 slices of 512 × 512."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A series by its UIDs."""

    study_uid: str
    series_uid: str


@dataclass(frozen=True, slots=True, eq=False)
class CachedScan:
    """A series as it can be shown. `numbers` are those under which viewers show the slices k, None where unknown."""

    series: CtSeries
    volume: Volume
    series_number: str | None = None
    numbers: tuple[str | None, ...] = ()


class ScanCache:
    """The scans that were looked at last. Safe to use from several threads; each series is read once at a time."""

    def __init__(self, fetch: Callable[[Wanted], Datasets], policy: SeriesPolicy) -> None:
        self._fetch = fetch
        self._policy = policy
        self._scans: OrderedDict[str, CachedScan] = OrderedDict()
        self._reading: dict[str, threading.Lock] = {}
        self._decoding = threading.Lock()
        self._lock = threading.Lock()

    def scan(self, wanted: Wanted) -> CachedScan:
        """The scan of a series. Raises Refusal and Unavailable as fetching and reading do."""
        uid = wanted.series_uid
        with self._lock:
            reading = self._reading.setdefault(uid, threading.Lock())
        with reading:
            known = self._taken(uid)
            if known is not None:
                return known
            scan = self._read(self._fetch(wanted))
            self._put(uid, scan)
            return scan

    def _read(self, datasets: Datasets) -> CachedScan:
        """One at a time: decoding takes twice a scan's memory, and silences warnings for the whole process."""
        with self._decoding:
            loaded = load_datasets(datasets, self._policy)
        header = study_header_of(loaded.evidence.datasets[0])
        return CachedScan(loaded.series, loaded.volume, header.series_number, image_numbers(loaded))

    def _taken(self, series_uid: str) -> CachedScan | None:
        with self._lock:
            if series_uid not in self._scans:
                return None
            self._scans.move_to_end(series_uid)
            return self._scans[series_uid]

    def _put(self, series_uid: str, scan: CachedScan) -> None:
        """Keeps the scan, and lets go of those that nobody has looked at for longest."""
        with self._lock:
            self._scans[series_uid] = scan
            while len(self._scans) > FEWEST_KEPT and (len(self._scans) > MOST_KEPT or self._bytes() > MOST_BYTES):
                gone, _ = self._scans.popitem(last=False)
                self._reading.pop(gone, None)

    def _bytes(self) -> int:
        return sum(scan.volume.hu.nbytes for scan in self._scans.values())


@dataclass(frozen=True, slots=True)
class SeriesPlaces:
    """Where the images of a series can be had."""

    store: Store
    pacs: Pacs
    spool: Spool
    archive: Archive | None = None

    def fetch(self, wanted: Wanted) -> Datasets:
        """The images of a series: from where its newest job received them, else from the PACS, else from the archive.

        Raises Refusal (not-in-pacs) when they are gone, and Unavailable.
        """
        jobs = self.store.jobs_of_series(wanted.series_uid)
        for job in jobs:
            if job.source is Source.SPOOL and self.spool.fingerprint(job.series_id)[0] > 0:
                return self.spool.fetch(job.series_id)
        series_id = self.pacs.find_series(wanted.series_uid)
        if series_id is not None:
            return self.pacs.fetch(series_id)
        if self.archive is None:
            raise Refusal(Reason.NOT_IN_PACS, "the images are no longer there")
        if self.archive.fills_pacs and not jobs:
            self.store.note_fetched(wanted.series_uid)
        uid = wanted.series_uid
        return self.archive.fetch(SeriesEntry(uid, wanted.study_uid, uid, "CT", 0, in_archive=True))
