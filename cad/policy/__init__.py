"""Every clinical number of lungcad, frozen, each with its source. A change here is a clinical change.

Bump `POLICY_VERSION` and write a line under *Clinical behaviour* in CHANGELOG.md with every change of a value.
Import from here: `from cad.policy import Policy`.

- `version`, `whole`: the version, and all policies of one analysis.
- `series`, `lungs`, `opacities`, `lobes`: which series are read; constants of the segmentations.
- `sampling`: when slices are not the scanner's own, and the grid that is measured.
- `search`: when a search for nodules is less than what is promised.
- `nodules`, `cavities`, `signs`: borders, measures and signs of nodules: constants, and the limits that decide.
- `volumes`: how far volumes differ between protocols.
- `risk`, `followup`: coefficients of models, limits of growth and of a comparison.
- `calcium`, `calcium_rules`: scores of calcium, and the codes of their rules.
- `guidelines`: the published limits and categories, a module for each guideline.
- `report`: what a report names and shows; no measurement follows from it.
"""

from __future__ import annotations

from cad.policy.calcium import CalciumPolicy as CalciumPolicy, CalciumSuitabilityPolicy as CalciumSuitabilityPolicy
from cad.policy.cavities import CavityPolicy as CavityPolicy
from cad.policy.followup import (
    FollowUpPolicy as FollowUpPolicy,
    GrowthPolicy as GrowthPolicy,
    MatchingPolicy as MatchingPolicy,
)
from cad.policy.guidelines.all import GuidelinePolicy as GuidelinePolicy
from cad.policy.guidelines.bts import BtsPolicy as BtsPolicy
from cad.policy.guidelines.c_lung_rads import CLungRadsPolicy as CLungRadsPolicy
from cad.policy.guidelines.chinese_consensus import ChineseConsensusPolicy as ChineseConsensusPolicy
from cad.policy.guidelines.choice import GuidelineChoicePolicy as GuidelineChoicePolicy
from cad.policy.guidelines.fleischner import FleischnerPolicy as FleischnerPolicy
from cad.policy.guidelines.lung_rads import LungRadsPolicy as LungRadsPolicy
from cad.policy.guidelines.volumetric import EuPositionPolicy as EuPositionPolicy, NelsonPolicy as NelsonPolicy
from cad.policy.kernels import KernelPolicy as KernelPolicy
from cad.policy.lobes import FissurePrior as FissurePrior, LobePolicy as LobePolicy
from cad.policy.lungs import LungPolicy as LungPolicy
from cad.policy.nodules import CandidatePolicy as CandidatePolicy, NodulePolicy as NodulePolicy
from cad.policy.opacities import OpacityPolicy as OpacityPolicy
from cad.policy.report import HeartLungPolicy as HeartLungPolicy, WordingPolicy as WordingPolicy
from cad.policy.risk import (
    Brock2aPolicy as Brock2aPolicy,
    Brock2bPolicy as Brock2bPolicy,
    HerderPolicy as HerderPolicy,
    MayoPolicy as MayoPolicy,
    RiskPolicy as RiskPolicy,
)
from cad.policy.sampling import SamplingPolicy as SamplingPolicy
from cad.policy.search import LIMITING as LIMITING, SearchPolicy as SearchPolicy
from cad.policy.series import SeriesPolicy as SeriesPolicy
from cad.policy.signs import AttributePolicy as AttributePolicy
from cad.policy.version import POLICY_VERSION as POLICY_VERSION
from cad.policy.volumes import VolumeErrorPolicy as VolumeErrorPolicy
from cad.policy.whole import Policy as Policy
