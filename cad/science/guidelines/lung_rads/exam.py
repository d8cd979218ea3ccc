"""The Lung-RADS category of an examination: 4X, 0 and S on top of the table's rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cad.domain import Composition, ExamObservations, GuidelineNodule, Management, Phrase, Recommendation, Sighting
from cad.policy import LungRadsPolicy
from cad.policy.guidelines.lung_rads import Incomplete
from cad.policy.guidelines.rules import LungRadsRule, Outcome, Rule
from cad.science.guidelines.lung_rads.growth import has_doubled
from cad.science.guidelines.lung_rads.lesions import airway_opinion, cyst_opinion
from cad.science.guidelines.lung_rads.rows import possible_rows, scheme_of
from cad.science.guidelines.lung_rads.sizes import describe, limits, total_size
from cad.science.guidelines.sizes import benign_assumption, is_benign, measured_signs, solid_kind
from cad.science.guidelines.verdicts import Opinion, Verdict, with_assumptions

Features = tuple[Phrase | str, ...]
"""Suspicious features: those that were measured or asked for, and those in a reader's own words."""

NOTHING = Verdict("1", Phrase(Rule.NO_NODULE))


def lung_rads(
    nodules: Sequence[GuidelineNodule],
    exam: ExamObservations,
    policy: LungRadsPolicy,
    *,
    immunosuppressed: bool | None = None,
) -> Recommendation:
    """The category of an examination: that of its most suspicious finding, or 0, with the suffix S if asked for."""
    classified = _classified(nodules, exam, policy)
    because = _category_0(nodules, exam, policy)
    if because is None:
        result = with_assumptions(classified, *_taken_for_granted(nodules, exam, classified, immunosuppressed, policy))
    elif exam.infection_suspected and exam.cancer_favoured_over_infection and _has_4b(nodules, policy):
        result = with_assumptions(classified, Phrase(LungRadsRule.CANCER_FAVOURED))
    elif because[1] is Incomplete.NOT_EVALUABLE and _stands(classified, policy):
        result = with_assumptions(classified, Phrase(LungRadsRule.STANDS, because=because[0]))
    else:
        result = _incomplete(classified, *because, policy)
    return _with_other_finding(result) if exam.significant_other_finding else result


def nodule_opinion(nodule: GuidelineNodule, exam: ExamObservations, policy: LungRadsPolicy) -> Opinion:
    """What the table says of one nodule, additional suspicious features included."""
    features = (
        *((Phrase(Rule.SPICULATION),) if nodule.spiculated else ()),
        *nodule.suspicious,
        *((Phrase(LungRadsRule.DOUBLED),) if has_doubled(nodule, policy) else ()),
    )
    plain = _plain_opinion(nodule, policy)
    opinion = _with_features(plain, (*features, *_exam_features(exam)), policy)
    if nodule.spiculated is None and opinion is plain and _reaches(plain, policy.suspicious_from, policy):
        assumed = Phrase(LungRadsRule.NOT_SPICULATED, label=nodule.label)
        return Opinion(opinion.verdicts, (*opinion.assuming, assumed))
    return opinion


def _plain_opinion(nodule: GuidelineNodule, policy: LungRadsPolicy) -> Opinion:
    """The rows of the table without category 4X."""
    if is_benign(nodule):
        benign = Verdict("1", Phrase(LungRadsRule.BENIGN, label=nodule.label))
        return Opinion((benign,), measured_signs(nodule))
    if nodule.proven_benign:
        return Opinion((Verdict("2", Phrase(LungRadsRule.PROVEN_BENIGN, label=nodule.label)),))
    described = describe(nodule.label, nodule.size, policy)
    rows = possible_rows(nodule, policy)
    verdicts = tuple(Verdict(category, Phrase(Rule.NODULE, nodule=described, rule=row)) for category, row in rows)
    return Opinion(verdicts, _nodule_assumptions(nodule, verdicts[-1].category, policy))


def _nodule_assumptions(nodule: GuidelineNodule, category: str, policy: LungRadsPolicy) -> tuple[Phrase, ...]:
    """What was taken for granted of a nodule and would change its category."""
    phrases, label = [*benign_assumption(nodule, Outcome.CATEGORY_1), *measured_signs(nodule)], nodule.label
    if_juxtapleural, _ = possible_rows(replace(nodule, juxtapleural_smooth=True), policy)[-1]
    if nodule.juxtapleural_smooth is None and if_juxtapleural == "2" != category:
        phrases.append(Phrase(LungRadsRule.NOT_JUXTAPLEURAL, label=label))
    if nodule.earlier and nodule.earlier[-1].lung_rads is None:
        phrases.append(Phrase(LungRadsRule.EARLIER_DERIVED, label=label))
    if has_doubled(nodule, policy) and category == "2":
        phrases.append(Phrase(LungRadsRule.DOUBLED_STAYS, label=label))
    return tuple(phrases)


def _classified(nodules: Sequence[GuidelineNodule], exam: ExamObservations, policy: LungRadsPolicy) -> Recommendation:
    """The most suspicious finding; findings that are not classified leave category 1."""
    features = _exam_features(exam)
    opinions = [nodule_opinion(nodule, exam, policy).of(nodule.label) for nodule in nodules]
    lesions = (
        *(airway_opinion(airway, policy) for airway in exam.airway_nodules),
        *(cyst_opinion(cyst, policy) for cyst in exam.cysts),
    )
    opinions += [_with_features(lesion, features, policy) for lesion in lesions]
    if not any(opinion.verdicts for opinion in opinions):
        opinions.append(Opinion((NOTHING,)))
    return scheme_of(policy).recommend(opinions, NOTHING)


# -- 4X --------------------------------------------------------------------------------------------------------


def _with_features(opinion: Opinion, features: Features, policy: LungRadsPolicy) -> Opinion:
    """Category 4X in the place of each verdict from category 3 on when there are additional suspicious features."""
    if not features or not _reaches(opinion, policy.suspicious_from, policy):
        return opinion
    ranks = scheme_of(policy).ranks
    raised: dict[str, Verdict] = {}
    for verdict in opinion.verdicts:
        is_raised = ranks[verdict.category] >= ranks[policy.suspicious_from]
        because = Phrase(LungRadsRule.RAISED, because=verdict.because, category=verdict.category, features=features)
        new = Verdict("4X", because) if is_raised else verdict
        raised[new.category] = new
    return Opinion(tuple(raised.values()), opinion.assuming)


def _exam_features(exam: ExamObservations) -> tuple[Phrase, ...]:
    named = (
        (LungRadsRule.LYMPHADENOPATHY, exam.lymphadenopathy),
        (LungRadsRule.METASTATIC_DISEASE, exam.metastatic_disease),
    )
    return tuple(Phrase(code) for code, is_there in named if is_there)


def _reaches(opinion: Opinion, category: str, policy: LungRadsPolicy) -> bool:
    ranks = scheme_of(policy).ranks
    return any(ranks[verdict.category] >= ranks[category] for verdict in opinion.verdicts)


# -- 0 and S ---------------------------------------------------------------------------------------------------


def _category_0(
    nodules: Sequence[GuidelineNodule], exam: ExamObservations, policy: LungRadsPolicy
) -> tuple[Phrase, Incomplete] | None:
    """Why the examination is incomplete, and the management; None when it is complete.

    A reader may rule out infection (`infection_suspected` False).
    """
    new = sum(nodule.sighting is Sighting.NEW for nodule in nodules)
    if exam.infection_suspected:
        return Phrase(LungRadsRule.INFECTION), Incomplete.INFECTION
    if exam.infection_suspected is None and new > policy.infectious_new_nodules_above:
        limit = policy.infectious_new_nodules_above
        return Phrase(LungRadsRule.MANY_NEW, new=new, limit=limit), Incomplete.INFECTION
    if exam.lungs_not_evaluable:
        return Phrase(LungRadsRule.NOT_EVALUABLE), Incomplete.NOT_EVALUABLE
    if exam.prior_being_located:
        return Phrase(LungRadsRule.PRIOR_LOCATED), Incomplete.PRIOR_AWAITED
    return None


def _incomplete(
    classified: Recommendation, because: Phrase, reason: Incomplete, policy: LungRadsPolicy
) -> Recommendation:
    found = Phrase(LungRadsRule.ANY_OF, categories=classified.possible)
    so_far = Phrase(LungRadsRule.WITHOUT_THAT, found=found, because=classified.because)
    management = (Management(reason, months=policy.infection_months if reason is Incomplete.INFECTION else None),)
    incomplete = replace(classified, category="0", possible=("0",), management=management, because=because)
    return with_assumptions(incomplete, so_far)


def _has_4b(nodules: Sequence[GuidelineNodule], policy: LungRadsPolicy) -> bool:
    """Whether a nodule, of whatever sighting, has the size of 4B (note 10b)."""
    return any(_reaches(_plain_opinion(nodule, policy), "4B", policy) for nodule in nodules)


def _stands(classified: Recommendation, policy: LungRadsPolicy) -> bool:
    """Whether what was found is certain to be so suspicious that lungs not seen whole do not take it back."""
    ranks = scheme_of(policy).ranks
    return min(ranks[category] for category in classified.possible) >= ranks[policy.stands_from]


def _taken_for_granted(
    nodules: Sequence[GuidelineNodule],
    exam: ExamObservations,
    classified: Recommendation,
    immunosuppressed: bool | None,
    policy: LungRadsPolicy,
) -> list[Phrase]:
    """What was taken for granted of the examination and would change its category."""
    phrases = []
    if any(nodule.sighting is Sighting.BASELINE for nodule in nodules):
        phrases.append(Phrase(LungRadsRule.BASELINE))
    ranks = scheme_of(policy).ranks
    is_suspicious = any(ranks[policy.suspicious_from] <= ranks[c] < ranks["4X"] for c in classified.possible)
    if is_suspicious and (exam.lymphadenopathy is None or exam.metastatic_disease is None):
        phrases.append(Phrase(LungRadsRule.NOT_RULED_OUT))
    limit = limits((policy.infectious_new_solid_mm,), policy)[0]
    suspects = [
        Phrase(Rule.NAME, label=n.label)
        for n in nodules
        if n.sighting is Sighting.NEW
        and (immunosuppressed or (solid_kind(n) is Composition.SOLID and total_size(n.size, policy) >= limit))
    ]
    if suspects and exam.infection_suspected is None:
        phrases.append(Phrase(LungRadsRule.NOT_INFECTION, nodules=tuple(suspects)))
    return phrases


def _with_other_finding(result: Recommendation) -> Recommendation:
    """The modifier S on any category."""
    return replace(
        result,
        category=None if result.category is None else f"{result.category}S",
        possible=tuple(f"{category}S" for category in result.possible),
        because=Phrase(LungRadsRule.OTHER_FINDING, because=result.because),
        other_finding=True,
    )
