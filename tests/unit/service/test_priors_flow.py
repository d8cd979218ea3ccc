"""Studies of one patient in any order, at once, with restarts and outages between: one comparison, the same names."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from cad.errors import Unavailable
from cad.service.jobs import JobState
from orthanc.in_memory import InMemoryPacs
from orthanc.pacs import SeriesEntry, StudySummary
from tests.made.benches import Bench, a_visit, series_of

FIRST, SECOND, THIRD = "20240110", "20250110", "20260110"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.store.close()


def arrive(bench: Bench, *visits: Sequence[Dataset]) -> None:
    for visit in visits:
        bench.pacs.receive(visit)
    bench.pacs.rest()


def document(bench: Bench, visit: Sequence[Dataset]) -> dict[str, object]:
    job = bench.job(series_of(visit))
    assert job.state is JobState.DONE, job
    found = bench.store.document(job.key)
    assert found is not None
    return found


def priors(bench: Bench, visit: Sequence[Dataset]) -> object:
    return document(bench, visit)["priors"]


def test_an_earlier_study_is_found_and_its_report_is_read_back(bench: Bench) -> None:
    first, second = a_visit(FIRST), a_visit(SECOND)
    arrive(bench, first)
    bench.settle()
    arrive(bench, second)
    bench.settle()
    found = document(bench, second)
    assert (found["priors"], found["tracking"], found["reported"]) == ([series_of(first)], series_of(first), 1)
    assert bench.results() == (2, 2)
    assert len(bench.read) == 2


def test_an_earlier_study_that_comes_later_replaces_the_report_without_it(bench: Bench) -> None:
    first, second = a_visit(FIRST), a_visit(SECOND)
    arrive(bench, second)
    bench.settle()
    assert priors(bench, second) == []
    lone = bench.store.objects(bench.job(series_of(second)).key)
    arrive(bench, first)
    bench.settle()
    found = document(bench, second)
    assert (found["priors"], found["tracking"], found["reported"]) == ([series_of(first)], series_of(first), 1)
    assert bench.results() == (2, 2)
    assert bench.pacs.held([item.sop_uid for item in lone]) == frozenset()


ORDERS = [*((order, False) for order in itertools.permutations((FIRST, SECOND, THIRD))), ((FIRST, SECOND, THIRD), True)]


@pytest.mark.parametrize(("order", "at_once"), ORDERS)
def test_three_studies_settle_alike_in_any_order(bench: Bench, order: tuple[str, ...], at_once: bool) -> None:
    visits = {date: a_visit(date) for date in order}
    for date in order:
        arrive(bench, visits[date])
        if not at_once:
            bench.settle(2)
    bench.settle(5)
    found = {date: document(bench, visit) for date, visit in visits.items()}
    earliest = series_of(visits[FIRST])
    assert found[FIRST]["priors"] == []
    assert found[SECOND]["priors"] == [earliest]
    assert found[THIRD]["priors"] == [earliest, series_of(visits[SECOND])]
    assert {one["tracking"] for one in found.values()} == {earliest}
    assert bench.results() == (3, 3)
    reports = {str(ds.SeriesInstanceUID) for ds in bench.pacs.instances("SR")}
    keys = [bench.job(series_of(visit)).key for visit in visits.values()]
    standing = {item.series_uid for key in keys for item in bench.store.objects(key)}
    assert reports <= standing


@pytest.mark.parametrize("year", range(2015, 2021))
def test_of_two_studies_at_once_the_earlier_is_read_first(bench: Bench, year: int) -> None:
    first, second = a_visit(f"{year}0110"), a_visit(f"{year}0710", 4)
    arrive(bench, first, second)
    bench.settle()
    assert document(bench, second)["reported"] == 1
    assert bench.read == [3, 4]


class Keeper(InMemoryPacs):
    """A destination that deletes nothing, as one that is reached by C-STORE."""

    def withdraw(self, sop_uids: Sequence[str]) -> None:
        """Nothing."""


def test_where_nothing_can_be_deleted_the_report_that_stands_is_read_back(tmp_path: Path) -> None:
    bench = Bench(tmp_path, Keeper())
    visits = [a_visit(date) for date in (SECOND, THIRD, FIRST)]
    for visit in visits:
        arrive(bench, visit)
        bench.settle(2)
    bench.settle(3)
    found = document(bench, visits[1])
    assert (found["tracking"], found["reported"]) == (series_of(visits[2]), 2)
    assert len(bench.pacs.instances("SR")) == 5
    bench.store.close()


def test_nothing_goes_on_once_all_is_settled(bench: Bench) -> None:
    arrive(bench, a_visit(SECOND))
    arrive(bench, a_visit(FIRST), a_visit(THIRD))
    bench.settle(5)
    read, uploads, jobs = len(bench.read), bench.pacs.uploads, len(bench.store.jobs())
    bench.settle(3)
    arrive(bench, a_visit(SECOND))
    bench.settle(3)
    assert (len(bench.read), bench.pacs.uploads, len(bench.store.jobs())) == (read, uploads, jobs)


@pytest.mark.parametrize("moment", ["taken in", "worked"])
def test_a_power_cut_between_the_studies_loses_no_comparison(bench: Bench, moment: str) -> None:
    first, second = a_visit(FIRST), a_visit(SECOND)
    arrive(bench, second)
    bench.settle()
    arrive(bench, first)
    bench.take_in()
    if moment == "worked":
        bench.work()
    bench.restart("boot-2")
    bench.settle(4)
    assert priors(bench, second) == [series_of(first)]
    assert bench.results() == (2, 2)


def test_a_power_cut_before_the_earlier_study_has_its_job_loses_no_comparison(bench: Bench) -> None:
    first, second = a_visit(FIRST), a_visit(SECOND)
    arrive(bench, second)
    bench.settle()
    arrive(bench, first)
    bench.intake._follow()
    bench.restart("boot-2")
    bench.settle(4)
    assert priors(bench, second) == [series_of(first)]


def test_a_late_slice_of_the_earlier_study_leads_to_a_new_comparison(bench: Bench) -> None:
    first, second = a_visit(FIRST, 4), a_visit(SECOND)
    arrive(bench, first[:3], second)
    bench.settle(4)
    before = bench.job(series_of(second)).key
    arrive(bench, first[3:])
    bench.settle(4)
    assert bench.job(series_of(second)).key != before
    assert document(bench, second)["reported"] == 1
    assert bench.results() == (2, 2)


def test_a_study_is_not_compared_with_one_that_is_still_arriving_until_it_is_there(bench: Bench) -> None:
    first, second = a_visit(FIRST, 4), a_visit(SECOND)
    arrive(bench, second)
    bench.pacs.receive(first[:2])
    bench.take_in()
    bench.work()
    job = bench.job(series_of(second))
    assert (job.state, job.code) == (JobState.QUEUED, "prior-unavailable")
    arrive(bench, first[2:])
    bench.settle(4)
    assert priors(bench, second) == [series_of(first)]
    assert bench.read.count(4) == 1


def test_an_earlier_study_that_never_ends_arriving_is_not_waited_for_without_end(bench: Bench) -> None:
    first, second = a_visit(FIRST), a_visit(SECOND)
    arrive(bench, second)
    bench.pacs.receive(first[:2])
    bench.settle(8)
    found = document(bench, second)
    assert (found["priors"], found["cautions"]) == ([], ["prior-incomplete"])
    bench.pacs.rest()
    bench.settle(4)
    assert priors(bench, second) == [series_of(first)]


def test_a_study_sent_again_while_the_later_one_is_looked_at_is_not_forgotten(bench: Bench) -> None:
    first, second = a_visit(FIRST), a_visit(SECOND)
    arrive(bench, first, second)
    bench.settle(4)
    bench.pacs.receive(first[:1])
    bench.store.watch(bench.job(series_of(second)).series_id)
    bench.settle(3)
    bench.pacs.rest()
    bench.settle(4)
    assert priors(bench, second) == [series_of(first)]


def test_a_study_that_could_not_wait_for_one_sent_again_is_compared_afterwards(bench: Bench) -> None:
    first, second = a_visit(FIRST), a_visit(SECOND)
    arrive(bench, first)
    bench.settle()
    arrive(bench, second)
    bench.pacs.receive(first[:1])
    bench.settle(8)
    assert document(bench, second)["cautions"] == ["prior-incomplete"]
    bench.pacs.rest()
    bench.settle()
    assert priors(bench, second) == [series_of(first)]


def test_a_pacs_that_is_down_during_the_search_is_waited_for(bench: Bench) -> None:
    first, second = a_visit(FIRST), a_visit(SECOND)
    arrive(bench, first)
    bench.settle()
    arrive(bench, second)
    bench.take_in()
    outage = OutageAtSearch()
    outage.__dict__.update(bench.pacs.__dict__)
    bench.tools = replace(bench.tools, pacs=outage)
    bench.work()
    job = bench.job(series_of(second))
    assert (job.state, job.code) == (JobState.QUEUED, "pacs-unavailable")
    bench.tools = replace(bench.tools, pacs=bench.pacs)
    bench.settle()
    assert priors(bench, second) == [series_of(first)]


class OutageAtSearch(InMemoryPacs):
    """A PACS that goes down when studies of a patient are asked for."""

    def studies_of(self, patient_id: str) -> tuple[StudySummary, ...]:  # noqa: ARG002 - it does not come so far
        raise Unavailable("pacs", "away")


def test_images_without_a_patient_id_are_compared_with_nothing(bench: Bench) -> None:
    first, second = a_visit(FIRST, patient_id=""), a_visit(SECOND, patient_id="")
    arrive(bench, first, second)
    bench.settle()
    found = document(bench, second)
    assert (found["priors"], found["cautions"]) == ([], ["patient-id-missing"])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"IssuerOfPatientID": "NORTH"}, {"IssuerOfPatientID": "SOUTH"}),
        ({"PatientBirthDate": "19500101"}, {"PatientBirthDate": "19600101"}),
        ({"PatientSex": "F"}, {"PatientSex": "M"}),
        ({"IssuerOfPatientID": "NORTH"}, {}),
    ],
    ids=["issuer", "birth date", "sex", "unstated issuer"],
)
def test_the_same_id_of_another_patient_is_said_and_not_compared(
    bench: Bench, one: dict[str, str], other: dict[str, str]
) -> None:
    first, second = a_visit(FIRST, identity=one), a_visit(SECOND, identity=other)
    for visits in ((second,), (first,)):
        arrive(bench, *visits)
        bench.settle()
    found = document(bench, second)
    assert (found["priors"], found["cautions"]) == ([], ["prior-of-another-patient"])
    assert bench.results() == (2, 2)


def test_an_unstated_issuer_is_accepted_with_the_same_birth_date(bench: Bench) -> None:
    first = a_visit(FIRST, identity={"IssuerOfPatientID": "NORTH", "PatientBirthDate": "19500101"})
    second = a_visit(SECOND, identity={"PatientBirthDate": "19500101"})
    arrive(bench, first, second)
    bench.settle(4)
    assert priors(bench, second) == [series_of(first)]


def test_an_unfit_study_is_said_and_the_next_is_taken(bench: Bench) -> None:
    visits = [a_visit(date) for date in (FIRST, SECOND, THIRD)]
    bench.unfit.add(series_of(visits[1]))
    arrive(bench, *visits)
    bench.settle(8)
    found = document(bench, visits[2])
    assert (found["priors"], found["cautions"]) == ([series_of(visits[0])], ["prior-unsuitable"])


def test_an_earlier_study_that_was_refused_does_not_hold_up_the_later_one(bench: Bench) -> None:
    first, second = a_visit(FIRST), a_visit(SECOND)
    arrive(bench, first)
    bench.take_in()
    job = bench.store.job(bench.engine.submitted[0][0])
    assert job is not None
    bench.unfit.add(series_of(first))
    arrive(bench, second)
    bench.settle(4)
    assert document(bench, second)["cautions"] == ["prior-unsuitable"]


# -- the archive -------------------------------------------------------------------------------------------------


class FakeArchive:
    """Another in-memory PACS as an archive; it fills the first one, as C-MOVE does, when it is told which."""

    def __init__(self, fills: InMemoryPacs | None = None) -> None:
        self.shelves = InMemoryPacs()
        self.is_up = True
        self.asked = 0
        self._fills = fills

    @property
    def fills_pacs(self) -> bool:
        return self._fills is not None

    def studies_of(self, patient_id: str) -> tuple[StudySummary, ...]:
        self.asked += 1
        self._check()
        found = self.shelves.studies_of(patient_id)
        return tuple(replace(study, series=tuple(map(archived, study.series))) for study in found)

    def fetch(self, series: SeriesEntry) -> tuple[Dataset, ...]:
        self._check()
        images = self.shelves.fetch(series.series_id)
        if self._fills is not None:
            self._fills.receive(images)
        return images

    def _check(self) -> None:
        if not self.is_up:
            raise Unavailable("prior-archive", "away")


def archived(entry: SeriesEntry) -> SeriesEntry:
    return replace(entry, in_archive=True, stable=True)


@pytest.mark.parametrize("fills", [False, True], ids=["brought by itself", "brought into the PACS"])
def test_an_earlier_study_is_found_in_the_archive_and_gets_no_report_of_its_own(bench: Bench, fills: bool) -> None:
    first, second = a_visit(FIRST), a_visit(SECOND)
    archive = FakeArchive(bench.pacs if fills else None)
    archive.shelves.receive(first)
    bench.tools = replace(bench.tools, archive=archive)
    arrive(bench, second)
    bench.settle()
    bench.pacs.rest()
    bench.settle(4)
    assert priors(bench, second) == [series_of(first)]
    assert len(bench.read) == 1
    assert [job.series_uid for job in bench.store.jobs()] == [series_of(second)]
    assert bench.results() == (1, 1)


def test_a_study_fetched_for_a_comparison_does_not_start_the_next_one(bench: Bench) -> None:
    first, second = a_visit(FIRST), a_visit(SECOND)
    archive = FakeArchive(bench.pacs)
    archive.shelves.receive(first)
    bench.tools = replace(bench.tools, archive=archive)
    arrive(bench, second)
    bench.settle()
    arrive(bench, second)
    bench.settle(4)
    assert (len(bench.read), archive.asked) == (1, 1)


def test_an_archive_that_is_down_is_tried_three_times_and_then_said(bench: Bench) -> None:
    archive = FakeArchive()
    archive.is_up = False
    bench.tools = replace(bench.tools, archive=archive)
    first, second = a_visit(FIRST), a_visit(SECOND)
    arrive(bench, first, second)
    bench.settle(12)
    assert document(bench, first)["cautions"] == ["prior-archive-unavailable"]
    found = document(bench, second)
    assert (found["priors"], found["cautions"]) == ([series_of(first)], ["prior-archive-unavailable"])


def test_an_archive_that_comes_back_in_time_is_used(bench: Bench) -> None:
    first, second = a_visit(FIRST), a_visit(SECOND)
    archive = FakeArchive()
    archive.shelves.receive(first)
    archive.is_up = False
    bench.tools = replace(bench.tools, archive=archive)
    arrive(bench, second)
    bench.take_in()
    bench.work()
    assert bench.job(series_of(second)).code == "prior-archive-unavailable"
    archive.is_up = True
    bench.settle()
    assert (priors(bench, second), document(bench, second)["cautions"]) == ([series_of(first)], [])
