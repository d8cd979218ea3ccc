"""Which guideline applies to an examination: a policy by context, never a guess."""

from __future__ import annotations

from cad.domain import ApplicableGuideline, Guideline, PatientFactors, Phrase, Region
from cad.policy import GuidelinePolicy
from cad.policy.guidelines.rules import ChoiceRule
from cad.science.guidelines.fleischner import exclusions


def applicable_guideline(patient: PatientFactors, policy: GuidelinePolicy) -> ApplicableGuideline:
    """The guideline for a screening or an incidental finding in a region, and why; None when that is not known."""
    if patient.screening is None:
        return ApplicableGuideline(None, Phrase(ChoiceRule.NOT_STATED))
    table = dict(policy.choice.screening if patient.screening else policy.choice.incidental)
    region = Region(policy.choice.region_not_given) if patient.region is None else patient.region
    guideline = Guideline(table[region.value])
    context = ChoiceRule.SCREENING if patient.screening else ChoiceRule.INCIDENTAL
    where = Phrase(ChoiceRule.NO_REGION if patient.region is None else ChoiceRule.REGION, region=region)
    if guideline is Guideline.FLEISCHNER and (reasons := exclusions(patient, policy.fleischner)):
        because = Phrase(ChoiceRule.EXCLUDED, context=Phrase(context), where=where, reasons=reasons)
        return ApplicableGuideline(None, because)
    return ApplicableGuideline(guideline, Phrase(ChoiceRule.APPLIES, context=Phrase(context), where=where))
