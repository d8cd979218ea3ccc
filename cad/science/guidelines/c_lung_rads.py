"""C-Lung-RADS 2024: categories 0 to 4 for screening and check-ups in China.

Source: Nat Med 2024;30:3184-3195 (PMC11564084), table 1.
"""

from __future__ import annotations

from collections.abc import Sequence

from cad.domain import AxisLengths, Composition, GuidelineNodule, Recommendation
from cad.policy import CLungRadsPolicy
from cad.science.guidelines.sizes import band, benign_assumption, is_benign, mean_mm, solid_kind
from cad.science.guidelines.verdicts import Opinion, Scheme, Verdict

NAME = "C-Lung-RADS"
RAISED_BY_MODEL = ("2", "3")


def c_lung_rads(nodules: Sequence[GuidelineNodule], policy: CLungRadsPolicy) -> Recommendation:
    """The category of the most suspicious nodule; an examination without nodules is negative, category 0."""
    scheme = Scheme(NAME, policy.edition, policy.rows)
    return scheme.recommend([_opinion(nodule, policy) for nodule in nodules], Verdict("0", "no lung nodule"))


def _opinion(nodule: GuidelineNodule, policy: CLungRadsPolicy) -> Opinion:
    if is_benign(nodule) or nodule.proven_benign:
        return Opinion((Verdict("0", f"{nodule.label}: benign calcification, fat or proven benign"),))
    size = _mean(nodule.size.axes, policy)
    described = f"{nodule.label}, {nodule.size.composition.value}, {size:g} mm"
    verdicts = tuple(_raised(Verdict(c, f"{described}: {words}"), nodule, policy) for c, words in _rows(nodule, policy))
    one_each = tuple({verdict.category: verdict for verdict in verdicts}.values())
    return Opinion(one_each, (*benign_assumption(nodule, "category 0"), *_taken_for_granted(nodule, one_each)))


def _rows(nodule: GuidelineNodule, policy: CLungRadsPolicy) -> tuple[tuple[str, str], ...]:
    size, kind = _mean(nodule.size.axes, policy), solid_kind(nodule)
    if size < policy.smallest_mm:
        return (("1", f"<{policy.smallest_mm:g} mm"),)
    if kind is Composition.PART_SOLID:
        return tuple(_part_solid_row(component, policy) for component in _components(nodule, size, policy))
    limits = policy.solid_mm if kind is Composition.SOLID else (policy.ground_glass_mm,)
    reached, words = band(size, (policy.smallest_mm, *limits))
    return ((str(reached + 1), f"{kind.value} {words}"),)


def _part_solid_row(component_mm: float, policy: CLungRadsPolicy) -> tuple[str, str]:
    reached, words = band(component_mm, policy.component_mm)
    return str(reached + 2), f"part-solid {policy.smallest_mm:g} mm or more with a solid component of {words}"


def _components(nodule: GuidelineNodule, size: float, policy: CLungRadsPolicy) -> tuple[float, ...]:
    """The solid component's size; when it was not measured, one for each category that it can lead to."""
    if nodule.size.solid_axes is not None:
        return (_mean(nodule.size.solid_axes, policy),)
    return (0.0, *(limit for limit in policy.component_mm if limit <= size))


def _raised(verdict: Verdict, nodule: GuidelineNodule, policy: CLungRadsPolicy) -> Verdict:
    probability = nodule.model_probability
    if verdict.category not in RAISED_BY_MODEL or probability is None or probability < policy.model_from:
        return verdict
    text = f"{verdict.because} (category {verdict.category}), model probability {100 * probability:.0f} %"
    return Verdict("4", text)


def _taken_for_granted(nodule: GuidelineNodule, verdicts: Sequence[Verdict]) -> tuple[str, ...]:
    texts = []
    if nodule.model_probability is None and any(verdict.category in RAISED_BY_MODEL for verdict in verdicts):
        texts.append(f"the publication's own model was not applied to {nodule.label}; from 50 % on it makes category 4")
    if len(verdicts) > 1:
        texts.append(f"the size of the solid component of {nodule.label} is not known; it decides the category")
    return tuple(texts)


def _mean(axes: AxisLengths, policy: CLungRadsPolicy) -> float:
    return mean_mm(axes, policy.mean_decimals, policy.mean_decimals)
