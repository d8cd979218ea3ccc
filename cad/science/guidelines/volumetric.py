"""Volumetric screening protocols for solid nodules: the NELSON trial and the European position statement of 2017.

Sources: de Koning et al., N Engl J Med 2020, and J Thorac Dis 18049 (NELSON); Oudkerk et al., Lancet Oncol 2017 (EU).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cad.domain import Composition, GrowthVerdict, GuidelineNodule, Recommendation, Sighting, VolumeGrowth
from cad.policy import EuPositionPolicy, NelsonPolicy
from cad.science.guidelines.sizes import benign_assumption, fastest_growth, inclusive_band, is_benign, solid_kind
from cad.science.guidelines.verdicts import Opinion, Scheme, Verdict

RESULTS = ("negative", "indeterminate", "positive")
NOTHING = Verdict("negative", "no lung nodule")

Rule = tuple[str, str]


def nelson(nodules: Sequence[GuidelineNodule], policy: NelsonPolicy) -> Recommendation:
    """The result of the NELSON protocol: <50 mm³ negative, to 500 mm³ indeterminate, above positive; growth first."""

    def rule(nodule: GuidelineNodule, volume_mm3: float) -> Rule:
        growth = fastest_growth(nodule)
        if growth is None:
            return _by_volume(volume_mm3, policy.solid_mm3, nodule.sighting.value)
        if growth.verdict is not GrowthVerdict.INCREASE:
            return "negative", _change_words(growth)
        is_fast = growth.doubling_time_days < policy.doubling_time_below_days
        return "positive" if is_fast else "indeterminate", _change_words(growth)

    return _recommend(Scheme("NELSON", policy.edition, policy.rows), nodules, rule)


def eu_position(nodules: Sequence[GuidelineNodule], policy: EuPositionPolicy) -> Recommendation:
    """The result by the European position statement, with other limits for new nodules than at baseline."""

    def rule(nodule: GuidelineNodule, volume_mm3: float) -> Rule:
        growth = fastest_growth(nodule)
        if growth is None:
            is_new = nodule.sighting is Sighting.NEW
            limits = policy.new_mm3 if is_new else policy.baseline_mm3
            return _by_volume(volume_mm3, limits, nodule.sighting.value)
        if growth.verdict is not GrowthVerdict.INCREASE:
            return "negative", _change_words(growth)
        fast, slow = policy.doubling_time_days
        days = growth.doubling_time_days
        return RESULTS[2 if days < fast else 1 if days <= slow else 0], _change_words(growth)

    return _recommend(Scheme("EU position statement", policy.edition, policy.rows), nodules, rule)


def _recommend(
    scheme: Scheme, nodules: Sequence[GuidelineNodule], rule: Callable[[GuidelineNodule, float], Rule]
) -> Recommendation:
    return scheme.recommend([_opinion(nodule, rule) for nodule in nodules], NOTHING)


def _opinion(nodule: GuidelineNodule, rule: Callable[[GuidelineNodule, float], Rule]) -> Opinion:
    if is_benign(nodule) or nodule.proven_benign:
        return Opinion((Verdict("negative", f"{nodule.label}: benign features"),))
    volume_mm3 = nodule.size.volume_mm3
    if solid_kind(nodule) is not Composition.SOLID:
        text = f"{nodule.label} is {nodule.size.composition.value}: the volumes of this protocol are for solid nodules"
        return Opinion((), (text,))
    if volume_mm3 is None:
        return Opinion((), (f"the volume of {nodule.label} is not known",))
    result, words = rule(nodule, volume_mm3)
    because = f"{nodule.label}, {nodule.size.composition.value}, {volume_mm3:.0f} mm³: {words}"
    return Opinion((Verdict(result, because),), benign_assumption(nodule, "negative"))


def _by_volume(volume_mm3: float, limits_mm3: tuple[float, float], when: str) -> Rule:
    low, high = limits_mm3
    reached = inclusive_band(volume_mm3, limits_mm3)
    return RESULTS[reached], (f"<{low:g} mm³", f"{low:g} to {high:g} mm³", f">{high:g} mm³")[reached] + f", {when}"


def _change_words(growth: VolumeGrowth) -> str:
    words = f"volume {growth.change_percent:+.0f} % in {growth.interval_days:.0f} days"
    if growth.verdict is not GrowthVerdict.INCREASE:
        return f"{words}: {growth.verdict.value}"
    return f"{words}, doubling time {growth.doubling_time_days:.0f} days"
