"""British Thoracic Society 2015: what a nodule asks for by its size, the Brock and Herder models and its growth.

Source: Callister et al., Thorax 2015; sizes and steps as in PMC6784443 table 4 and PMC7177089 table 2. For adults,
whatever way the nodule was found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cad.domain import (
    Composition,
    GrowthVerdict,
    Guideline,
    GuidelineNodule,
    PatientFactors,
    Phrase,
    Recommendation,
    Sighting,
    VolumeGrowth,
    rounded,
)
from cad.policy import BtsPolicy
from cad.policy.guidelines.bts import BtsRow
from cad.policy.guidelines.rules import BtsRule, Outcome, Rule
from cad.science.guidelines.sizes import (
    band,
    benign_assumption,
    doubling_days,
    fastest_growth,
    inclusive_band,
    is_benign,
    is_typical_perifissural,
    measured_signs,
    solid_kind,
    volume_change,
)
from cad.science.guidelines.verdicts import Opinion, Scheme, Verdict, not_applicable

BROCK = (BtsRow.BROCK_BELOW_10, BtsRow.BROCK_10_OR_MORE)
HERDER = (BtsRow.HERDER_BELOW_10, BtsRow.HERDER_10_TO_70, BtsRow.HERDER_ABOVE_70)
SUBSOLID_BROCK = (BtsRow.SUBSOLID_BROCK_BELOW_10, BtsRow.SUBSOLID_BROCK_10_OR_MORE)
CERTAIN_OF_NOTHING = (0.0, 1.0)

Outcomes = tuple[tuple[BtsRow, Phrase], ...]
"""Outcomes, each with the rule that led to it; several when an unknown input decides."""


def bts(nodules: Sequence[GuidelineNodule], patient: PatientFactors, policy: BtsPolicy) -> Recommendation:
    """What the nodule that asks for most asks for."""
    scheme = Scheme(Guideline.BTS, policy.edition, policy.rows)
    if patient.age_years is not None and patient.age_years < policy.min_age_years:
        return not_applicable(scheme, Phrase(BtsRule.FOR_ADULTS, edition=policy.edition))
    opinions = [opinion.of(nodule.label) for nodule in nodules for opinion in _opinions(nodule, policy)]
    return scheme.recommend(opinions, Verdict(BtsRow.NO_NODULE, Phrase(Rule.NO_NODULE)))


def _opinions(nodule: GuidelineNodule, policy: BtsPolicy) -> list[Opinion]:
    """What is asked for by size or growth and, where there is a PET-CT, by the Herder model."""
    is_solid = solid_kind(nodule) is Composition.SOLID
    is_typical = is_typical_perifissural(nodule, policy.typical_perifissural_below_mm)
    if is_benign(nodule) or is_typical or nodule.proven_benign:
        why = BtsRule.PERIFISSURAL if is_typical else Rule.BENIGN_FEATURES
        return [Opinion((Verdict(BtsRow.DISCHARGE, Phrase(why, label=nodule.label)),), measured_signs(nodule))]
    opinions = [_opinion(nodule, _solid(nodule, policy) if is_solid else _subsolid(nodule, policy), policy)]
    if nodule.herder is not None:
        herder = _by_probability(BtsRule.HERDER, nodule.herder, policy.herder, HERDER)
        opinions.append(_opinion(nodule, herder, policy))
    return opinions


def _opinion(nodule: GuidelineNodule, rows: Outcomes, policy: BtsPolicy) -> Opinion:
    described = _description(nodule, policy)
    verdicts = tuple(Verdict(row, Phrase(Rule.NODULE, nodule=described, rule=why)) for row, why in rows)
    return Opinion(
        verdicts, (*benign_assumption(nodule, Outcome.DISCHARGE), *_taken_for_granted(nodule, verdicts, policy))
    )


# -- solid nodules ---------------------------------------------------------------------------------------------


def _solid(nodule: GuidelineNodule, policy: BtsPolicy) -> Outcomes:
    growth = fastest_growth(nodule)
    step, words = _size_step(nodule, policy)
    if growth is not None:
        by_growth = _by_growth(growth, nodule, policy)
        return (by_growth,) if step is not None else _with_brock(by_growth, nodule, policy)
    if step is None and nodule.herder is not None:
        return _by_probability(BtsRule.HERDER, nodule.herder, policy.herder, HERDER)
    if step is None:
        return _by_brock(nodule, words, policy)
    if step is BtsRow.DISCHARGE and nodule.sighting is Sighting.NEW:
        return ((BtsRow.NEW_AND_SMALL, Phrase(BtsRule.BUT_NEW, band=words)),)
    return ((step, words),)


def _with_brock(by_growth: tuple[BtsRow, Phrase], nodule: GuidelineNodule, policy: BtsPolicy) -> Outcomes:
    """A large nodule known for less than a year keeps the PET-CT that a Brock risk of 10 % asks for."""
    is_early = nodule.earlier[0].interval_days < policy.months_12_days
    if by_growth[0] is BtsRow.VDT_400_OR_LESS or not is_early or nodule.herder is not None:
        return (by_growth,)
    outcomes = _by_brock(nodule, by_growth[1], policy)
    return tuple(by_growth if row is BtsRow.BROCK_BELOW_10 else (row, why) for row, why in outcomes)


def _by_brock(nodule: GuidelineNodule, words: Phrase, policy: BtsPolicy) -> Outcomes:
    """What the Brock model asks for, after what `words` say of the nodule."""
    outcomes = _by_probability(BtsRule.BROCK, nodule.brock or CERTAIN_OF_NOTHING, (policy.brock_from,), BROCK)
    return tuple((row, Phrase(BtsRule.AND_ALSO, first=words, second=why)) for row, why in outcomes)


def _size_step(nodule: GuidelineNodule, policy: BtsPolicy) -> tuple[BtsRow | None, Phrase]:
    """The first step by size; None where the Brock model decides.

    Volume where the policy prefers it and it is known, else the largest diameter.
    """
    if _is_by_volume(nodule, policy):
        assert nodule.size.volume_mm3 is not None
        reached, words = band(nodule.size.volume_mm3, policy.solid_mm3, "mm³")
        return (BtsRow.DISCHARGE, BtsRow.CT_AT_3_MONTHS, None)[reached], words
    reached, words = band(nodule.size.axes.long_mm, policy.solid_mm)
    return (BtsRow.DISCHARGE, BtsRow.CT_AT_12_MONTHS, BtsRow.CT_AT_3_MONTHS, None)[reached], words


def _by_growth(growth: VolumeGrowth, nodule: GuidelineNodule, policy: BtsPolicy) -> tuple[BtsRow, Phrase]:
    """Surveillance: significant growth by its doubling time, else by how long the nodule has been stable."""
    since_days = nodule.earlier[0].interval_days
    change = volume_change(growth)
    if growth.verdict is not GrowthVerdict.INCREASE:
        return _stable(since_days, change, policy, by_volume=not growth.from_diameters)
    days = doubling_days(growth)
    reached = sum(days > limit for limit in policy.doubling_time_days)
    words = Phrase(Rule.VOLUME_DOUBLING, change=change, days=days)
    if reached == 0:
        return BtsRow.VDT_400_OR_LESS, words
    if since_days < policy.months_12_days:
        return BtsRow.CT_AT_12_MONTHS, Phrase(BtsRule.FIRST_SEEN, change=words, days=since_days)
    return (BtsRow.VDT_400_TO_600, BtsRow.VDT_ABOVE_600)[reached - 1], words


def _stable(since_days: float, change: Phrase, policy: BtsPolicy, *, by_volume: bool) -> tuple[BtsRow, Phrase]:
    code = BtsRule.STABLE_BY_VOLUME if by_volume else BtsRule.STABLE_BY_DIAMETER
    words = Phrase(code, change=change, days=since_days)
    if since_days < policy.months_12_days:
        return BtsRow.CT_AT_12_MONTHS, words
    if by_volume or since_days >= policy.months_24_days:
        return BtsRow.DISCHARGE, words
    return BtsRow.CT_AT_24_MONTHS, words


# -- subsolid nodules ------------------------------------------------------------------------------------------


def _subsolid(nodule: GuidelineNodule, policy: BtsPolicy) -> Outcomes:
    long_mm = nodule.size.axes.long_mm
    reached, words = band(long_mm, (policy.subsolid_mm,))
    if nodule.earlier:
        return _followed_subsolid(nodule, policy)
    if reached:
        return ((BtsRow.CT_AT_3_MONTHS, Phrase(BtsRule.SUBSOLID, band=words)),)
    if nodule.sighting is Sighting.NEW:
        return ((BtsRow.NEW_AND_SMALL, Phrase(BtsRule.SUBSOLID_BUT_NEW, band=words)),)
    return ((BtsRow.DISCHARGE, Phrase(BtsRule.SUBSOLID, band=words)),)


def _followed_subsolid(nodule: GuidelineNodule, policy: BtsPolicy) -> Outcomes:
    gain = max(rounded(nodule.size.axes.long_mm - e.size.axes.long_mm, 1) for e in nodule.earlier)
    if gain >= policy.subsolid_growth_from_mm or _is_altered(nodule, policy):
        return ((BtsRow.SUBSOLID_GROWING_OR_ALTERED, Phrase(BtsRule.ALTERED, gain=gain)),)
    if nodule.size.axes.long_mm < policy.subsolid_mm:
        return ((BtsRow.DISCHARGE, Phrase(BtsRule.SUBSOLID_SMALL, limit=policy.subsolid_mm, gain=gain)),)
    if nodule.spiculated or nodule.suspicious:
        features = (*((Phrase(Rule.SPICULATION),) if nodule.spiculated else ()), *nodule.suspicious)
        return ((SUBSOLID_BROCK[1], Phrase(BtsRule.CONCERNING, features=features)),)
    rows = _by_probability(BtsRule.BROCK, nodule.brock or CERTAIN_OF_NOTHING, (policy.brock_from,), SUBSOLID_BROCK)
    return tuple((row, Phrase(BtsRule.PERSISTENT, gain=gain, model=why)) for row, why in rows)


def _is_altered(nodule: GuidelineNodule, policy: BtsPolicy) -> bool:
    """Whether a solid component is known to be new or to have grown."""
    now = nodule.size
    if now.composition is Composition.GROUND_GLASS:
        return False
    if any(e.size.composition is Composition.GROUND_GLASS for e in nodule.earlier):
        return True
    past = [e.size.solid_axes for e in nodule.earlier if e.size.solid_axes is not None]
    return now.solid_axes is not None and any(
        rounded(now.solid_axes.long_mm - then.long_mm, 1) >= policy.subsolid_growth_from_mm for then in past
    )


# -- both ------------------------------------------------------------------------------------------------------


def _by_probability(
    model: BtsRule, probability: tuple[float, float], limits: Sequence[float], outcomes: Sequence[BtsRow]
) -> Outcomes:
    """The outcomes that a range of probability reaches; at the last of two limits the lower outcome still holds."""
    low, high = (_outcome(p, limits) for p in probability)
    because = Phrase(model, probability=_percent(probability))
    return tuple((outcomes[n], because) for n in range(low, high + 1))


def _outcome(probability: float, limits: Sequence[float]) -> int:
    if len(limits) == 1:
        return int(probability >= limits[0])
    return inclusive_band(probability, (limits[0], limits[1]))


def _percent(probability: tuple[float, float]) -> Phrase:
    low, high = (f"{100 * p:.1f}" for p in probability)
    if low == high:
        return Phrase(BtsRule.PROBABILITY, percent=low)
    return Phrase(BtsRule.PROBABILITY_RANGE, low=low, high=high)


def _is_by_volume(nodule: GuidelineNodule, policy: BtsPolicy) -> bool:
    return policy.measure == "volume" and nodule.size.volume_mm3 is not None


def _description(nodule: GuidelineNodule, policy: BtsPolicy) -> Phrase:
    size = nodule.size
    if size.volume_mm3 is not None and policy.measure == "volume" and solid_kind(nodule) is Composition.SOLID:
        return Phrase(BtsRule.VOLUME, label=nodule.label, composition=size.composition, mm3=size.volume_mm3)
    return Phrase(BtsRule.DIAMETER, label=nodule.label, composition=size.composition, mm=size.axes.long_mm)


def _taken_for_granted(nodule: GuidelineNodule, verdicts: Sequence[Verdict], policy: BtsPolicy) -> tuple[Phrase, ...]:
    phrases = []
    if len(verdicts) > 1:
        phrases.append(Phrase(Rule.PROBABILITY_UNKNOWN, label=nodule.label))
    is_watched = verdicts[-1].category not in (BtsRow.DISCHARGE, BtsRow.NEW_AND_SMALL)
    could_be_typical = is_typical_perifissural(
        replace(nodule, juxtapleural_smooth=True), policy.typical_perifissural_below_mm
    )
    if nodule.juxtapleural_smooth is None and is_watched and could_be_typical:
        phrases.append(Phrase(BtsRule.NOT_PERIFISSURAL, label=nodule.label))
    if nodule.spiculated is None and any(verdict.category in SUBSOLID_BROCK for verdict in verdicts):
        phrases.append(Phrase(BtsRule.NOT_CONCERNING, label=nodule.label))
    return tuple(phrases)
