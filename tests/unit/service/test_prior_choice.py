"""Which studies of a patient may be compared: the same patient's, earlier, complete; everything else is said."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from cad.case.identity import series_key
from cad.service.prior_choice import Current, earlier_studies, is_same_patient, later_studies, merged
from orthanc.pacs import PatientIdentity, SeriesEntry, StudySummary, date_of, matching_key

TODAY = date(2026, 1, 10)
ME = PatientIdentity("P1", "NORTH", "19500101", "F")
CURRENT = Current("1.0", ME, TODAY)


def a_study(
    uid: str, days_ago: int | None = 365, patient: PatientIdentity = ME, modality: str = "CT", stable: bool = True
) -> StudySummary:
    entry = SeriesEntry(f"id of {uid}.1", uid, f"{uid}.1", modality, 100, stable)
    return StudySummary(uid, patient, None if days_ago is None else TODAY - timedelta(days_ago), (entry,))


def uids(studies: tuple[StudySummary, ...]) -> list[str]:
    return [study.study_uid for study in studies]


def test_earlier_studies_come_most_recent_first() -> None:
    found = earlier_studies(CURRENT, [a_study("1.3", 900), a_study("1.1", 30), a_study("1.2", 365)])
    assert uids(found.studies) == ["1.1", "1.2", "1.3"]
    assert found.cautions == ()


@pytest.mark.parametrize("days_ago", [0, -1, -400])
def test_a_study_of_the_same_day_or_later_is_not_earlier(days_ago: int) -> None:
    assert earlier_studies(CURRENT, [a_study("1.1", days_ago)]).studies == ()


def test_the_current_study_is_not_its_own_prior() -> None:
    assert earlier_studies(CURRENT, [a_study("1.0", 365)]).studies == ()


def test_only_studies_with_ct_are_taken() -> None:
    assert earlier_studies(CURRENT, [a_study("1.1", modality="MR")]) == earlier_studies(CURRENT, [])


def test_a_study_that_is_still_arriving_is_not_taken_and_known_to_arrive() -> None:
    found = earlier_studies(CURRENT, [a_study("1.1", stable=False), a_study("1.2", 700)])
    assert (uids(found.studies), found.arriving) == (["1.2"], True)
    assert not earlier_studies(CURRENT, [a_study("1.1", -5, stable=False)]).arriving


@pytest.mark.parametrize(
    ("other", "is_same"),
    [
        (ME, True),
        (replace(ME, patient_id="P2"), False),
        (replace(ME, issuer="SOUTH"), False),
        (replace(ME, birth_date="19510102"), False),
        (replace(ME, birth_date="19500102"), True),
        (replace(ME, sex="M"), False),
        (replace(ME, sex=None), True),
        (replace(ME, birth_date=None), True),
        (replace(ME, issuer=None), True),
        (replace(ME, issuer=None, birth_date=None), False),
        (PatientIdentity("P1"), False),
    ],
)
def test_a_patient_is_the_same_when_nothing_says_otherwise(other: PatientIdentity, is_same: bool) -> None:
    assert is_same_patient(ME, other) is is_same_patient(other, ME) is is_same
    found = earlier_studies(CURRENT, [a_study("1.1", patient=other)])
    assert (uids(found.studies), [c.code for c in found.cautions]) == (
        (["1.1"], []) if is_same else ([], ["prior-of-another-patient"])
    )


def test_patients_without_issuer_and_birth_date_are_told_by_their_id() -> None:
    assert is_same_patient(PatientIdentity("P1"), PatientIdentity("P1"))


def test_unknown_dates_are_said() -> None:
    undated = earlier_studies(CURRENT, [a_study("1.1", None), a_study("1.2")])
    assert (uids(undated.studies), [c.code for c in undated.cautions]) == (["1.2"], ["prior-date-unknown"])
    lost = earlier_studies(replace(CURRENT, acquired=None), [a_study("1.2")])
    assert (lost.studies, [c.code for c in lost.cautions]) == ((), ["acquisition-date-unknown"])
    assert earlier_studies(replace(CURRENT, acquired=None), []).cautions == ()


def test_later_studies_are_those_that_may_be_compared_with_this_one() -> None:
    studies = [a_study("1.0", 0), a_study("1.1", 30), a_study("1.2", -30), a_study("1.3", None), a_study("1.4", 0)]
    assert uids(later_studies(CURRENT, studies)) == ["1.2", "1.3"]
    assert uids(later_studies(replace(CURRENT, acquired=None), studies)) == ["1.1", "1.2", "1.3", "1.4"]


def test_of_the_archive_only_what_the_pacs_lacks_is_taken() -> None:
    here, there = a_study("1.1"), a_study("1.1")
    more = SeriesEntry("1.1.2", "1.1", "1.1.2", "CT", 50, in_archive=True)
    fuller = replace(there.series[0], instances=120, in_archive=True)
    same = replace(there.series[0], in_archive=True)
    assert merged([here], [replace(there, series=(same,))]) == (here,)
    (found,) = merged([here], [replace(there, series=(fuller, more))])
    assert found.series == (fuller, more)
    assert uids(merged([here], [a_study("1.2")])) == ["1.1", "1.2"]


def test_a_jobs_key_changes_with_what_there_is_to_compare_with_and_not_with_its_order() -> None:
    def key(*studies: StudySummary) -> str:
        return series_key("1.0.1", ["1", "2"], "1.0", (), earlier_studies(CURRENT, studies).fingerprint())

    one, two = a_study("1.1"), a_study("1.2")
    fuller = replace(one, series=(replace(one.series[0], instances=101),))
    other_patient = a_study("1.3", patient=replace(ME, sex="M"))
    assert key(one, two) == key(two, one)
    assert key() == series_key("1.0.1", ["1", "2"], "1.0", ()) == key(a_study("1.2", -30))
    assert len({key(), key(one), key(two), key(one, two), key(fuller), key(other_patient)}) == 6


def test_images_without_a_patient_id_keep_the_key_that_they_had() -> None:
    nobody = replace(CURRENT, patient=PatientIdentity(""))
    assert earlier_studies(nobody, []).fingerprint() == ()


@pytest.mark.parametrize(
    ("patient_id", "key"), [("AB-1", "AB-1"), ("A*1", "A?1"), ("A?1", "A?1"), ("A\\1", "A?1"), ("张3", "张3")]
)
def test_wild_cards_of_an_id_match_any_one_character(patient_id: str, key: str) -> None:
    assert matching_key(patient_id) == key


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("20240229", date(2024, 2, 29)),
        ("20240229101500", date(2024, 2, 29)),
        ("20230229", None),
        ("", None),
        (None, None),
    ],
)
def test_dates_are_read_or_unknown(text: str | None, day: date | None) -> None:
    assert date_of(text) == day


def test_a_patients_identity_does_not_show() -> None:
    assert "P1" not in repr(CURRENT)
    assert "1950" not in repr(a_study("1.1"))
