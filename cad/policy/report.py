"""What a report names and shows: limits of words and numbers of pictures. No measurement follows from them."""

from __future__ import annotations

from dataclasses import dataclass

from cad.policy.guidelines.bts import BtsRow
from cad.policy.guidelines.fleischner import FleischnerRow
from cad.policy.signs import AttributePolicy


@dataclass(frozen=True, slots=True)
class HeartLungPolicy:
    """Low, medium and high on the page that sums up lungs and heart. The category itself stands beside the word.

    The three words are lungcad's own: health-check centres use them, and no guideline does. A category that is in no
    table, such as Lung-RADS 0, has no level, and the page says so.
    """

    stand_ins: tuple[str, ...] = ("lung_rads", "fleischner")
    """The guidelines of screening and of incidental findings: where none applies because it was not stated why the scan
    was made, both are named, and there is a level only where they agree."""
    lung: tuple[tuple[str, tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...] = (
        ("lung_rads", ("1", "2"), ("3",), ("4A", "4B", "4X")),
        ("c_lung_rads", ("0", "1"), ("2",), ("3", "4")),
        ("nelson", ("negative",), ("indeterminate",), ("positive",)),
        ("eu_position", ("negative",), ("indeterminate",), ("positive",)),
        (
            "fleischner",
            (
                FleischnerRow.NO_NODULE,
                FleischnerRow.BENIGN,
                FleischnerRow.FOLLOW_UP_COMPLETE,
                FleischnerRow.SINGLE_GROUND_GLASS_BELOW_6,
                FleischnerRow.SINGLE_PART_SOLID_BELOW_6,
                FleischnerRow.SINGLE_SOLID_BELOW_6,
                FleischnerRow.MULTIPLE_SOLID_BELOW_6,
            ),
            (
                FleischnerRow.SINGLE_GROUND_GLASS_6_OR_MORE,
                FleischnerRow.SINGLE_SOLID_6_TO_8,
                FleischnerRow.MULTIPLE_SUBSOLID_BELOW_6,
                FleischnerRow.MULTIPLE_SOLID_6_TO_8,
                FleischnerRow.MULTIPLE_SUBSOLID_STABLE,
                FleischnerRow.GROUND_GLASS_PERSISTENT,
                FleischnerRow.SOLID_STABLE,
                FleischnerRow.SINGLE_PART_SOLID_PERSISTENT_SMALL_COMPONENT,
                FleischnerRow.SINGLE_PART_SOLID_6_OR_MORE,
                FleischnerRow.MULTIPLE_SUBSOLID_6_OR_MORE,
            ),
            (
                FleischnerRow.SOLID_ABOVE_8,
                FleischnerRow.SOLID_GROWING,
                FleischnerRow.GROUND_GLASS_GROWING,
                FleischnerRow.PART_SOLID_LARGE_COMPONENT,
                FleischnerRow.PART_SOLID_LARGE_COMPONENT_OR_GROWING,
            ),
        ),
        (
            "bts",
            (BtsRow.NO_NODULE, BtsRow.DISCHARGE, BtsRow.VDT_ABOVE_600),
            (
                BtsRow.NEW_AND_SMALL,
                BtsRow.CT_AT_24_MONTHS,
                BtsRow.CT_AT_12_MONTHS,
                BtsRow.CT_AT_3_MONTHS,
                BtsRow.BROCK_BELOW_10,
                BtsRow.SUBSOLID_BROCK_BELOW_10,
                BtsRow.VDT_400_TO_600,
                BtsRow.HERDER_BELOW_10,
            ),
            (
                BtsRow.BROCK_10_OR_MORE,
                BtsRow.HERDER_10_TO_70,
                BtsRow.SUBSOLID_BROCK_10_OR_MORE,
                BtsRow.VDT_400_OR_LESS,
                BtsRow.HERDER_ABOVE_70,
                BtsRow.SUBSOLID_GROWING_OR_ALTERED,
            ),
        ),
    )
    """For each guideline that can apply, its categories of low, medium and high. Screening: low goes on with the yearly
    rounds (Lung-RADS v2022 1 negative, 2 benign), medium is a CT in 6 months (3 probably benign; C-Lung-RADS 2, 3.2 %
    of cancers), high a CT in 3 months or work-up (4 suspicious; C-Lung-RADS 3 and 4, with 6.2 and 24.3 %, PMC11564084
    table 1); the volumetric schemes by their own words. Incidental: low needs no CT or at most one after a year, medium
    is followed by CT, high has PET/CT, tissue or surgery among its first steps (Fleischner 2017, BTS 2015)."""
    heart: tuple[str, tuple[str, ...], tuple[str, ...], tuple[str, ...]] = ("CAC-DRS", ("A0", "A1"), ("A2",), ("A3",))
    """CAC-DRS names A0 very low, A1 mildly, A2 moderately and A3 moderately to severely increased risk (Hecht et al.,
    J Cardiovasc Comput Tomogr 2018 [abstract])."""


@dataclass(frozen=True, slots=True)
class WordingPolicy:
    """When the sentences, pages and coded signs of a report name what was found. The measured values stand beside."""

    signs: AttributePolicy = AttributePolicy()
    """Signs are named by the limits that decide."""

    lobe_certain: float = 0.8
    """Below this confidence the lobe is named with "probably" (lungcad's own choice)."""

    near_mm: float = 10.0
    """Pleura and fissures are named up to this distance (lungcad's own choice)."""

    touching_mm: float = 0.5
    """Nearer than this it touches: under one pixel of a chest CT (0.5 to 0.9 mm)."""

    changed_comparisons: int = 20
    """Pictures of then and now of nodules that are new, gone, growing or shrinking (lungcad's own choice)."""

    stable_comparisons: int = 3
    """The same of stable nodules, in the order of the nodules (lungcad's own choice)."""

    heart_lung: HeartLungPolicy = HeartLungPolicy()
    """What is called low, medium and high."""
