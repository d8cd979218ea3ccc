"""All guidelines together."""

from __future__ import annotations

from dataclasses import dataclass

from cad.policy.guidelines.bts import BtsPolicy
from cad.policy.guidelines.c_lung_rads import CLungRadsPolicy
from cad.policy.guidelines.chinese_consensus import ChineseConsensusPolicy
from cad.policy.guidelines.choice import GuidelineChoicePolicy
from cad.policy.guidelines.fleischner import FleischnerPolicy
from cad.policy.guidelines.lung_rads import LungRadsPolicy
from cad.policy.guidelines.volumetric import EuPositionPolicy, NelsonPolicy


@dataclass(frozen=True, slots=True)
class GuidelinePolicy:
    """The guidelines of one installation."""

    choice: GuidelineChoicePolicy = GuidelineChoicePolicy()
    lung_rads: LungRadsPolicy = LungRadsPolicy()
    fleischner: FleischnerPolicy = FleischnerPolicy()
    bts: BtsPolicy = BtsPolicy()
    c_lung_rads: CLungRadsPolicy = CLungRadsPolicy()
    nelson: NelsonPolicy = NelsonPolicy()
    eu_position: EuPositionPolicy = EuPositionPolicy()
    chinese_consensus: ChineseConsensusPolicy = ChineseConsensusPolicy()
    """One record per guideline."""
