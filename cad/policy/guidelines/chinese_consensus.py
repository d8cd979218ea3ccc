"""The Chinese expert consensus."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from cad.policy.guidelines.rows import Row


class ConsensusRow(enum.StrEnum):
    """The rows of the table, from least to most demanding."""

    NO_NODULE = "chinese-consensus.no-nodule"
    BENIGN = "chinese-consensus.benign"
    SOLID_UP_TO_4 = "chinese-consensus.solid-up-to-4"
    GROUND_GLASS_UP_TO_5 = "chinese-consensus.ground-glass-up-to-5"
    SOLID_ABOVE_4_TO_6 = "chinese-consensus.solid-above-4-to-6"
    SOLID_ABOVE_6_TO_8 = "chinese-consensus.solid-above-6-to-8"
    GROUND_GLASS_ABOVE_5_TO_10 = "chinese-consensus.ground-glass-above-5-to-10"
    PART_SOLID_UP_TO_8 = "chinese-consensus.part-solid-up-to-8"
    SOLID_ABOVE_8_PROBABILITY_BELOW_5 = "chinese-consensus.solid-above-8-probability-below-5"
    GROUND_GLASS_ABOVE_10 = "chinese-consensus.ground-glass-above-10"
    PART_SOLID_ABOVE_8 = "chinese-consensus.part-solid-above-8"
    SOLID_ABOVE_8_PROBABILITY_5_TO_65 = "chinese-consensus.solid-above-8-probability-5-to-65"
    SOLID_ABOVE_8_PROBABILITY_ABOVE_65 = "chinese-consensus.solid-above-8-probability-above-65"


@dataclass(frozen=True, slots=True)
class ChineseConsensusPolicy:
    """Chinese expert consensus on lung nodules. A draft: listed, and never the applicable guideline.

    [unverified]: solid nodules are from the 2018 edition, subsolid ones from an open implementation of the 2024
    edition, whose text is to be read before this may apply.
    """

    edition: str = "2018-and-2024-draft"
    edition_verified: bool = False
    """Named in every recommendation; whether its text was read."""
    high_risk_from_years: float = 40.0
    high_risk_pack_years: float = 20.0
    high_risk_quit_within_years: float = 15.0
    """High risk: 40 years or older with one of: 20 pack-years (400 cigarettes a day × years) or more that did
    not end 15 years ago or longer; occupational or environmental exposure; COPD, fibrosis or old tuberculosis; a cancer
    or a family history of lung cancer. From an open implementation of the 2018 edition."""
    solid_mm: tuple[float, float, float] = (4.0, 6.0, 8.0)
    ground_glass_mm: tuple[float, float] = (5.0, 10.0)
    part_solid_mm: float = 8.0
    """Upper limits: a size at a limit belongs below it. [unverified]"""
    probability: tuple[float, float] = (0.05, 0.65)
    """Solid nodules above 8 mm by the probability of cancer, here that of the Mayo model."""
    rows: tuple[Row, ...] = (
        Row(ConsensusRow.NO_NODULE),
        Row(ConsensusRow.BENIGN),
        Row(ConsensusRow.SOLID_UP_TO_4, verified=False),
        Row(ConsensusRow.GROUND_GLASS_UP_TO_5, verified=False),
        Row(ConsensusRow.SOLID_ABOVE_4_TO_6, verified=False),
        Row(ConsensusRow.SOLID_ABOVE_6_TO_8, verified=False),
        Row(ConsensusRow.GROUND_GLASS_ABOVE_5_TO_10, verified=False),
        Row(ConsensusRow.PART_SOLID_UP_TO_8, verified=False),
        Row(ConsensusRow.SOLID_ABOVE_8_PROBABILITY_BELOW_5, verified=False),
        Row(ConsensusRow.GROUND_GLASS_ABOVE_10, verified=False),
        Row(ConsensusRow.PART_SOLID_ABOVE_8, verified=False),
        Row(ConsensusRow.SOLID_ABOVE_8_PROBABILITY_5_TO_65, verified=False),
        Row(ConsensusRow.SOLID_ABOVE_8_PROBABILITY_ABOVE_65, verified=False),
    )
    """Rows from least to most demanding, with the management without and with high risk."""
