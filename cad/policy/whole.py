"""All policies of one analysis."""

from __future__ import annotations

from dataclasses import dataclass

from cad.policy.calcium import CalciumPolicy
from cad.policy.followup import FollowUpPolicy, GrowthPolicy, MatchingPolicy
from cad.policy.guidelines.all import GuidelinePolicy
from cad.policy.kernels import KernelPolicy
from cad.policy.lobes import LobePolicy
from cad.policy.lungs import LungPolicy
from cad.policy.nodules import CandidatePolicy, NodulePolicy
from cad.policy.opacities import OpacityPolicy
from cad.policy.report import WordingPolicy
from cad.policy.risk import RiskPolicy
from cad.policy.sampling import SamplingPolicy
from cad.policy.search import SearchPolicy
from cad.policy.series import SeriesPolicy
from cad.policy.signs import AttributePolicy


@dataclass(frozen=True, slots=True)
class Policy:
    """The clinical policy of one installation."""

    series: SeriesPolicy = SeriesPolicy()
    sampling: SamplingPolicy = SamplingPolicy()
    lungs: LungPolicy = LungPolicy()
    opacities: OpacityPolicy = OpacityPolicy()
    search: SearchPolicy = SearchPolicy()
    candidates: CandidatePolicy = CandidatePolicy()
    nodules: NodulePolicy = NodulePolicy()
    kernels: KernelPolicy = KernelPolicy()
    lobes: LobePolicy = LobePolicy()
    attributes: AttributePolicy = AttributePolicy()
    risk: RiskPolicy = RiskPolicy()
    growth: GrowthPolicy = GrowthPolicy()
    matching: MatchingPolicy = MatchingPolicy()
    followup: FollowUpPolicy = FollowUpPolicy()
    guidelines: GuidelinePolicy = GuidelinePolicy()
    calcium: CalciumPolicy = CalciumPolicy()
    wording: WordingPolicy = WordingPolicy()
