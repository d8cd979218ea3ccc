"""The JSON about a patient: what it may say, what is refused, and how the DICOM header completes it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cad.case.patient import parse_patient, with_header
from cad.domain import (
    AirwayFinding,
    AirwaySite,
    AirwayStatus,
    ClinicalContext,
    CystChange,
    CystFinding,
    CystKind,
    FdgUptake,
    Lobe,
    LungRadsCategory,
    NoduleObservation,
    PatientFactors,
    Region,
    RiskLevel,
    Sex,
)
from cad.errors import Reason, Refusal
from cad.report.json.findings import observations_document

EVERY_FACTOR: dict[str, Any] = {
    "age_years": 63,
    "sex": "female",
    "family_history_lung_cancer": False,
    "emphysema": True,
    "ever_smoker": True,
    "pack_years": 30.5,
    "years_since_quitting": 4,
    "extrathoracic_cancer": False,
    "known_cancer": False,
    "immunosuppressed": False,
    "occupational_exposure": True,
    "chronic_lung_disease": False,
    "screening": True,
    "risk_level": "high",
    "region": "uk",
    "fdg_uptake": "faint",
}
OBSERVATIONS: dict[str, Any] = {
    "prior_being_located": True,
    "airway_nodules": [{"site": "subsegmental", "status": "new", "contains_air": True}],
    "cysts": [{"kind": "multilocular", "change": "stable", "interval_days": 92, "earlier_category": "4A"}],
    "nodules": [{"nodule": "Nodule 1", "lobe": "lingula", "spiculated": False, "fdg_uptake": "intense"}],
}


def parsed(document: object) -> ClinicalContext:
    return parse_patient(json.dumps(document).encode())


def test_reads_every_factor() -> None:
    assert parsed(EVERY_FACTOR).factors == PatientFactors(
        age_years=63,
        sex=Sex.FEMALE,
        family_history_lung_cancer=False,
        emphysema=True,
        ever_smoker=True,
        pack_years=30.5,
        years_since_quitting=4,
        extrathoracic_cancer=False,
        known_cancer=False,
        immunosuppressed=False,
        occupational_exposure=True,
        chronic_lung_disease=False,
        screening=True,
        risk_level=RiskLevel.HIGH,
        region=Region.UK,
        fdg_uptake=FdgUptake.FAINT,
    )


def test_known_factors_are_written_as_they_were_given() -> None:
    assert json.loads(json.dumps(parsed(EVERY_FACTOR).factors.known())) == EVERY_FACTOR


def test_null_is_the_same_as_leaving_something_out() -> None:
    everything = {**EVERY_FACTOR, "observations": OBSERVATIONS}
    assert parsed(dict.fromkeys(everything)) == parsed({}) == ClinicalContext()


def test_reads_what_a_reader_observed() -> None:
    observed = parsed({"observations": OBSERVATIONS}).observations
    assert observed.prior_being_located
    assert observed.airway_nodules == (AirwayFinding(AirwaySite.SUBSEGMENTAL, AirwayStatus.NEW, contains_air=True),)
    assert observed.cysts == (CystFinding(CystKind.MULTILOCULAR, CystChange.STABLE, 92, LungRadsCategory.SUSPICIOUS),)
    assert observed.nodules == (
        NoduleObservation("Nodule 1", Lobe.LINGULA, spiculated=False, fdg_uptake=FdgUptake.INTENSE),
    )


def test_observations_are_written_as_they_were_given() -> None:
    written = observations_document(parsed({"observations": OBSERVATIONS}).observations)
    assert json.loads(json.dumps(written)) == OBSERVATIONS
    assert observations_document(ClinicalContext().observations) == {}


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ([], "one JSON object"),
        ({"age": 60}, "there is no factor 'age'; known are age_years, chronic_lung_disease, emphysema"),
        ({"Observations": {}}, "observations"),
        ({"age_years": "60"}, "age_years must be a number in 0..130"),
        ({"age_years": True}, "age_years must be a number"),
        ({"age_years": 131}, "0..130"),
        ({"pack_years": -1}, "pack_years must be a number in 0..500"),
        ({"sex": "F"}, "sex must be one of 'female', 'male'"),
        ({"region": "mars"}, "region must be one of 'usa', 'europe', 'uk', 'china', 'other'"),
        ({"risk_level": "medium"}, "risk_level must be one of 'low', 'high'"),
        ({"fdg_uptake": 2}, "fdg_uptake must be one of"),
        ({"emphysema": "yes"}, "emphysema must be true or false"),
        ({"observations": []}, "observations must be a JSON object"),
        ({"observations": {"infection": True}}, "there is no factor 'observations.infection'"),
        ({"observations": {"cysts": {}}}, "observations.cysts must be a list"),
        ({"observations": {"cysts": ["thick"]}}, "observations.cysts[0] must be a JSON object"),
        ({"observations": {"cysts": [{"kind": "thick-walled"}]}}, "observations.cysts[0].change must be given"),
        ({"observations": {"airway_nodules": [{"site": "lobar", "status": "new"}]}}, "[0].site must be one of"),
        ({"observations": {"nodules": [{"spiculated": True}]}}, "observations.nodules[0].nodule must be given"),
        ({"observations": {"nodules": [{"nodule": ""}]}}, "must be text"),
        ({"observations": {"nodules": [{"nodule": "1" * 65}]}}, "at most 64 characters"),
        ({"observations": {"nodules": [{"nodule": "Nodule 1"}, {"nodule": "Nodule 1"}]}}, "names a nodule twice"),
    ],
)
def test_refuses_what_is_not_known_or_not_right_and_says_which(document: object, words: str) -> None:
    with pytest.raises(Refusal) as refused:
        parsed(document)
    assert refused.value.reason is Reason.INVALID_PATIENT_FACTORS
    assert words in refused.value.text


@pytest.mark.parametrize("value", ["confidential", 987654])
def test_a_refusal_never_repeats_a_value(value: object) -> None:
    for name in EVERY_FACTOR:
        with pytest.raises(Refusal) as refused:
            parsed({name: value})
        assert str(value) not in refused.value.text + str(refused.value.facts)


HEADER = PatientFactors(age_years=64, sex=Sex.FEMALE)


def test_the_header_completes_what_was_not_given() -> None:
    context, cautions = with_header(parsed({"emphysema": True}), HEADER)
    assert context.factors == PatientFactors(age_years=64, sex=Sex.FEMALE, emphysema=True)
    assert cautions == ()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"age_years": 63}, None),
        ({"age_years": 62.9}, "age"),
        ({"sex": "female"}, None),
        ({"sex": "male"}, "sex"),
        ({"age_years": 40, "sex": "male"}, "age and sex"),
    ],
)
def test_what_was_given_wins_over_the_header_with_a_caution_when_they_disagree(
    given: dict[str, Any], words: str | None
) -> None:
    context, cautions = with_header(parsed(given), HEADER)
    assert given.items() <= context.factors.known().items()
    assert [caution.code for caution in cautions] == (["patient-factors-differ"] if words else [])
    assert all(f"patient's {words} in" in caution.text for caution in cautions)


def test_factors_are_not_shown_when_printed() -> None:
    shown = repr(parsed(EVERY_FACTOR))
    assert "PatientFactors object" in shown
    assert "age_years" not in shown
