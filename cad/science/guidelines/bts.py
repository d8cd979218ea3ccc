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
    GuidelineNodule,
    PatientFactors,
    Recommendation,
    Sighting,
    VolumeGrowth,
)
from cad.policy import BtsPolicy
from cad.science.guidelines.sizes import (
    band,
    benign_assumption,
    fastest_growth,
    inclusive_band,
    is_benign,
    is_typical_perifissural,
    rounded,
    solid_kind,
)
from cad.science.guidelines.verdicts import Opinion, Scheme, Verdict, not_applicable

NAME = "BTS"
SURVEILLANCE = "CT at 3 months"
BROCK = ("Brock <10 %", "Brock 10 % or more")
HERDER = ("Herder <10 %", "Herder 10–70 %", "Herder >70 %")
SUBSOLID_BROCK = ("subsolid, Brock <10 %", "subsolid, Brock 10 % or more or concerning")
CERTAIN_OF_NOTHING = (0.0, 1.0)

Rows = tuple[tuple[str, str], ...]
"""Outcomes, each with the rule that led to it; several when an unknown input decides."""


def bts(nodules: Sequence[GuidelineNodule], patient: PatientFactors, policy: BtsPolicy) -> Recommendation:
    """What the nodule that asks for most asks for."""
    scheme = Scheme(NAME, policy.edition, policy.rows)
    if patient.age_years is not None and patient.age_years < policy.min_age_years:
        return not_applicable(scheme, f"{NAME} {policy.edition} is for adults")
    opinions = [opinion for nodule in nodules for opinion in _opinions(nodule, policy)]
    return scheme.recommend(opinions, Verdict("no nodule", "no lung nodule"))


def _opinions(nodule: GuidelineNodule, policy: BtsPolicy) -> list[Opinion]:
    """What is asked for by size or growth and, where there is a PET-CT, by the Herder model."""
    is_solid = solid_kind(nodule) is Composition.SOLID
    is_typical = is_typical_perifissural(nodule, policy.typical_perifissural_below_mm)
    if is_benign(nodule) or is_typical or nodule.proven_benign:
        why = "typical perifissural or subpleural nodule" if is_typical else "benign features"
        return [Opinion((Verdict("discharge", f"{nodule.label}: {why}"),))]
    opinions = [_opinion(nodule, _solid(nodule, policy) if is_solid else _subsolid(nodule, policy), policy)]
    if nodule.herder is not None:
        herder = _by_probability("Herder", nodule.herder, policy.herder, HERDER)
        opinions.append(_opinion(nodule, herder, policy))
    return opinions


def _opinion(nodule: GuidelineNodule, rows: Rows, policy: BtsPolicy) -> Opinion:
    verdicts = tuple(Verdict(row, f"{nodule.label}, {_description(nodule, policy)}: {why}") for row, why in rows)
    return Opinion(verdicts, (*benign_assumption(nodule, "discharge"), *_taken_for_granted(nodule, verdicts, policy)))


# -- solid nodules ---------------------------------------------------------------------------------------------


def _solid(nodule: GuidelineNodule, policy: BtsPolicy) -> Rows:
    growth = fastest_growth(nodule)
    if growth is not None:
        return (_by_growth(growth, nodule, policy),)
    step, words = _size_step(nodule, policy)
    if step == "Brock" and nodule.herder is not None:
        return _by_probability("Herder", nodule.herder, policy.herder, HERDER)
    if step == "Brock":
        return tuple(
            (row, f"{words}; {why}")
            for row, why in _by_probability("Brock", nodule.brock or CERTAIN_OF_NOTHING, (policy.brock_from,), BROCK)
        )
    if step == "discharge" and nodule.sighting is Sighting.NEW:
        return (("new and small", f"{words} but new"),)
    return ((step, words),)


def _size_step(nodule: GuidelineNodule, policy: BtsPolicy) -> tuple[str, str]:
    """The first step by size: volume where the policy prefers it and it is known, else the largest diameter."""
    if _is_by_volume(nodule, policy):
        assert nodule.size.volume_mm3 is not None
        reached, words = band(nodule.size.volume_mm3, policy.solid_mm3, "mm³")
        return ("discharge", SURVEILLANCE, "Brock")[reached], words
    reached, words = band(nodule.size.axes.long_mm, policy.solid_mm)
    return ("discharge", "CT at 12 months", SURVEILLANCE, "Brock")[reached], words


def _by_growth(growth: VolumeGrowth, nodule: GuidelineNodule, policy: BtsPolicy) -> tuple[str, str]:
    """Surveillance: significant growth by its doubling time, else by how long the nodule has been stable."""
    since_days = nodule.earlier[0].interval_days
    change = f"volume {growth.change_percent:+.0f} % in {growth.interval_days:.0f} days"
    if growth.verdict is not GrowthVerdict.INCREASE:
        return _stable(since_days, change, policy, by_volume=not growth.from_diameters)
    reached = sum(growth.doubling_time_days > limit for limit in policy.doubling_time_days)
    words = f"{change}, doubling time {growth.doubling_time_days:.0f} days"
    if reached == 0:
        return "VDT 400 days or less", words
    if since_days < policy.months_12_days:
        return "CT at 12 months", f"{words}, first seen {since_days:.0f} days ago"
    return ("VDT 400–600 days", "VDT >600 days")[reached - 1], words


def _stable(since_days: float, change: str, policy: BtsPolicy, *, by_volume: bool) -> tuple[str, str]:
    words = f"{change}: stable for {since_days:.0f} days by {'volume' if by_volume else 'diameter'}"
    if since_days < policy.months_12_days:
        return "CT at 12 months", words
    if by_volume or since_days >= policy.months_24_days:
        return "discharge", words
    return "CT at 24 months", words


# -- subsolid nodules ------------------------------------------------------------------------------------------


def _subsolid(nodule: GuidelineNodule, policy: BtsPolicy) -> Rows:
    long_mm = nodule.size.axes.long_mm
    reached, words = band(long_mm, (policy.subsolid_mm,))
    if nodule.earlier:
        return _followed_subsolid(nodule, policy)
    if reached:
        return ((SURVEILLANCE, f"subsolid {words}"),)
    is_new = nodule.sighting is Sighting.NEW
    return (("new and small", f"subsolid {words} but new") if is_new else ("discharge", f"subsolid {words}"),)


def _followed_subsolid(nodule: GuidelineNodule, policy: BtsPolicy) -> Rows:
    gain = max(rounded(nodule.size.axes.long_mm - e.size.axes.long_mm, 1) for e in nodule.earlier)
    if gain >= policy.subsolid_growth_from_mm or _is_altered(nodule, policy):
        return (("subsolid, growing or altered", f"{gain:+.1f} mm, or a new or growing solid component"),)
    if nodule.size.axes.long_mm < policy.subsolid_mm:
        return (("discharge", f"subsolid <{policy.subsolid_mm:g} mm, {gain:+.1f} mm"),)
    if nodule.spiculated or nodule.suspicious:
        features = ", ".join((*(("spiculation",) if nodule.spiculated else ()), *nodule.suspicious))
        return ((SUBSOLID_BROCK[1], f"persistent, concerning morphology ({features})"),)
    rows = _by_probability("Brock", nodule.brock or CERTAIN_OF_NOTHING, (policy.brock_from,), SUBSOLID_BROCK)
    return tuple((row, f"persistent, stable ({gain:+.1f} mm); {why}") for row, why in rows)


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
    model: str, probability: tuple[float, float], limits: Sequence[float], outcomes: Sequence[str]
) -> Rows:
    """The outcomes that a range of probability reaches; at the last of two limits the lower outcome still holds."""
    low, high = (_outcome(p, limits) for p in probability)
    words = _percent(probability)
    return tuple((outcomes[n], f"{model} {words}") for n in range(low, high + 1))


def _outcome(probability: float, limits: Sequence[float]) -> int:
    if len(limits) == 1:
        return int(probability >= limits[0])
    return inclusive_band(probability, (limits[0], limits[1]))


def _percent(probability: tuple[float, float]) -> str:
    low, high = (f"{100 * p:.1f}" for p in probability)
    return f"{low} %" if low == high else f"{low} to {high} %"


def _is_by_volume(nodule: GuidelineNodule, policy: BtsPolicy) -> bool:
    return policy.measure == "volume" and nodule.size.volume_mm3 is not None


def _description(nodule: GuidelineNodule, policy: BtsPolicy) -> str:
    size = nodule.size
    is_by_volume = _is_by_volume(nodule, policy) and solid_kind(nodule) is Composition.SOLID
    words = f"{size.volume_mm3:.0f} mm³" if is_by_volume else f"largest diameter {size.axes.long_mm:.1f} mm"
    return f"{size.composition.value}, {words}"


def _taken_for_granted(nodule: GuidelineNodule, verdicts: Sequence[Verdict], policy: BtsPolicy) -> tuple[str, ...]:
    texts = []
    if len(verdicts) > 1:
        texts.append(f"the probability of {nodule.label} depends on inputs that are not known")
    is_watched = verdicts[-1].category not in ("discharge", "new and small")
    could_be_typical = is_typical_perifissural(
        replace(nodule, juxtapleural_smooth=True), policy.typical_perifissural_below_mm
    )
    if nodule.juxtapleural_smooth is None and is_watched and could_be_typical:
        texts.append(f"{nodule.label} is not taken as a typical perifissural nodule, which would be discharged")
    if nodule.spiculated is None and any(verdict.category in SUBSOLID_BROCK for verdict in verdicts):
        texts.append(f"the morphology of {nodule.label} is taken as not concerning")
    return tuple(texts)
