"""Which guideline applies in which context."""

from __future__ import annotations

import pytest

from cad.domain import Guideline, PatientFactors, Region
from cad.policy import GuidelinePolicy
from cad.report.words.en import guidelines as english
from cad.report.words.guidelines import because_of
from cad.science.guidelines.choice import applicable_guideline

POLICY = GuidelinePolicy()


@pytest.mark.parametrize(
    ("screening", "region", "guideline"),
    [
        (True, Region.USA, Guideline.LUNG_RADS),
        (True, Region.EUROPE, Guideline.EU_POSITION),
        (True, Region.UK, Guideline.BTS),
        (True, Region.CHINA, Guideline.LUNG_RADS),
        (True, Region.OTHER, Guideline.LUNG_RADS),
        (False, Region.USA, Guideline.FLEISCHNER),
        (False, Region.EUROPE, Guideline.FLEISCHNER),
        (False, Region.UK, Guideline.BTS),
        (False, Region.CHINA, Guideline.FLEISCHNER),
        (False, Region.OTHER, Guideline.FLEISCHNER),
    ],
)
def test_the_guideline_follows_from_context_and_region(screening: bool, region: Region, guideline: Guideline) -> None:
    applicable = applicable_guideline(PatientFactors(screening=screening, region=region), POLICY)
    assert applicable.guideline is guideline
    assert region.value in because_of(applicable, english)


@pytest.mark.parametrize("region", [None, *Region])
def test_without_a_context_no_guideline_is_chosen(region: Region | None) -> None:
    applicable = applicable_guideline(PatientFactors(region=region), POLICY)
    assert applicable.guideline is None
    assert "not stated" in because_of(applicable, english)


@pytest.mark.parametrize(("screening", "guideline"), [(True, Guideline.LUNG_RADS), (False, Guideline.FLEISCHNER)])
def test_without_a_region_the_policy_s_row_is_used_and_named(screening: bool, guideline: Guideline) -> None:
    applicable = applicable_guideline(PatientFactors(screening=screening), POLICY)
    assert applicable.guideline is guideline
    assert "no region given" in because_of(applicable, english)


@pytest.mark.parametrize("region", [Region.USA, Region.UK])
def test_fleischner_is_not_chosen_for_a_patient_whom_it_excludes(region: Region) -> None:
    patient = PatientFactors(screening=False, region=region, immunosuppressed=True)
    applicable = applicable_guideline(patient, POLICY)
    if region is Region.UK:
        assert applicable.guideline is Guideline.BTS
    else:
        assert applicable.guideline is None
        assert "immunosuppression" in because_of(applicable, english)


def test_every_region_has_a_guideline_in_every_context() -> None:
    for table in (POLICY.choice.screening, POLICY.choice.incidental):
        assert {region for region, _ in table} == set(Region)
        assert {guideline for _, guideline in table} <= set(Guideline)
    assert POLICY.choice.region_not_given in set(Region)


def test_the_chinese_consensus_is_a_draft_and_never_applies() -> None:
    for table in (POLICY.choice.screening, POLICY.choice.incidental):
        assert Guideline.CHINESE_CONSENSUS not in dict(table).values()
