"""C-Lung-RADS 2024: categories 0 to 4 for screening and check-ups in China.

Source: Nat Med 2024;30:3184-3195 (PMC11564084), table 1.
"""

from __future__ import annotations

from collections.abc import Sequence

from cad.domain import AxisLengths, Composition, Guideline, GuidelineNodule, Phrase, Recommendation
from cad.policy import CLungRadsPolicy
from cad.policy.guidelines.rules import Outcome, Rule
from cad.science.guidelines.sizes import band, benign_assumption, is_benign, mean_mm, measured_signs, solid_kind
from cad.science.guidelines.verdicts import Opinion, Scheme, Verdict

RAISED_BY_MODEL = ("2", "3")


def c_lung_rads(nodules: Sequence[GuidelineNodule], policy: CLungRadsPolicy) -> Recommendation:
    """The category of the most suspicious nodule; an examination without nodules is negative, category 0."""
    scheme = Scheme(Guideline.C_LUNG_RADS, policy.edition, policy.rows)
    opinions = [_opinion(nodule, policy).of(nodule.label) for nodule in nodules]
    return scheme.recommend(opinions, Verdict("0", Phrase(Rule.NO_NODULE)))


def _opinion(nodule: GuidelineNodule, policy: CLungRadsPolicy) -> Opinion:
    if is_benign(nodule) or nodule.proven_benign:
        return Opinion((Verdict("0", Phrase(Rule.BENIGN_OR_PROVEN, label=nodule.label)),), measured_signs(nodule))
    size = _mean(nodule.size.axes, policy)
    described = Phrase(Rule.OF_KIND, label=nodule.label, composition=nodule.size.composition, mm=size)
    rows = ((c, Phrase(Rule.NODULE, nodule=described, rule=rule)) for c, rule in _rows(nodule, policy))
    verdicts = tuple(_raised(Verdict(c, because), nodule, policy) for c, because in rows)
    one_each = tuple({verdict.category: verdict for verdict in verdicts}.values())
    return Opinion(one_each, (*benign_assumption(nodule, Outcome.CATEGORY_0), *_taken_for_granted(nodule, one_each)))


def _rows(nodule: GuidelineNodule, policy: CLungRadsPolicy) -> tuple[tuple[str, Phrase], ...]:
    size, kind = _mean(nodule.size.axes, policy), solid_kind(nodule)
    if size < policy.smallest_mm:
        return (("1", Phrase(Rule.BELOW, limit=policy.smallest_mm, unit="mm")),)
    if kind is Composition.PART_SOLID:
        return tuple(_part_solid_row(component, policy) for component in _components(nodule, size, policy))
    limits = policy.solid_mm if kind is Composition.SOLID else (policy.ground_glass_mm,)
    reached, words = band(size, (policy.smallest_mm, *limits))
    return ((str(reached + 1), Phrase(Rule.KIND_OF_BAND, composition=kind, band=words)),)


def _part_solid_row(component_mm: float, policy: CLungRadsPolicy) -> tuple[str, Phrase]:
    reached, words = band(component_mm, policy.component_mm)
    return str(reached + 2), Phrase(Rule.PART_SOLID_COMPONENT, limit=policy.smallest_mm, band=words)


def _components(nodule: GuidelineNodule, size: float, policy: CLungRadsPolicy) -> tuple[float, ...]:
    """The solid component's size; when it was not measured, one for each category that it can lead to."""
    if nodule.size.solid_axes is not None:
        return (_mean(nodule.size.solid_axes, policy),)
    return (0.0, *(limit for limit in policy.component_mm if limit <= size))


def _raised(verdict: Verdict, nodule: GuidelineNodule, policy: CLungRadsPolicy) -> Verdict:
    probability = nodule.model_probability
    if verdict.category not in RAISED_BY_MODEL or probability is None or probability < policy.model_from:
        return verdict
    because = Phrase(
        Rule.RAISED_BY_MODEL, because=verdict.because, category=verdict.category, percent=100 * probability
    )
    return Verdict("4", because)


def _taken_for_granted(nodule: GuidelineNodule, verdicts: Sequence[Verdict]) -> tuple[Phrase, ...]:
    phrases = []
    if nodule.model_probability is None and any(verdict.category in RAISED_BY_MODEL for verdict in verdicts):
        phrases.append(Phrase(Rule.MODEL_NOT_APPLIED, label=nodule.label))
    if len(verdicts) > 1:
        phrases.append(Phrase(Rule.COMPONENT_DECIDES_CATEGORY, label=nodule.label))
    return tuple(phrases)


def _mean(axes: AxisLengths, policy: CLungRadsPolicy) -> float:
    return mean_mm(axes, policy.mean_decimals, policy.mean_decimals)
