"""The Lung-RADS category of an examination: 4X, 0 and S on top of the table's rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cad.domain import Composition, ExamObservations, GuidelineNodule, Recommendation, Sighting
from cad.policy import LungRadsPolicy
from cad.science.guidelines.lung_rads.growth import has_doubled
from cad.science.guidelines.lung_rads.lesions import airway_opinion, cyst_opinion
from cad.science.guidelines.lung_rads.rows import possible_rows, scheme_of
from cad.science.guidelines.lung_rads.sizes import describe, limits, total_size
from cad.science.guidelines.sizes import benign_assumption, is_benign, solid_kind
from cad.science.guidelines.verdicts import Opinion, Verdict, with_assumptions

NOTHING = Verdict("1", "no lung nodule")


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
    elif exam.infection_suspected and exam.cancer_favoured_over_infection and _has_new_4b(nodules, policy):
        note = "infection is suspected but cancer favoured: a new nodule of the size of 4B is 4B (note 10b)"
        result = with_assumptions(classified, note)
    else:
        result = _incomplete(classified, *because)
    return _with_other_finding(result, policy) if exam.significant_other_finding else result


def nodule_opinion(nodule: GuidelineNodule, exam: ExamObservations, policy: LungRadsPolicy) -> Opinion:
    """What the table says of one nodule, additional suspicious features included."""
    features = (
        *(("spiculation",) if nodule.spiculated else ()),
        *nodule.suspicious,
        *(("ground glass that doubled within 12 months",) if has_doubled(nodule, policy) else ()),
    )
    plain = _plain_opinion(nodule, policy)
    opinion = _with_features(plain, (*features, *_exam_features(exam)), policy)
    if nodule.spiculated is None and opinion is plain and _reaches(plain, policy.suspicious_from, policy):
        text = f"{nodule.label} is taken as not spiculated, which would make 4X"
        return Opinion(opinion.verdicts, (*opinion.assuming, text))
    return opinion


def _plain_opinion(nodule: GuidelineNodule, policy: LungRadsPolicy) -> Opinion:
    """The rows of the table without category 4X."""
    if is_benign(nodule):
        return Opinion((Verdict("1", f"{nodule.label}: benign features (benign calcification or fat)"),))
    if nodule.proven_benign:
        return Opinion((Verdict("2", f"{nodule.label}: proven benign after work-up"),))
    described = f"{nodule.label}, {describe(nodule.size, policy)}"
    rows = possible_rows(nodule, policy)
    verdicts = tuple(Verdict(category, f"{described}: {words}") for category, words in rows)
    return Opinion(verdicts, _nodule_assumptions(nodule, verdicts[-1].category, policy))


def _nodule_assumptions(nodule: GuidelineNodule, category: str, policy: LungRadsPolicy) -> tuple[str, ...]:
    """What was taken for granted of a nodule and would change its category."""
    texts = list(benign_assumption(nodule, "category 1"))
    if_juxtapleural, _ = possible_rows(replace(nodule, juxtapleural_smooth=True), policy)[-1]
    if nodule.juxtapleural_smooth is None and if_juxtapleural == "2" != category:
        texts.append(f"{nodule.label} is not taken as a smooth juxtapleural nodule, which would be category 2")
    if nodule.earlier and nodule.earlier[-1].lung_rads is None:
        texts.append(f"the earlier category of {nodule.label} is not known and was derived from its earlier sizes")
    if has_doubled(nodule, policy) and category == "2":
        texts.append(f"{nodule.label} doubled within 12 months, and stays 2 as ground glass of its size")
    return tuple(texts)


def _classified(nodules: Sequence[GuidelineNodule], exam: ExamObservations, policy: LungRadsPolicy) -> Recommendation:
    """The most suspicious finding; findings that are not classified leave category 1."""
    features = _exam_features(exam)
    opinions = [nodule_opinion(nodule, exam, policy) for nodule in nodules]
    lesions = (
        *(airway_opinion(airway, policy) for airway in exam.airway_nodules),
        *(cyst_opinion(cyst, policy) for cyst in exam.cysts),
    )
    opinions += [_with_features(lesion, features, policy) for lesion in lesions]
    if not any(opinion.verdicts for opinion in opinions):
        opinions.append(Opinion((NOTHING,)))
    return scheme_of(policy).recommend(opinions, NOTHING)


# -- 4X --------------------------------------------------------------------------------------------------------


def _with_features(opinion: Opinion, features: tuple[str, ...], policy: LungRadsPolicy) -> Opinion:
    """Category 4X in the place of each verdict from category 3 on when there are additional suspicious features."""
    if not features or not _reaches(opinion, policy.suspicious_from, policy):
        return opinion
    ranks = scheme_of(policy).ranks
    raised: dict[str, Verdict] = {}
    for verdict in opinion.verdicts:
        is_raised = ranks[verdict.category] >= ranks[policy.suspicious_from]
        because = f"{verdict.because} (category {verdict.category}), with {', '.join(features)}"
        new = Verdict("4X", because) if is_raised else verdict
        raised[new.category] = new
    return Opinion(tuple(raised.values()), opinion.assuming)


def _exam_features(exam: ExamObservations) -> tuple[str, ...]:
    named = (("lymphadenopathy", exam.lymphadenopathy), ("metastatic disease", exam.metastatic_disease))
    return tuple(name for name, is_there in named if is_there)


def _reaches(opinion: Opinion, category: str, policy: LungRadsPolicy) -> bool:
    ranks = scheme_of(policy).ranks
    return any(ranks[verdict.category] >= ranks[category] for verdict in opinion.verdicts)


# -- 0 and S ---------------------------------------------------------------------------------------------------


def _category_0(
    nodules: Sequence[GuidelineNodule], exam: ExamObservations, policy: LungRadsPolicy
) -> tuple[str, str] | None:
    """Why the examination is incomplete, and the management; None when it is complete.

    A reader may rule out infection (`infection_suspected` False).
    """
    new = sum(nodule.sighting is Sighting.NEW for nodule in nodules)
    if exam.infection_suspected:
        return "findings suggest an infectious or inflammatory process", policy.infection
    if exam.infection_suspected is None and new > policy.infectious_new_nodules_above:
        limit = policy.infectious_new_nodules_above
        return f"{new} new nodules, more than {limit}, suggest an infectious process (note 10a)", policy.infection
    if exam.lungs_not_evaluable:
        return "part or all of the lungs cannot be evaluated", policy.not_evaluable
    if exam.prior_being_located:
        return "a prior chest CT is being located (temporary, note 9 [unverified])", policy.prior_awaited
    return None


def _incomplete(classified: Recommendation, because: str, management: str) -> Recommendation:
    found = classified.category or " or ".join(classified.possible)
    so_far = f"without that, category {found}: {classified.because}"
    incomplete = replace(classified, category="0", possible=("0",), management=management, because=because)
    return with_assumptions(incomplete, so_far)


def _has_new_4b(nodules: Sequence[GuidelineNodule], policy: LungRadsPolicy) -> bool:
    new = (nodule for nodule in nodules if nodule.sighting is Sighting.NEW)
    return any(_reaches(_plain_opinion(nodule, policy), "4B", policy) for nodule in new)


def _taken_for_granted(
    nodules: Sequence[GuidelineNodule],
    exam: ExamObservations,
    classified: Recommendation,
    immunosuppressed: bool | None,
    policy: LungRadsPolicy,
) -> list[str]:
    """What was taken for granted of the examination and would change its category."""
    texts = []
    if any(nodule.sighting is Sighting.BASELINE for nodule in nodules):
        texts.append("read as a baseline: no earlier CT was compared")
    ranks = scheme_of(policy).ranks
    is_suspicious = any(ranks[policy.suspicious_from] <= ranks[c] < ranks["4X"] for c in classified.possible)
    if is_suspicious and (exam.lymphadenopathy is None or exam.metastatic_disease is None):
        texts.append("lymphadenopathy and metastatic disease were not both ruled out; either makes 4X")
    limit = limits((policy.infectious_new_solid_mm,), policy)[0]
    suspects = [
        n.label
        for n in nodules
        if n.sighting is Sighting.NEW
        and (immunosuppressed or (solid_kind(n) is Composition.SOLID and total_size(n.size, policy) >= limit))
    ]
    if suspects and exam.infection_suspected is None:
        texts.append(
            f"new {', '.join(suspects)}: infection is not taken as the cause, which would be category 0 (note 10a)"
        )
    return texts


def _with_other_finding(result: Recommendation, policy: LungRadsPolicy) -> Recommendation:
    """The modifier S on any category."""
    return replace(
        result,
        category=None if result.category is None else f"{result.category}S",
        possible=tuple(f"{category}S" for category in result.possible),
        management=f"{result.management}; {policy.other_finding}",
        because=f"{result.because}; a significant other finding was stated",
    )
