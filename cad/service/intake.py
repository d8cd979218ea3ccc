"""From what the PACS and the spool hold to jobs: reads change logs, looks at changed series, records jobs."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from cad.case.identity import series_key
from cad.domain import ModelIdentity
from cad.errors import Unavailable
from cad.service.jobs import URGENT, Job, JobState, Source
from cad.service.prior_choice import Current, earlier_studies, later_studies
from cad.service.store import Store
from cad.service.worker import Clock, describe_bug
from orthanc.pacs import ChangePage, Pacs, SeriesEntry, SeriesSummary, StudySummary
from orthanc.spool import Spool, SpooledSeries

logger = logging.getLogger(__name__)

CURSOR = "orthanc"
FIRST_OF_INTEREST = "orthanc-not-before"
"""Names of the two numbers kept of the change log: how far it was read, and the time before which it is ignored."""

CT = "CT"

FIRST_REST_S, LONGEST_REST_S = 30.0, 3600.0
"""How long a series that could not be looked at is let be, at first and at most."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The software and the networks that will read; both are part of a job's key."""

    software_version: str
    models: tuple[ModelIdentity, ...]


@dataclass(frozen=True, slots=True)
class Rest:
    """A series of the PACS that could not be looked at: why, and until when it is let be."""

    series_id: str
    problem: str
    until: datetime
    seconds: float


class Resting:
    """Series that could not be looked at, and until when they are let be: half a minute, then twice as long."""

    def __init__(self) -> None:
        self._rests: dict[str, Rest] = {}

    def until(self, series_id: str) -> datetime:
        """When a series may be looked at again; long ago for any other."""
        rest = self._rests.get(series_id)
        return datetime.min.replace(tzinfo=UTC) if rest is None else rest.until

    def rest(self, series_id: str, problem: str, now: datetime) -> float:
        """Lets a series be; for how many seconds."""
        known = self._rests.get(series_id)
        seconds = min(max(FIRST_REST_S, 0.0 if known is None else 2 * known.seconds), LONGEST_REST_S)
        self._rests[series_id] = Rest(series_id, problem, now + timedelta(seconds=seconds), seconds)
        return seconds

    def all(self) -> tuple[Rest, ...]:
        """Every series that is let be."""
        return tuple(self._rests.values())

    def forget(self, series_id: str) -> None:
        """A series could be looked at."""
        self._rests.pop(series_id, None)


class PacsIntake:
    """Follows the change log of a PACS. Call `step` again and again.

    Each changed series is first watched (durably, together with the cursor) and then looked at until it is stable.
    So it does not matter whether the PACS announced stability, once, twice or, stopped too early, never.
    """

    def __init__(self, pacs: Pacs, store: Store, identity: Identity, backlog: timedelta, clock: Clock) -> None:
        self._pacs = pacs
        self._store = store
        self._identity = identity
        self._backlog = backlog
        self._clock = clock
        self._resting = Resting()

    def step(self) -> None:
        """Read what is new and look at what changed. Raises Unavailable when the PACS as a whole is.

        A series that cannot be looked at keeps nobody waiting: it is looked at again later, and ever later.
        """
        self._follow()
        for series_id in self._store.watched():
            if self._resting.until(series_id) <= self._clock():
                self._look_unless_odd(series_id)

    def resting(self) -> tuple[Rest, ...]:
        """The series that could not be looked at, with the reason and the time of the next look."""
        return self._resting.all()

    def look_now(self, series_id: str) -> None:
        """Look at a series in the next round, whatever it was like."""
        self._resting.forget(series_id)

    def _look_unless_odd(self, series_id: str) -> None:
        try:
            self._look(series_id)
        except Unavailable as outage:
            self._pacs.check()
            problem = outage.text
        except Exception as bug:  # noqa: BLE001 - whatever one series is like, the next one must be read
            problem = describe_bug(bug)
        else:
            self._resting.forget(series_id)
            return
        rest = self._resting.rest(series_id, problem.partition("\n")[0], self._clock())
        logger.error("series %s cannot be looked at; tried again in %.0f s: %s", series_id[:12], rest, problem)

    def _follow(self) -> None:
        not_before = self._first_of_interest()
        cursor = self._store.cursor(CURSOR) or 0
        complete = False
        while not complete:
            page = self._pacs.changes(cursor, not_before)
            if page.last < cursor:
                logger.warning("the PACS's change log starts anew; reading it from its beginning")
                page = self._pacs.changes(0, not_before)
            self._store.note_changes(CURSOR, page.last, self._changed(page))
            cursor, complete = page.last, page.complete

    def _first_of_interest(self) -> datetime:
        """The time before which changes are ignored, fixed at the first start of this installation."""
        seconds = self._store.cursor(FIRST_OF_INTEREST)
        if seconds is None:
            seconds = int((self._clock() - self._backlog).timestamp())
            self._store.note_changes(FIRST_OF_INTEREST, seconds, ())
        return datetime.fromtimestamp(seconds, UTC)

    def _changed(self, page: ChangePage) -> tuple[str, ...]:
        """The series of a page, those of its instances included."""
        series = dict.fromkeys(page.series)
        unplaced = dict.fromkeys(page.instances)
        while unplaced:
            found = self._pacs.series_of(next(iter(unplaced)))
            siblings = frozenset({next(iter(unplaced))}) if found is None else found[1]
            unplaced = {item: None for item in unplaced if item not in siblings}
            if found is not None:
                series[found[0]] = None
        return tuple(series)

    def _look(self, series_id: str) -> None:
        summary = self._pacs.summary(series_id)
        if summary is not None and not summary.stable:
            return
        if summary is not None and self._concerns_us(summary):
            relatives = self._relatives(series_id)
            if relatives.arriving and self._store.jobs_of_series(summary.series_uid):
                return
            slices = Slices(
                source=Source.PACS,
                series_id=series_id,
                series_uid=summary.series_uid,
                sop_uids=summary.sop_uids,
                earlier=relatives.fingerprint,
                patient=relatives.patient,
                urgent=summary.urgent or self._store.is_urgent(series_id),
            )
            self._accept(new_job(slices, self._identity, self._clock()), relatives)
            if relatives.arriving:
                return
        self._store.unwatch(series_id)

    def _relatives(self, series_id: str) -> Relatives:
        """What the PACS has of the patient beside this series' study, but for what we brought there ourselves."""
        study = self._pacs.study_of(series_id)
        if study is None:
            return Relatives()
        current = Current(study.study_uid, study.patient, study.acquired)
        studies = [self._without_fetched(other) for other in self._pacs.studies_of(study.patient.patient_id)]
        earlier = earlier_studies(current, studies)
        later = (entry for other in later_studies(current, studies) for entry in other.series if entry.modality == CT)
        return Relatives(earlier.fingerprint(), tuple(later), earlier.arriving, study.identity)

    def _without_fetched(self, study: StudySummary) -> StudySummary:
        kept = tuple(entry for entry in study.series if not self._store.is_fetched(entry.series_uid))
        return replace(study, series=kept)

    def _accept(self, job: Job, relatives: Relatives) -> None:
        """Record a job. What is new to us is looked at from the patient's later examinations, which we know, too.

        These are watched first: whatever happens then, their look finds what the PACS holds.
        """
        if self._store.job(job.key) is None:
            for entry in relatives.later:
                if self._store.jobs_of_series(entry.series_uid):
                    self._store.watch(entry.series_id)
        self._store.accept(job)

    def _concerns_us(self, summary: SeriesSummary) -> bool:
        """Only CT, and nothing that we made or fetched. An unsuitable CT does concern us: it gets a refusal."""
        uid = summary.series_uid
        is_ours = self._store.is_own_series(uid) or self._store.is_fetched(uid)
        return summary.modality == CT and bool(summary.sop_uids) and not is_ours


class SpoolIntake:
    """Turns series received by C-STORE into jobs, and clears them away afterwards. Call `step` again and again."""

    def __init__(self, spool: Spool, store: Store, identity: Identity, rules: SpoolRules, clock: Clock) -> None:
        self._spool = spool
        self._store = store
        self._identity = identity
        self._rules = rules
        self._clock = clock
        self._seen: dict[str, tuple[int, float]] = {}

    def step(self) -> None:
        """Record a job for each series that is complete and changed. Raises Unavailable."""
        for folder in self._spool.resting(self._rules.quiet_s):
            try:
                self._take(folder)
            except Unavailable:
                raise
            except Exception as bug:  # noqa: BLE001 - whatever one series is like, the next one must be read
                self._spool.set_aside(folder, type(bug).__name__)
                self._seen.pop(folder, None)
                logger.error("a received series cannot be read and was set aside: %s", describe_bug(bug))

    def _take(self, folder: str) -> None:
        fingerprint = self._spool.fingerprint(folder)
        if self._seen.get(folder) != fingerprint:
            self._accept(self._spool.summary(folder))
            self._seen[folder] = fingerprint
        self._clear(folder)

    def _accept(self, series: SpooledSeries | None) -> None:
        if series is None or series.modality != CT or self._store.is_own_series(series.series_uid):
            return
        slices = Slices(
            source=Source.SPOOL,
            series_id=series.folder,
            series_uid=series.series_uid,
            sop_uids=series.sop_uids,
            patient=series.patient,
            urgent=series.urgent or self._store.is_urgent(series.folder),
            home=self._rules.home,
        )
        if self._is_covered(slices):
            return
        self._store.accept(new_job(slices, self._identity, self._clock()))

    def _is_covered(self, slices: Slices) -> bool:
        """Whether a job of the series has all these slices: some slices sent again, after the rest was cleared away.

        The PACS having all of them too, its job stands: it knows of earlier examinations.
        """
        current = [job for job in self._store.jobs_of_series(slices.series_uid) if job.state is not JobState.SUPERSEDED]
        in_pacs = any(job.source is Source.PACS and set(job.sop_uids) == set(slices.sop_uids) for job in current)
        return in_pacs or any(set(slices.sop_uids) < set(job.sop_uids) for job in current)

    def _clear(self, folder: str) -> None:
        """Delete a received series that has been quiet for long and whose jobs have ended."""
        keep = timedelta(hours=self._rules.keep_hours)
        _, newest_s = self._spool.fingerprint(folder)
        if datetime.fromtimestamp(newest_s, UTC) + keep > self._clock() or self._store.needs(folder):
            return
        self._spool.discard(folder)
        self._seen.pop(folder, None)


@dataclass(frozen=True, slots=True)
class SpoolRules:
    """When a received series is complete, how long it is kept, and the installation on whose disk it is."""

    quiet_s: float
    keep_hours: float
    home: str | None = None


@dataclass(frozen=True, slots=True)
class Slices:
    """A set of slices of one series, where it is, and what there is of earlier examinations to compare it with.

    `patient` is a digest of whom the PACS says that it is of. `home` is the installation that alone has the files.
    """

    source: Source
    series_id: str
    series_uid: str
    sop_uids: Sequence[str]
    earlier: tuple[str, ...] = ()
    patient: str = ""
    urgent: bool = False
    home: str | None = None

    @property
    def beside(self) -> tuple[str, ...]:
        """What decides the results beside the slices: a corrected name makes them again."""
        return (*self.earlier, *((f"patient {self.patient}",) if self.patient else ()))


@dataclass(frozen=True, slots=True)
class Relatives:
    """The patient's other examinations: the earlier ones as a fingerprint, the CT series of later ones.

    `arriving`: one of the earlier ones is not complete yet. `patient` is a digest of whom the study is said to be of.
    """

    fingerprint: tuple[str, ...] = ()
    later: tuple[SeriesEntry, ...] = ()
    arriving: bool = False
    patient: str = ""


def new_job(slices: Slices, identity: Identity, now: datetime) -> Job:
    """The job that reads these slices, due at once."""
    return Job(
        key=series_key(slices.series_uid, slices.sop_uids, identity.software_version, identity.models, slices.beside),
        source=slices.source,
        series_id=slices.series_id,
        series_uid=slices.series_uid,
        sop_uids=tuple(sorted(slices.sop_uids)),
        state=JobState.QUEUED,
        created=now,
        updated=now,
        not_before=now,
        home=slices.home,
        priority=URGENT if slices.urgent else 0,
    )
