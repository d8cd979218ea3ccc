"""Volumetric screening protocols for solid nodules: the NELSON trial and the European position statement of 2017.

Sources: de Koning et al., N Engl J Med 2020, and J Thorac Dis 18049 (NELSON); Oudkerk et al., Lancet Oncol 2017 (EU).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cad.domain import (
    Composition,
    GrowthVerdict,
    Guideline,
    GuidelineNodule,
    Phrase,
    Recommendation,
    Sighting,
    VolumeGrowth,
)
from cad.policy import EuPositionPolicy, NelsonPolicy
from cad.policy.guidelines.rows import VolumeResult
from cad.policy.guidelines.rules import Outcome, Rule
from cad.science.guidelines.sizes import (
    benign_assumption,
    fastest_growth,
    inclusive_band,
    is_benign,
    solid_kind,
    volume_change,
)
from cad.science.guidelines.verdicts import Opinion, Scheme, Verdict

RESULTS = tuple(VolumeResult)
NOTHING = Verdict(VolumeResult.NEGATIVE, Phrase(Rule.NO_NODULE))

Result = tuple[VolumeResult, Phrase]


def nelson(nodules: Sequence[GuidelineNodule], policy: NelsonPolicy) -> Recommendation:
    """The result of the NELSON protocol: <50 mm³ negative, to 500 mm³ indeterminate, above positive; growth first."""

    def rule(nodule: GuidelineNodule, volume_mm3: float) -> Result:
        growth = fastest_growth(nodule)
        if growth is None:
            return _by_volume(volume_mm3, policy.solid_mm3, nodule.sighting)
        if growth.verdict is not GrowthVerdict.INCREASE:
            return VolumeResult.NEGATIVE, _change(growth)
        is_fast = growth.doubling_time_days < policy.doubling_time_below_days
        return VolumeResult.POSITIVE if is_fast else VolumeResult.INDETERMINATE, _change(growth)

    return _recommend(Scheme(Guideline.NELSON, policy.edition, policy.rows), nodules, rule)


def eu_position(nodules: Sequence[GuidelineNodule], policy: EuPositionPolicy) -> Recommendation:
    """The result by the European position statement, with other limits for new nodules than at baseline."""

    def rule(nodule: GuidelineNodule, volume_mm3: float) -> Result:
        growth = fastest_growth(nodule)
        if growth is None:
            is_new = nodule.sighting is Sighting.NEW
            limits = policy.new_mm3 if is_new else policy.baseline_mm3
            return _by_volume(volume_mm3, limits, nodule.sighting)
        if growth.verdict is not GrowthVerdict.INCREASE:
            return VolumeResult.NEGATIVE, _change(growth)
        fast, slow = policy.doubling_time_days
        days = growth.doubling_time_days
        return RESULTS[2 if days < fast else 1 if days <= slow else 0], _change(growth)

    return _recommend(Scheme(Guideline.EU_POSITION, policy.edition, policy.rows), nodules, rule)


def _recommend(
    scheme: Scheme, nodules: Sequence[GuidelineNodule], rule: Callable[[GuidelineNodule, float], Result]
) -> Recommendation:
    return scheme.recommend([_opinion(nodule, rule) for nodule in nodules], NOTHING)


def _opinion(nodule: GuidelineNodule, rule: Callable[[GuidelineNodule, float], Result]) -> Opinion:
    if is_benign(nodule) or nodule.proven_benign:
        return Opinion((Verdict(VolumeResult.NEGATIVE, Phrase(Rule.BENIGN_FEATURES, label=nodule.label)),))
    volume_mm3 = nodule.size.volume_mm3
    if solid_kind(nodule) is not Composition.SOLID:
        return Opinion((), (Phrase(Rule.NOT_SOLID, label=nodule.label, composition=nodule.size.composition),))
    if volume_mm3 is None:
        return Opinion((), (Phrase(Rule.VOLUME_UNKNOWN, label=nodule.label),))
    result, words = rule(nodule, volume_mm3)
    described = Phrase(Rule.BY_VOLUME, label=nodule.label, composition=nodule.size.composition, mm3=volume_mm3)
    because = Phrase(Rule.NODULE, nodule=described, rule=words)
    return Opinion((Verdict(result, because),), benign_assumption(nodule, Outcome.NEGATIVE))


def _by_volume(volume_mm3: float, limits_mm3: tuple[float, float], when: Sighting) -> Result:
    low, high = limits_mm3
    reached = inclusive_band(volume_mm3, limits_mm3)
    band = (
        Phrase(Rule.BELOW, limit=low, unit="mm³"),
        Phrase(Rule.UP_TO_INCLUDED, low=low, high=high, unit="mm³"),
        Phrase(Rule.ABOVE, limit=high, unit="mm³"),
    )[reached]
    return RESULTS[reached], Phrase(Rule.COMPONENT_IN_BAND, band=band, when=when)


def _change(growth: VolumeGrowth) -> Phrase:
    change = volume_change(growth)
    if growth.verdict is not GrowthVerdict.INCREASE:
        return Phrase(Rule.VOLUME_NOT_GROWN, change=change, verdict=growth.verdict)
    return Phrase(Rule.VOLUME_DOUBLING, change=change, days=growth.doubling_time_days)
