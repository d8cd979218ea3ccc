"""Which guideline applies to an examination: a policy by context, never a guess."""

from __future__ import annotations

from cad.domain import ApplicableGuideline, Guideline, PatientFactors
from cad.policy import GuidelinePolicy
from cad.science.guidelines.fleischner import exclusion


def applicable_guideline(patient: PatientFactors, policy: GuidelinePolicy) -> ApplicableGuideline:
    """The guideline for a screening or an incidental finding in a region, and why; None when that is not known."""
    if patient.screening is None:
        return ApplicableGuideline(None, "it was not stated whether this is a screening or an incidental finding")
    table = dict(policy.choice.screening if patient.screening else policy.choice.incidental)
    region = policy.choice.region_not_given if patient.region is None else patient.region.value
    guideline = Guideline(table[region])
    context = "screening" if patient.screening else "an incidental finding"
    where = f"region {region}" if patient.region is not None else f"no region given, so as in region {region}"
    if guideline is Guideline.FLEISCHNER and (because := exclusion(patient, policy.fleischner)):
        return ApplicableGuideline(None, f"{context}, {where}: Fleischner Society 2017, which is not for {because}")
    return ApplicableGuideline(guideline, f"{context}, {where}")
