"""Volumetric screening protocols: the NELSON trial and the European position statement of 2017.

Sources: de Koning et al., N Engl J Med 2020, and J Thorac Dis 18049 (NELSON); Oudkerk et al., Lancet Oncol 2017 (EU).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from cad.domain import (
    Composition,
    GrowthVerdict,
    Guideline,
    GuidelineNodule,
    Phrase,
    Recommendation,
    Sighting,
    VolumeGrowth,
    rounded,
)
from cad.policy import EuPositionPolicy, NelsonPolicy
from cad.policy.guidelines.rows import VolumeResult
from cad.policy.guidelines.rules import Outcome, Rule
from cad.science.guidelines.sizes import (
    band,
    benign_assumption,
    doubling_days,
    fastest_growth,
    inclusive_band,
    is_benign,
    measured_signs,
    solid_kind,
    volume_change,
)
from cad.science.guidelines.verdicts import Opinion, Scheme, Verdict

RESULTS = tuple(VolumeResult)
NOTHING = Verdict(VolumeResult.NEGATIVE, Phrase(Rule.NO_NODULE))

Result = tuple[VolumeResult, Phrase]


def nelson(nodules: Sequence[GuidelineNodule], policy: NelsonPolicy) -> Recommendation:
    """The result of the NELSON protocol: <50 mm³ negative, to 500 mm³ indeterminate, above positive; then growth.

    NODCAT (PMC9347663 table 1): subsolid nodules by the volume of their solid part, and from 8 mm on indeterminate.
    """
    limits = _Limits(policy.solid_mm3, policy.solid_mm3, policy.doubling_time_days)
    scheme = Scheme(Guideline.NELSON, policy.edition, policy.rows)
    return scheme.recommend([_nelson_opinion(n, limits, policy).of(n.label) for n in nodules], NOTHING)


def eu_position(nodules: Sequence[GuidelineNodule], policy: EuPositionPolicy) -> Recommendation:
    """The result by the European position statement, with other limits for new nodules than at baseline.

    It is for solid nodules: others leave the result of the examination open.
    """
    limits = _Limits(policy.baseline_mm3, policy.new_mm3, policy.doubling_time_days)
    scheme = Scheme(Guideline.EU_POSITION, policy.edition, policy.rows)
    return scheme.recommend([_opinion(n, limits).of(n.label) for n in nodules], NOTHING)


@dataclass(frozen=True, slots=True)
class _Limits:
    """Volumes (mm³) at baseline and when new, and doubling times (days): each between two results."""

    baseline_mm3: tuple[float, float]
    new_mm3: tuple[float, float]
    days: tuple[float, float]


def _nelson_opinion(nodule: GuidelineNodule, limits: _Limits, policy: NelsonPolicy) -> Opinion:
    if solid_kind(nodule) is Composition.SOLID or is_benign(nodule) or nodule.proven_benign:
        return _opinion(nodule, limits)
    results = _subsolid_results(nodule, policy)
    described = Phrase(
        Rule.MEAN, label=nodule.label, composition=nodule.size.composition, mm=f"{nodule.size.axes.mean_mm:.1f}"
    )
    verdicts = tuple(Verdict(r, Phrase(Rule.NODULE, nodule=described, rule=words)) for r, words in results)
    unknown = (Phrase(Rule.COMPONENT_DECIDES_CATEGORY, label=nodule.label),) if len(results) > 1 else ()
    return Opinion(verdicts, unknown)


def _subsolid_results(nodule: GuidelineNodule, policy: NelsonPolicy) -> tuple[Result, ...]:
    """By the whole diameter and the volume of the solid part, one result for each that the latter can lead to."""
    reached, words = band(nodule.size.axes.mean_mm, (policy.subsolid_mm,))
    by_size = RESULTS[reached], words
    if nodule.size.composition is not Composition.PART_SOLID:
        return (by_size,)
    solid_mm3 = nodule.size.solid_volume_mm3
    if solid_mm3 is not None:
        by_part = _by_volume(solid_mm3, policy.solid_mm3, nodule.sighting)
        return (max(by_size, by_part, key=lambda result: RESULTS.index(result[0])),)
    most = nodule.size.volume_mm3 if nodule.size.volume_mm3 is not None else math.inf
    low, high = policy.solid_mm3
    possible = [by_size] if reached else [by_size, _by_volume(low, policy.solid_mm3, nodule.sighting)]
    over = [_by_volume(high + 1, policy.solid_mm3, nodule.sighting)] if most > high else []
    return (*possible, *over)


def _opinion(nodule: GuidelineNodule, limits: _Limits) -> Opinion:
    if is_benign(nodule) or nodule.proven_benign:
        benign = Verdict(VolumeResult.NEGATIVE, Phrase(Rule.BENIGN_FEATURES, label=nodule.label))
        return Opinion((benign,), measured_signs(nodule))
    volume_mm3 = nodule.size.volume_mm3
    if solid_kind(nodule) is not Composition.SOLID:
        not_solid = Phrase(Rule.NOT_SOLID, label=nodule.label, composition=nodule.size.composition)
        return Opinion((), (not_solid,), leaves_open=True)
    if volume_mm3 is None:
        return Opinion((), (Phrase(Rule.VOLUME_UNKNOWN, label=nodule.label),), leaves_open=True)
    stated_mm3 = rounded(volume_mm3, 1)
    result, words = _solid_result(nodule, stated_mm3, limits)
    described = Phrase(Rule.BY_VOLUME, label=nodule.label, composition=nodule.size.composition, mm3=stated_mm3)
    because = Phrase(Rule.NODULE, nodule=described, rule=words)
    return Opinion((Verdict(result, because),), benign_assumption(nodule, Outcome.NEGATIVE))


def _solid_result(nodule: GuidelineNodule, volume_mm3: float, limits: _Limits) -> Result:
    """By volume at first; then by growth, which never takes a volume that is positive at baseline out of work-up."""
    growth = fastest_growth(nodule)
    if growth is None:
        is_new = nodule.sighting is Sighting.NEW
        return _by_volume(volume_mm3, limits.new_mm3 if is_new else limits.baseline_mm3, nodule.sighting)
    change, (_, upper_mm3) = _change(growth), limits.baseline_mm3
    if volume_mm3 > upper_mm3:
        return VolumeResult.POSITIVE, Phrase(Rule.STAYS_POSITIVE, change=change, limit=upper_mm3)
    if growth.verdict is not GrowthVerdict.INCREASE:
        return VolumeResult.NEGATIVE, change
    return RESULTS[2 - inclusive_band(doubling_days(growth), limits.days)], change


def _by_volume(volume_mm3: float, limits_mm3: tuple[float, float], when: Sighting) -> Result:
    low, high = limits_mm3
    reached = inclusive_band(volume_mm3, limits_mm3)
    words = (
        Phrase(Rule.BELOW, limit=low, unit="mm³"),
        Phrase(Rule.UP_TO_INCLUDED, low=low, high=high, unit="mm³"),
        Phrase(Rule.ABOVE, limit=high, unit="mm³"),
    )[reached]
    return RESULTS[reached], Phrase(Rule.COMPONENT_IN_BAND, band=words, when=when)


def _change(growth: VolumeGrowth) -> Phrase:
    change = volume_change(growth)
    if growth.verdict is not GrowthVerdict.INCREASE:
        return Phrase(Rule.VOLUME_NOT_GROWN, change=change, verdict=growth.verdict)
    return Phrase(Rule.VOLUME_DOUBLING, change=change, days=doubling_days(growth))
