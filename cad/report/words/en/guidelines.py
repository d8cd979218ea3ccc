"""What guidelines say, in English: tables of codes."""

from __future__ import annotations

import enum
from collections.abc import Mapping

from cad.domain import (
    Guideline,
)
from cad.policy.guidelines.bts import BtsRow
from cad.policy.guidelines.chinese_consensus import ConsensusRow
from cad.policy.guidelines.fleischner import FleischnerRow
from cad.policy.guidelines.lung_rads import Incomplete
from cad.policy.guidelines.rows import VolumeResult
from cad.policy.guidelines.rules import (
    NOT_APPLICABLE,
    BtsRule,
    ChoiceRule,
    FleischnerRule,
    LungRadsRule,
    Outcome,
    Rule,
)
from cad.report.words.guidelines import JoinedTexts, Texts
from cad.science.guidelines.lung_rads.growth import Pace

SCHEMES: Mapping[Guideline, str] = {
    Guideline.LUNG_RADS: "Lung-RADS",
    Guideline.FLEISCHNER: "Fleischner Society",
    Guideline.BTS: "BTS",
    Guideline.C_LUNG_RADS: "C-Lung-RADS",
    Guideline.NELSON: "NELSON",
    Guideline.EU_POSITION: "EU position statement",
    Guideline.CHINESE_CONSENSUS: "Chinese expert consensus",
}
"""The names of the guidelines."""

EDITIONS: Mapping[str, str] = {"trial-protocol": "trial protocol", "2018-and-2024-draft": "2018 and 2024, draft"}
"""Editions that are not a year or a number."""

CATEGORIES: Mapping[str, str] = {
    NOT_APPLICABLE: "not applicable",
    FleischnerRow.NO_NODULE: "no nodule",
    FleischnerRow.BENIGN: "benign",
    FleischnerRow.SINGLE_GROUND_GLASS_BELOW_6: "single ground-glass <6 mm",
    FleischnerRow.SINGLE_PART_SOLID_BELOW_6: "single part-solid <6 mm",
    FleischnerRow.SINGLE_SOLID_BELOW_6: "single solid <6 mm",
    FleischnerRow.MULTIPLE_SOLID_BELOW_6: "multiple solid <6 mm",
    FleischnerRow.SINGLE_GROUND_GLASS_6_OR_MORE: "single ground-glass 6 mm or more",
    FleischnerRow.SINGLE_SOLID_6_TO_8: "single solid 6–8 mm",
    FleischnerRow.MULTIPLE_SUBSOLID_BELOW_6: "multiple subsolid <6 mm",
    FleischnerRow.MULTIPLE_SOLID_6_TO_8: "multiple solid 6–8 mm",
    FleischnerRow.SINGLE_PART_SOLID_PERSISTENT_SMALL_COMPONENT: "single part-solid 6 mm or more, persistent, solid component <6 mm",
    FleischnerRow.SINGLE_PART_SOLID_6_OR_MORE: "single part-solid 6 mm or more",
    FleischnerRow.MULTIPLE_SUBSOLID_6_OR_MORE: "multiple subsolid 6 mm or more",
    FleischnerRow.SOLID_ABOVE_8: "solid >8 mm",
    FleischnerRow.PART_SOLID_LARGE_COMPONENT: "part-solid, solid component >8 mm or suspicious morphology",
    FleischnerRow.FOLLOW_UP_COMPLETE: "stable, follow-up complete",
    FleischnerRow.SOLID_STABLE: "solid 6–8 mm, stable",
    FleischnerRow.GROUND_GLASS_PERSISTENT: "subsolid 6 mm or more, persistent and stable",
    FleischnerRow.MULTIPLE_SUBSOLID_STABLE: "multiple subsolid <6 mm, stable",
    FleischnerRow.SOLID_GROWING: "solid, growing",
    FleischnerRow.GROUND_GLASS_GROWING: "ground-glass, growing",
    FleischnerRow.PART_SOLID_LARGE_COMPONENT_OR_GROWING: "part-solid, solid component 6 mm or more, or growing",
    BtsRow.NO_NODULE: "no nodule",
    BtsRow.DISCHARGE: "discharge",
    BtsRow.NEW_AND_SMALL: "new and small",
    BtsRow.VDT_ABOVE_600: "VDT >600 days",
    BtsRow.CT_AT_24_MONTHS: "CT at 24 months",
    BtsRow.CT_AT_12_MONTHS: "CT at 12 months",
    BtsRow.CT_AT_3_MONTHS: "CT at 3 months",
    BtsRow.BROCK_BELOW_10: "Brock <10 %",
    BtsRow.SUBSOLID_BROCK_BELOW_10: "subsolid, Brock <10 %",
    BtsRow.VDT_400_TO_600: "VDT 400–600 days",
    BtsRow.HERDER_BELOW_10: "Herder <10 %",
    BtsRow.BROCK_10_OR_MORE: "Brock 10 % or more",
    BtsRow.HERDER_10_TO_70: "Herder 10–70 %",
    BtsRow.SUBSOLID_BROCK_10_OR_MORE: "subsolid, Brock 10 % or more or concerning",
    BtsRow.VDT_400_OR_LESS: "VDT 400 days or less",
    BtsRow.HERDER_ABOVE_70: "Herder >70 %",
    BtsRow.SUBSOLID_GROWING_OR_ALTERED: "subsolid, growing or altered",
    ConsensusRow.NO_NODULE: "no nodule",
    ConsensusRow.BENIGN: "benign",
    ConsensusRow.SOLID_UP_TO_4: "solid up to 4 mm",
    ConsensusRow.GROUND_GLASS_UP_TO_5: "ground-glass up to 5 mm",
    ConsensusRow.SOLID_ABOVE_4_TO_6: "solid >4 to 6 mm",
    ConsensusRow.SOLID_ABOVE_6_TO_8: "solid >6 to 8 mm",
    ConsensusRow.GROUND_GLASS_ABOVE_5_TO_10: "ground-glass >5 to 10 mm",
    ConsensusRow.PART_SOLID_UP_TO_8: "part-solid up to 8 mm",
    ConsensusRow.SOLID_ABOVE_8_PROBABILITY_BELOW_5: "solid >8 mm, probability <5 %",
    ConsensusRow.GROUND_GLASS_ABOVE_10: "ground-glass >10 mm",
    ConsensusRow.PART_SOLID_ABOVE_8: "part-solid >8 mm",
    ConsensusRow.SOLID_ABOVE_8_PROBABILITY_5_TO_65: "solid >8 mm, probability 5–65 %",
    ConsensusRow.SOLID_ABOVE_8_PROBABILITY_ABOVE_65: "solid >8 mm, probability >65 %",
    VolumeResult.NEGATIVE: "negative",
    VolumeResult.INDETERMINATE: "indeterminate",
    VolumeResult.POSITIVE: "positive",
}
"""The categories that are not written as they are, as those of Lung-RADS."""

MANAGEMENT: Mapping[Guideline, Mapping[str, Texts]] = {
    Guideline.FLEISCHNER: {
        FleischnerRow.NO_NODULE: "No follow-up",
        FleischnerRow.BENIGN: "No follow-up",
        FleischnerRow.SINGLE_GROUND_GLASS_BELOW_6: "No routine follow-up",
        FleischnerRow.SINGLE_PART_SOLID_BELOW_6: "No routine follow-up",
        FleischnerRow.SINGLE_SOLID_BELOW_6: ("No routine follow-up", "Optional CT at 12 months"),
        FleischnerRow.MULTIPLE_SOLID_BELOW_6: ("No routine follow-up", "Optional CT at 12 months"),
        FleischnerRow.SINGLE_GROUND_GLASS_6_OR_MORE: "CT at 6–12 months to confirm persistence, then CT every 2 years until 5 years",
        FleischnerRow.SINGLE_SOLID_6_TO_8: (
            "CT at 6–12 months, then consider CT at 18–24 months",
            "CT at 6–12 months, then CT at 18–24 months",
        ),
        FleischnerRow.MULTIPLE_SUBSOLID_BELOW_6: "CT at 3–6 months; if stable, consider CT at 2 and 4 years",
        FleischnerRow.MULTIPLE_SOLID_6_TO_8: (
            "CT at 3–6 months, then consider CT at 18–24 months",
            "CT at 3–6 months, then CT at 18–24 months",
        ),
        FleischnerRow.SINGLE_PART_SOLID_PERSISTENT_SMALL_COMPONENT: "Annual CT for 5 years",
        FleischnerRow.SINGLE_PART_SOLID_6_OR_MORE: "CT at 3–6 months to confirm persistence; if unchanged and the solid component is <6 mm, annual CT for 5 years",
        FleischnerRow.MULTIPLE_SUBSOLID_6_OR_MORE: "CT at 3–6 months, then by the most suspicious nodule",
        FleischnerRow.SOLID_ABOVE_8: "Consider CT at 3 months, PET/CT or tissue sampling",
        FleischnerRow.PART_SOLID_LARGE_COMPONENT: "PET/CT, biopsy or resection",
        FleischnerRow.FOLLOW_UP_COMPLETE: "No further follow-up",
        FleischnerRow.SOLID_STABLE: (
            "Consider CT at 18–24 months from the first CT, then no further follow-up",
            "CT at 18–24 months from the first CT, then no further follow-up",
        ),
        FleischnerRow.GROUND_GLASS_PERSISTENT: "CT every 2 years until 5 years",
        FleischnerRow.MULTIPLE_SUBSOLID_STABLE: "Consider CT at 2 and 4 years from the first CT",
        FleischnerRow.SOLID_GROWING: "Consider PET/CT or tissue sampling",
        FleischnerRow.GROUND_GLASS_GROWING: "Consider resection",
        FleischnerRow.PART_SOLID_LARGE_COMPONENT_OR_GROWING: "PET/CT, biopsy or resection",
    },
    Guideline.BTS: {
        BtsRow.NO_NODULE: "No follow-up",
        BtsRow.DISCHARGE: "Discharge: no follow-up",
        BtsRow.NEW_AND_SMALL: "CT follow-up is merited if it is definitely new since a CT of the last 1–2 years",
        BtsRow.VDT_ABOVE_600: "Discharge (if by volumetry) or annual CT",
        BtsRow.CT_AT_24_MONTHS: "CT at 24 months",
        BtsRow.CT_AT_12_MONTHS: "CT at 12 months",
        BtsRow.CT_AT_3_MONTHS: "CT at 3 months; if stable or VDT >400 days, CT at 12 months",
        BtsRow.BROCK_BELOW_10: "CT surveillance: CT at 3 months; if stable or VDT >400 days, CT at 12 months",
        BtsRow.SUBSOLID_BROCK_BELOW_10: "CT at 1, 2 and 4 years from baseline",
        BtsRow.VDT_400_TO_600: "Biopsy or further CT, by preference",
        BtsRow.HERDER_BELOW_10: "CT surveillance",
        BtsRow.BROCK_10_OR_MORE: "PET-CT, then the Herder model",
        BtsRow.HERDER_10_TO_70: "Image-guided biopsy; excision or CT surveillance by risk and preference",
        BtsRow.SUBSOLID_BROCK_10_OR_MORE: "Observation, biopsy or resection by risk and preference",
        BtsRow.VDT_400_OR_LESS: "Further work-up: biopsy, resection or treatment",
        BtsRow.HERDER_ABOVE_70: "Resection or other treatment",
        BtsRow.SUBSOLID_GROWING_OR_ALTERED: "Resection or other treatment favoured",
    },
    Guideline.CHINESE_CONSENSUS: {
        ConsensusRow.NO_NODULE: "No follow-up",
        ConsensusRow.BENIGN: "No follow-up",
        ConsensusRow.SOLID_UP_TO_4: ("Optional follow-up", "CT at 12 months"),
        ConsensusRow.GROUND_GLASS_UP_TO_5: "CT at 6 months, then every year",
        ConsensusRow.SOLID_ABOVE_4_TO_6: ("CT at 12 months", "CT at 6–12, then 18–24 months"),
        ConsensusRow.SOLID_ABOVE_6_TO_8: ("CT at 6–12, then 18–24 months", "CT at 3–6, 9–12 and 24 months"),
        ConsensusRow.GROUND_GLASS_ABOVE_5_TO_10: "CT at 3 months, then 6 months",
        ConsensusRow.PART_SOLID_UP_TO_8: "CT at 3, 6, 12 and 24 months, then every year",
        ConsensusRow.SOLID_ABOVE_8_PROBABILITY_BELOW_5: "CT surveillance",
        ConsensusRow.GROUND_GLASS_ABOVE_10: "CT at 3 months; if persistent, biopsy or surgery",
        ConsensusRow.PART_SOLID_ABOVE_8: "CT at 3 months, then PET/CT, biopsy or surgery",
        ConsensusRow.SOLID_ABOVE_8_PROBABILITY_5_TO_65: "PET/CT or biopsy",
        ConsensusRow.SOLID_ABOVE_8_PROBABILITY_ABOVE_65: "Surgery or biopsy",
    },
    Guideline.LUNG_RADS: {
        "1": "12-month screening LDCT",
        "2": "12-month screening LDCT",
        "3": "6-month LDCT",
        "4A": "3-month LDCT; PET/CT may be considered if there is a solid nodule or solid component of 8 mm or more",
        "4B": "Referral for further clinical evaluation: diagnostic chest CT with or without contrast, PET/CT if there is a solid nodule or solid component of 8 mm or more, tissue sampling",
        "4X": "Referral for further clinical evaluation: diagnostic chest CT with or without contrast, PET/CT if there is a solid nodule or solid component of 8 mm or more, tissue sampling",
        Incomplete.PRIOR_AWAITED: "Comparison with the prior chest CT before a category is assigned",
        Incomplete.NOT_EVALUABLE: "Additional lung cancer screening CT images",
        Incomplete.INFECTION: "1- to 3-month LDCT",
    },
    Guideline.C_LUNG_RADS: {
        "0": "Annual screening LDCT in 12 months",
        "1": "Annual screening LDCT in 12 months",
        "2": "6-month CT",
        "3": "3-month CT; high-resolution CT or PET/CT may be considered",
        "4": "Immediate clinical assessment: diagnostic CT with or without contrast, PET/CT if there is a solid nodule or solid component of 8 mm or more, tissue sampling or referral",
    },
    Guideline.NELSON: {
        VolumeResult.NEGATIVE: "Next screening round",
        VolumeResult.INDETERMINATE: "CT at 3 months for volume and doubling time",
        VolumeResult.POSITIVE: "Referral for work-up",
    },
    Guideline.EU_POSITION: {
        VolumeResult.NEGATIVE: "Next screening round",
        VolumeResult.INDETERMINATE: "CT at 3 months for volume and doubling time",
        VolumeResult.POSITIVE: "Multidisciplinary team",
    },
}
"""What follows from each row: one text, or one for low and one for high risk."""

RISKS: Mapping[Guideline, tuple[str, str]] = {
    Guideline.FLEISCHNER: ("low risk: {text}", "; high risk: {text}"),
    Guideline.CHINESE_CONSENSUS: ("without high risk: {text}", "; with high risk: {text}"),
}
"""Both recommendations where the risk is not known."""

PHRASES: Mapping[enum.StrEnum, str] = {
    Rule.NO_NODULE: "no lung nodule",
    Rule.BENIGN_FEATURES: "{label}: benign features",
    Rule.BENIGN_OR_PROVEN: "{label}: benign calcification, fat or proven benign",
    Rule.EVERY_BENIGN: "every nodule has benign features ({nodules})",
    Rule.EITHER: "{parts}",
    Rule.OF_CATEGORY: "{category}: {because}",
    Rule.NODULE: "{nodule}: {rule}",
    Rule.OF_KIND: "{label}, {composition}, {mm:g} mm",
    Rule.KIND_OF_BAND: "{composition} {band}",
    Rule.RAISED_BY_MODEL: "{because} (category {category}), model probability {percent:.0f} %",
    Rule.BELOW: "<{limit:g} {unit}",
    Rule.BETWEEN: "{low:g} to <{high:g} {unit}",
    Rule.FROM: "{limit:g} {unit} or more",
    Rule.UP_TO_INCLUDED: "{low:g} to {high:g} {unit}",
    Rule.ABOVE: ">{limit:g} {unit}",
    Rule.CALCIFIED: "{label} is calcified, in a pattern that is not known, and taken as solid; complete, central, popcorn or concentric-ring calcification would be {outcome}",
    Rule.PROBABILITY_UNKNOWN: "the probability of {label} depends on inputs that are not known",
    Rule.COMPONENT_DECIDES_ROW: "the size of the solid component of {label} is not known; it decides the row",
    Rule.COMPONENT_DECIDES_CATEGORY: "the size of the solid component of {label} is not known; it decides the category",
    Rule.MODEL_NOT_APPLIED: "the publication's own model was not applied to {label}; from 50 % on it makes category 4",
    Rule.NOT_COVERED: "{guideline} {edition} does not cover what was found",
    Rule.NOT_SOLID: "{label} is {composition}: the volumes of this protocol are for solid nodules",
    Rule.VOLUME_UNKNOWN: "the volume of {label} is not known",
    Rule.VOLUME_CHANGE: "volume {percent:+.0f} % in {days:.0f} days",
    Rule.VOLUME_NOT_GROWN: "{change}: {verdict}",
    Rule.VOLUME_DOUBLING: "{change}, doubling time {days:.0f} days",
    Rule.BY_VOLUME: "{label}, {composition}, {mm3:g} mm³",
    Rule.SPICULATION: "spiculation",
    Rule.NAME: "{label}",
    Rule.MEAN: "{label}, {composition}, mean {mm} mm",
    Rule.MEAN_AND_GAIN: "{label}, {composition}, mean {mm} mm, {gain:+.1f} mm at most",
    Rule.ROW: "{row}",
    Rule.PART_SOLID_COMPONENT: "part-solid {limit:g} mm or more with a solid component of {band}",
    Rule.COMPONENT_IN_BAND: "{band}, {when}",
    Rule.MEASURED_BENIGN_PATTERN: "calcium of a benign pattern, or fat, of {label} is a measurement; no reader has confirmed it",
    Rule.MEASURED_JUXTAPLEURAL: "the smooth juxtapleural shape of {label} is a measurement; no reader has confirmed it",
    Rule.LEFT_OPEN: "a nodule that is not covered leaves it open",
    Rule.STAYS_POSITIVE: "{change}, and still >{limit:g} mm³",
    LungRadsRule.BENIGN: "{label}: benign features (benign calcification or fat)",
    LungRadsRule.PROVEN_BENIGN: "{label}: proven benign after work-up",
    LungRadsRule.SIZE: "{label}, {composition}, {size} {unit}",
    LungRadsRule.SIZE_AND_COMPONENT: "{label}, {composition}, {size} {unit}, solid component {component} {unit}",
    LungRadsRule.SIZE_WITHOUT_COMPONENT: "{label}, {composition}, {size} {unit}, solid component not measured",
    LungRadsRule.JUXTAPLEURAL: "smooth juxtapleural, <{limit:g} mm, baseline or new",
    LungRadsRule.GROUND_GLASS: "ground-glass {band}, baseline or new",
    LungRadsRule.SOLID_BASELINE: "solid {band}, baseline",
    LungRadsRule.SOLID_NEW: "new solid {band}",
    LungRadsRule.SOLID_GROWING: "growing solid {band}, {pace}",
    LungRadsRule.PART_SOLID_SMALL: "part-solid, total {total}, baseline",
    LungRadsRule.PART_SOLID_BASELINE: "part-solid, total {total} with a solid component of {band}, baseline",
    LungRadsRule.PART_SOLID_NEW_SMALL: "new part-solid, total {total}",
    LungRadsRule.COMPONENT: "new or growing solid component of {band}",
    LungRadsRule.SLOW: "slow growth (note 8{mark}): {pace}",
    LungRadsRule.SLOW_ONCE: "{row}, by its size (note 5): {pace}, over more than 12 months and since one earlier CT, where note 8 asks for growth over several",
    LungRadsRule.STANDS: "{because}, which does not take back what was found",
    LungRadsRule.IN_TOTAL: "{row}; {pace} in total but not in its solid component, which the table does not list",
    LungRadsRule.GROUND_GLASS_FOLLOWED: "ground-glass {band}, {pace}",
    LungRadsRule.GROUND_GLASS_GROWING: "ground-glass {band}, {pace}, which the table does not list",
    LungRadsRule.EARLIER_SAYS_NOTHING: "{row}; the earlier category {category} says nothing of this nodule",
    LungRadsRule.BY_SIZE: "{row}, by its size though it did not grow",
    LungRadsRule.STEPPED: "category {category} {days:.0f} days before, {pace}",
    LungRadsRule.PACE: "{pace} ({gain:+.1f} mm in {days:.0f} days)",
    LungRadsRule.RAISED: "{because} (category {category}), with {features}",
    LungRadsRule.DOUBLED: "ground glass that doubled within 12 months",
    LungRadsRule.LYMPHADENOPATHY: "lymphadenopathy",
    LungRadsRule.METASTATIC_DISEASE: "metastatic disease",
    LungRadsRule.NOT_SPICULATED: "{label} is taken as not spiculated, which would make 4X",
    LungRadsRule.NOT_JUXTAPLEURAL: "{label} is not taken as a smooth juxtapleural nodule, which would be category 2",
    LungRadsRule.EARLIER_DERIVED: "the earlier category of {label} is not known and was derived from its earlier sizes",
    LungRadsRule.DOUBLED_STAYS: "{label} doubled within 12 months, and stays 2 as ground glass of its size",
    LungRadsRule.BASELINE: "read as a baseline: no earlier CT was compared",
    LungRadsRule.NOT_RULED_OUT: "lymphadenopathy and metastatic disease were not both ruled out; either makes 4X",
    LungRadsRule.NOT_INFECTION: "new {nodules}: infection is not taken as the cause, which would be category 0 (note 10a)",
    LungRadsRule.CANCER_FAVOURED: "infection is suspected but cancer favoured: a nodule of the size of 4B is 4B (note 10b)",
    LungRadsRule.INFECTION: "findings suggest an infectious or inflammatory process",
    LungRadsRule.MANY_NEW: "{new} new nodules, more than {limit}, suggest an infectious process (note 10a)",
    LungRadsRule.NOT_EVALUABLE: "part or all of the lungs cannot be evaluated",
    LungRadsRule.PRIOR_LOCATED: "a prior chest CT is being located (temporary, note 9{mark})",
    LungRadsRule.WITHOUT_THAT: "without that, category {found}: {because}",
    LungRadsRule.OTHER_FINDING: "{because}; a significant other finding was stated",
    LungRadsRule.ANY_OF: "{categories}",
    LungRadsRule.AIRWAY: "airway nodule, {site}, {status}",
    LungRadsRule.AIRWAY_AIR: "{where}: contains air, which favours secretions",
    LungRadsRule.AIRWAY_AIR_STAYS: "{where}: contains air, but persists (note 11d)",
    LungRadsRule.AIRWAY_TUBULAR: "{where}: multiple tubular",
    LungRadsRule.AIRWAY_TUBULAR_BENIGN: "{where}: multiple tubular, taken as benign; if infection is suspected the category is 0",
    LungRadsRule.CYST: "cyst, {kind}, {change}",
    LungRadsRule.CYST_NOT_CLASSIFIED: "{where}: not classified",
    LungRadsRule.CYST_INTERVAL_UNKNOWN: "{where}: the interval is not known, so category {category} stays",
    LungRadsRule.CYST_STEPPED: "{where}: category {category} {days:.0f} days before",
    FleischnerRule.NOT_FOR: "Fleischner Society {edition} is not for {reasons}",
    FleischnerRule.SCREENING: "a screening examination",
    FleischnerRule.YOUNGER: "patients younger than {years:g} years",
    FleischnerRule.CANCER: "patients with a known primary cancer",
    FleischnerRule.IMMUNOSUPPRESSION: "patients with immunosuppression",
    FleischnerRule.IS_OLD_ENOUGH: "the patient is {years:g} years or older",
    FleischnerRule.NO_CANCER: "there is no known primary cancer",
    FleischnerRule.NOT_IMMUNOSUPPRESSED: "the patient is not immunosuppressed",
    FleischnerRule.INCIDENTAL: "the nodules are incidental, not of a screening examination",
    BtsRule.FOR_ADULTS: "BTS {edition} is for adults",
    BtsRule.PERIFISSURAL: "{label}: typical perifissural or subpleural nodule",
    BtsRule.VOLUME: "{label}, {composition}, {mm3:.0f} mm³",
    BtsRule.DIAMETER: "{label}, {composition}, largest diameter {mm:.1f} mm",
    BtsRule.AND_ALSO: "{first}; {second}",
    BtsRule.BROCK: "Brock {probability}",
    BtsRule.HERDER: "Herder {probability}",
    BtsRule.PROBABILITY: "{percent} %",
    BtsRule.PROBABILITY_RANGE: "{low} to {high} %",
    BtsRule.BUT_NEW: "{band} but new",
    BtsRule.FIRST_SEEN: "{change}, first seen {days:.0f} days ago",
    BtsRule.STABLE_BY_VOLUME: "{change}: stable for {days:.0f} days by volume",
    BtsRule.STABLE_BY_DIAMETER: "{change}: stable for {days:.0f} days by diameter",
    BtsRule.SUBSOLID: "subsolid {band}",
    BtsRule.SUBSOLID_BUT_NEW: "subsolid {band} but new",
    BtsRule.ALTERED: "{gain:+.1f} mm, or a new or growing solid component",
    BtsRule.SUBSOLID_SMALL: "subsolid <{limit:g} mm, {gain:+.1f} mm",
    BtsRule.CONCERNING: "persistent, concerning morphology ({features})",
    BtsRule.PERSISTENT: "persistent, stable ({gain:+.1f} mm); {model}",
    BtsRule.NOT_PERIFISSURAL: "{label} is not taken as a typical perifissural nodule, which would be discharged",
    BtsRule.NOT_CONCERNING: "the morphology of {label} is taken as not concerning",
    ChoiceRule.NOT_STATED: "it was not stated whether this is a screening or an incidental finding",
    ChoiceRule.APPLIES: "{context}, {where}",
    ChoiceRule.EXCLUDED: "{context}, {where}: Fleischner Society 2017, which is not for {reasons}",
    ChoiceRule.SCREENING: "screening",
    ChoiceRule.INCIDENTAL: "an incidental finding",
    ChoiceRule.REGION: "region {region}",
    ChoiceRule.NO_REGION: "no region given, so as in region {region}",
}
"""Rules and assumptions; facts stand in braces. `mark` follows what was not verified."""

TERMS: Mapping[str, str] = {
    Outcome.CATEGORY_0: "category 0",
    Outcome.CATEGORY_1: "category 1",
    Outcome.DISCHARGE: "discharge",
    Outcome.NEGATIVE: "negative",
    Outcome.WITHOUT_FOLLOW_UP: "without follow-up",
    Pace.SLOW: "slowly growing",
    **{guideline.value: name for guideline, name in SCHEMES.items()},
}
"""Facts that are not printed as they are written."""

JOINT = ", "
JOINTS: Mapping[enum.StrEnum, str] = {
    Rule.EITHER: "; or ",
    LungRadsRule.ANY_OF: " or ",
    JoinedTexts.MANAGEMENT: "; ",
}
"""Between the parts of a list."""

OF_CATEGORY = "{category}: {text}"
NO_MANAGEMENT = "none given"
OTHER_FINDING = "; S: as appropriate to the other finding"
IN_SHORT = "{scheme} {edition}: {category}. {management}."
ONE_OF = "one of {categories}"
OR = ", "
NOTHING = "none"
DUE_ON = "; next CT due {early}"
DUE_BETWEEN = "; next CT due {early} to {late}"
OF_NODULE = "{label}: {category}{due}{dominant}. {because}."
DOMINANT = "; decides the examination"

CHOSEN, NOT_CHOSEN = "applicable", "not chosen as applicable"
IN_FULL = "{scheme} {edition} ({chosen}){short} Because: {because}."
ASSUMED, AND = " Assumed: {}.", "; "
NO_GUIDELINE, APPLIES = "None", "{name}: {because}."
"""What a structured report says of each guideline, in one paragraph."""


def name(label: str) -> str:
    """The name of a nodule, which is that of the report's measurement groups."""
    return label
