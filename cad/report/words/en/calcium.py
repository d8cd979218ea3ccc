"""Coronary calcium, and heart and lungs together, in English."""

from __future__ import annotations

import enum
from collections.abc import Mapping

from cad.domain import (
    Artery,
    CalciumScore,
    CalciumSite,
    CalciumTier,
    Nodule,
    NotAssessed,
    NotAssessedReason,
    OtherCalcium,
)
from cad.policy.calcium_rules import CalciumRule
from cad.report.statements.calcium import CalciumStatement
from cad.report.statements.heart_lung import HeartLevel, Level, LungLevel
from cad.report.words.calcium import CalciumLabels, categories, score, volume
from cad.report.words.en import guidelines, nodules as english
from cad.report.words.guidelines import in_short
from cad.report.words.phrases import SentenceTables, phrase_text

LABELS = CalciumLabels(
    title="Lungs and heart on CT",
    artery="Coronary artery",
    agatston="Agatston score",
    volume="Volume, mm³",
    lesions="Lesions",
    total="Total",
    apart="Not coronary, not part of the score",
    estimate="Coronary calcium, non-gated estimate",
    very_high="Very high calcium score (1000 or more).",
    heart_lung="Heart and lungs at a glance",
    lung="Lung nodules",
    heart="Coronary calcium",
    rule=(
        "Low, medium and high are lungcad's own words for the categories named; no guideline uses them so. Lungs: low, "
        "no CT before the yearly one; medium, CT sooner; high, CT within 3 months or work-up. Heart, by CAC-DRS: A0 "
        "and A1 low, A2 medium, A3 high. Low does not mean that there is no disease."
    ),
    stop=".",
)

SITE: Mapping[CalciumSite, str] = {
    Artery.LM: "Left main (LM)",
    Artery.LAD: "Left anterior descending (LAD)",
    Artery.LCX: "Circumflex (LCX)",
    Artery.RCA: "Right coronary (RCA)",
    OtherCalcium.AORTA: "Aorta",
    OtherCalcium.AORTIC_VALVE: "Aortic valve",
    OtherCalcium.MITRAL_VALVE: "Mitral valve",
    OtherCalcium.OTHER: "Other, such as lymph nodes and bone",
}

LEVEL: Mapping[Level, str] = {Level.LOW: "LOW", Level.MEDIUM: "MEDIUM", Level.HIGH: "HIGH"}

NOT_ASSESSED = "NOT ASSESSED"

REASON: Mapping[NotAssessedReason, str] = {
    NotAssessedReason.NOT_REQUESTED: "It was not asked for.",
    NotAssessedReason.NOT_AVAILABLE: "The stage that gives it did not run.",
}
"""Why nodules were not assessed; other reasons have their own names."""

ADVICE: Mapping[CalciumTier, str] = {
    CalciumTier.NONE: (
        "No coronary calcium found on this non-gated CT, which does not exclude coronary disease. If there is chest "
        "pain, assess it by the usual guidelines (BSCI/BSCCT and BSTI 2020)."
    ),
    CalciumTier.MILD: (
        "Mild coronary calcium: the treating physician may wish to assess modifiable cardiovascular risk factors; "
        "chest pain, if there is any, by the usual guidelines (BSCI/BSCCT and BSTI 2020; SCCT/STR 2016{mark})."
    ),
    CalciumTier.MODERATE: (
        "Moderate coronary calcium: the treating physician may wish to assess modifiable cardiovascular risk factors "
        "and prevention; chest pain, if there is any, by the usual guidelines (BSCI/BSCCT and BSTI 2020; SCCT/STR "
        "2016{mark})."
    ),
    CalciumTier.SEVERE: (
        "Severe coronary calcium: the treating physician may wish to assess modifiable cardiovascular risk factors "
        "and prevention; chest pain, if there is any, by the usual guidelines (BSCI/BSCCT and BSTI 2020; SCCT/STR "
        "2016{mark})."
    ),
}
"""By tier. BSCI/BSCCT and BSTI 2020 (PMC7774698, abstract) asks for none, mild, moderate or severe on every
non-gated chest CT, for risk factors, and the usual way for chest pain; in most cases no further test. Whether
prevention follows is for the treating physician; of SCCT/STR 2016 only the table of contents
was read."""

PHRASES: Mapping[enum.StrEnum, str] = {
    CalciumRule.VARIANT: (
        "Agatston, non-gated estimate: lesions per slice (2-D), {connectivity}-connected, >= {threshold:g} HU, "
        "area >= {area:g} mm2, weight 1-4 by the highest HU in the slice, area x weight x increment / "
        "{increment:g} mm; {slices}"
    ),
    CalciumRule.SLICES: "{mm:g} mm slices",
    CalciumRule.AVERAGED_SLICES: "{mm:g} mm slices averaged from {source:g} mm",
}
"""By which rules a score was computed."""


def site(site: CalciumSite) -> str:
    """The name of an artery or other site."""
    return SITE[site]


def missing(why: NotAssessed) -> str:
    """Why there is no score, in one sentence."""
    return why.text


def summary(statement: CalciumStatement) -> str:
    """The result in one sentence."""
    calcium = statement.score
    if calcium.agatston == 0:
        return f"No coronary calcium was found: Agatston score 0, non-gated estimate ({categories(calcium)})."
    arteries = ", ".join(artery.value for artery in statement.with_calcium)
    return (
        f"Coronary calcium: Agatston score {score(calcium.agatston)}, non-gated estimate ({categories(calcium)}); "
        f"volume {volume(calcium.volume_mm3)} mm³; {calcium.vessels} of 4 arteries ({arteries})."
    )


def apart(statement: CalciumStatement) -> str:
    """Calcium that is not coronary, in one sentence; empty when there is none."""
    parts = [f"{SITE[one].lower()} {score(value.agatston)}" for one, value in statement.named_others]
    return f"Calcium apart from the arteries (Agatston): {', '.join(parts)}." if parts else ""


def advice(calcium: CalciumScore, mark: str = "") -> str:
    """What follows from the tier, with its source; `mark` follows what was not verified."""
    return ADVICE[calcium.tier].format(mark=mark)


TABLES = SentenceTables(PHRASES)


def variant(calcium: CalciumScore) -> str:
    """By which rules the score was computed."""
    return phrase_text(calcium.variant, TABLES)


def caveats(calcium: CalciumScore) -> str:
    """What a reader of the score should know."""
    return " ".join(caveat.text for caveat in calcium.caveats)


def level(level: Level | None) -> str:
    """Low, medium, high, or that it was not assessed."""
    return NOT_ASSESSED if level is None else LEVEL[level]


def why_no_lung(why: NotAssessed) -> str:
    """Why there is no level of the nodules."""
    return REASON.get(why.reason, f"Reason: {why.reason.value}.")


def lung_reason(result: LungLevel) -> str:
    """From which category the level follows."""
    texts = [in_short(one, guidelines) for one in result.said]
    if len(texts) == 1:
        return texts[0]
    return f"No guideline was chosen, as it was not stated why the scan was made. {' '.join(texts)}"


def why_no_heart(why: NotAssessed) -> str:
    """Why there is no level of the calcium."""
    return why.text


def heart_reason(result: HeartLevel) -> str:
    """From which category the level follows."""
    return f"{result.scheme}: {result.category}, non-gated estimate."


def nodule_caption(nodule: Nodule) -> str:
    """What the picture of a nodule shows."""
    return f"{english.label(nodule)}, {nodule.diameters.mean_mm:.1f} mm"


def slice_caption() -> str:
    """What the picture of calcium shows."""
    return "Slice with the most coronary calcium"
