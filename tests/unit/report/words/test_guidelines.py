"""The words of the guidelines: every code has a sentence in each language, and a Chinese one is Chinese throughout."""

from __future__ import annotations

import enum
import itertools
import re
import string
from collections.abc import Iterator

import pytest

from cad.domain import (
    AirwayFinding,
    AirwaySite,
    AirwayStatus,
    AxisLengths,
    ClinicalContext,
    Composition,
    CystChange,
    CystFinding,
    CystKind,
    EarlierSize,
    ExamObservations,
    Guideline,
    GuidelineNodule,
    LungRadsCategory,
    NoduleSize,
    PatientFactors,
    Recommendation,
    Region,
    RiskLevel,
    Sighting,
)
from cad.exam.assessment import assess
from cad.policy import GuidelinePolicy, Policy
from cad.policy.guidelines import rules
from cad.policy.guidelines.lung_rads import Incomplete
from cad.report.json.guidelines import UNVERIFIED
from cad.report.words.en import guidelines as english, nodules as english_nodules
from cad.report.words.guidelines import GuidelineWords, because_of, speak
from cad.report.words.zh import guidelines as chinese, nodules as chinese_nodules
from cad.science.guidelines.bts import bts
from cad.science.guidelines.c_lung_rads import c_lung_rads
from cad.science.guidelines.chinese_consensus import chinese_consensus
from cad.science.guidelines.choice import applicable_guideline
from cad.science.guidelines.fleischner import fleischner
from cad.science.guidelines.lung_rads.exam import lung_rads
from cad.science.guidelines.volumetric import eu_position, nelson

LATIN = re.compile(
    r"Lung-RADS|Fleischner|BTS|NELSON|PET-CT|PET/CT|LDCT|CT|mm³|mm|Brock|Herder|S：|\d[ABX]S?|\dS|10[ab]"
)
"""What stays in Latin letters on a Chinese page: names, units and categories."""

RULES = GuidelinePolicy()
LANGUAGES: tuple[GuidelineWords, ...] = (english, chinese)
CODES = [
    code for kind in vars(rules).values() if isinstance(kind, type) and issubclass(kind, enum.StrEnum) for code in kind
]
SENTENCES = [code for code in CODES if not isinstance(code, rules.Outcome)]
SCHEMES = {guideline: getattr(RULES, guideline.value) for guideline in Guideline}


@pytest.mark.parametrize("words", LANGUAGES)
def test_every_rule_has_a_sentence_and_every_row_its_management(words: GuidelineWords) -> None:
    assert set(words.PHRASES) == set(SENTENCES)
    assert {outcome for outcome in rules.Outcome if outcome.value in words.TERMS} == set(rules.Outcome)
    for guideline, policy in SCHEMES.items():
        extra = set(Incomplete) if guideline is Guideline.LUNG_RADS else set()
        assert set(words.MANAGEMENT[guideline]) == {row.code for row in policy.rows} | extra


def test_both_languages_say_the_same_facts() -> None:
    def facts(template: str) -> set[str | None]:
        return {field for _, field, _, _ in string.Formatter().parse(template) if field}

    assert {code: facts(text) for code, text in english.PHRASES.items()} == {
        code: facts(text) for code, text in chinese.PHRASES.items()
    }


def some_nodules() -> Iterator[GuidelineNodule]:
    """Nodules of every kind and course, with and without what a reader may have said of them."""
    for mm, kind, has_volume in itertools.product((3.0, 5.5, 7.0, 9.0, 16.0, 31.0), Composition, (False, True)):
        solid = AxisLengths(mm * 0.6, mm * 0.5) if kind is Composition.PART_SOLID and has_volume else None
        size = NoduleSize(kind, AxisLengths(mm * 1.1, mm * 0.9), 0.52 * mm**3 if has_volume else None, solid, None)
        yield GuidelineNodule("Nodule 1", size, spiculated=has_volume or None, brock=(0.05, 0.3), mayo=(0.02, 0.7))
        yield GuidelineNodule("Nodule 1", size, juxtapleural_smooth=True, herder=(0.05, 0.8) if has_volume else None)
        yield GuidelineNodule("Nodule 1", size, sighting=Sighting.NEW, proven_benign=has_volume)
        for factor, days in ((0.6, 200.0), (0.97, 400.0), (1.3, 800.0)):
            axes = AxisLengths(mm * 1.1 * factor, mm * 0.9 * factor)
            given = LungRadsCategory("4A") if has_volume else None
            for then in (kind, Composition.GROUND_GLASS):
                earlier = EarlierSize(days, NoduleSize(then, axes, None, None, None), None, given)
                yield GuidelineNodule("Nodule 1", size, sighting=Sighting.FOLLOWED, earlier=(earlier,))


PATIENTS = (
    PatientFactors(),
    PatientFactors(age_years=60.0, screening=False, risk_level=RiskLevel.HIGH, pack_years=30.0),
    PatientFactors(age_years=17.0, known_cancer=True, immunosuppressed=True),
)
EXAMS = (
    ExamObservations(),
    ExamObservations(lymphadenopathy=True, significant_other_finding=True),
    ExamObservations(infection_suspected=True),
    ExamObservations(prior_being_located=True),
    *(ExamObservations(airway_nodules=(AirwayFinding(s, t),)) for s in AirwaySite for t in AirwayStatus),
    *(ExamObservations(cysts=(CystFinding(kind, change),)) for kind in CystKind for change in CystChange),
)


def recommendations() -> Iterator[Recommendation]:
    """What every guideline says of each nodule, and of an examination with only what a reader stated."""
    for number, nodule in enumerate(some_nodules()):
        patient, exam = PATIENTS[number % len(PATIENTS)], EXAMS[number % len(EXAMS)]
        yield lung_rads([nodule], exam, RULES.lung_rads, immunosuppressed=patient.immunosuppressed)
        yield fleischner([nodule], patient, RULES.fleischner)
        yield bts([nodule], patient, RULES.bts)
        yield c_lung_rads([nodule], RULES.c_lung_rads)
        yield nelson([nodule], RULES.nelson)
        yield eu_position([nodule], RULES.eu_position)
        yield chinese_consensus([nodule], patient, RULES.chinese_consensus)
    for exam in EXAMS:
        yield lung_rads([], exam, RULES.lung_rads)


def test_a_recommendation_in_chinese_is_chinese_throughout() -> None:
    for said in recommendations():
        spoken = speak(said, chinese)
        texts = (spoken.category or "", spoken.management, spoken.because, *spoken.assuming, *spoken.possible)
        for text in texts:
            assert not re.search(r"[A-Za-z]", LATIN.sub("", text)), text


def test_an_english_one_has_no_chinese_letter() -> None:
    for said in recommendations():
        spoken = speak(said, english)
        assert not re.search(r"[\u4e00-\u9fff]", " ".join((spoken.management, spoken.because, *spoken.assuming)))


def test_what_was_not_verified_is_marked_only_where_it_is_asked_for() -> None:
    marked = 0
    for said in recommendations():
        for words in LANGUAGES:
            spoken = speak(said, words)
            assert "unverified" not in f"{spoken.edition} {spoken.management} {spoken.because} {spoken.assuming}"
        data = speak(said, english, UNVERIFIED)
        marked += bool(data.unverified)
        assert all(text.count(UNVERIFIED) for text in data.unverified)
    assert marked > 100


@pytest.mark.parametrize("region", [None, *Region])
@pytest.mark.parametrize("screening", [None, True, False])
def test_why_a_guideline_applies_is_said_in_chinese(screening: bool | None, region: Region | None) -> None:
    patient = PatientFactors(screening=screening, region=region, known_cancer=True)
    text = because_of(applicable_guideline(patient, RULES), chinese)
    assert not re.search(r"[A-Za-z]", LATIN.sub("", text)), text


def test_both_risks_are_named_where_the_risk_is_not_known() -> None:
    said = fleischner(
        [GuidelineNodule("Nodule 1", NoduleSize(Composition.SOLID, AxisLengths(5.0, 5.0), None))],
        PatientFactors(),
        RULES.fleischner,
    )
    assert speak(said, chinese).management == "低危：无需常规随访；高危：可选择12个月后CT随访"


def test_a_screening_in_china_has_its_category_and_management() -> None:
    context = ClinicalContext(PatientFactors(screening=True, region=Region.CHINA))
    first, second = chinese_nodules.guidance(assess((), context, Policy()))
    assert first == "Lung-RADS v2022：1。12个月后筛查LDCT。"
    assert second == "依据：未见肺结节（筛查，地区：中国）。"


def test_says_why_no_guideline_was_chosen() -> None:
    (sentence,) = chinese_nodules.guidance(assess((), ClinicalContext(), Policy()))
    assert sentence == (
        "未选定指南（未说明是筛查还是偶然发现）。Lung-RADS v2022：1。12个月后筛查LDCT。"
        "Fleischner学会 2017：无结节。无需随访。"
    )
    (sentence,) = english_nodules.guidance(assess((), ClinicalContext(), Policy()))
    assert sentence.startswith("No guideline was chosen: it was not stated")
    assert sentence.endswith("Fleischner Society 2017: no nodule. No follow-up.")
