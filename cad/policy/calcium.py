"""Limits: which scans are scored for coronary calcium, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class CalciumSuitabilityPolicy:
    """On which scans coronary calcium is scored, and what is said of it."""

    unenhanced_to_hu: float = 70.0
    """Blood up to here holds no contrast medium, whatever the header says: blood without it has 30 to 60 HU by its
    haematocrit, and 70 HU leaves 60 HU to the threshold of calcium."""
    enhanced_from_hu: float = 90.0
    """Blood from here on is enhanced, whatever the header says: no haematocrit reaches it. Between both values the
    header decides, and when it is silent nothing is scored. The eight real scans of docs/calcium.md have 37
    to 43 HU without and 136 HU or more with contrast medium."""
    noise_caveat_sd_hu: float = 23.0
    """The noise that calcium scans of large patients aim at, 20 HU in small ones (McCollough et al., Radiology 2007,
    [abstract] for the rule, [unverified] for the two values)."""
    noise_max_sd_hu: float = 35.0
    """In digital blood of 40 HU, noise of 35 HU alone gives 75 to 340 false lesions in 700 ml, of 23 HU at most three
    (docs/calcium.md): beyond this, calcium cannot be told from it even along the arteries alone."""
    metal_from_hu: float = 2300.0
    """Denser than calcium: the densest in the shared scans is a lymph node of 1923 HU, plaques stay below 1500 HU;
    clips, leads and valves reach the end of the scale, 3071 HU. Fine stents stay below, and are not told from
    calcium."""
    metal_min_mm3: float = 10.0
    """Four voxels of 0.8 × 0.8 × 3 mm: less may be a damaged pixel."""
    metal_margin_mm: float = 15.0
    """Metal in the heart gives no score; nearer than this to it, the wires of a sternotomy, a caveat."""
    heart_ml: tuple[float, float] = (20.0, 2500.0)
    """A newborn's heart to a much enlarged one with its pericardium, as far as it is in view."""

    heart_field_mm: float = 250.0
    """Fields of view up to here are those of cardiac scans, in which lungs may not be told; a chest is wider."""

    min_flanked: float = 0.3
    """Share of the heart's slices with a lung on both sides: a chest after removal of one lung has the rest of it."""

    min_coverage: float = 0.9
    """With less of the heart in view there is no score: what is missing may hold the only plaque (lungcad's choice)."""
    full_coverage: float = 0.98
    """Below, it is said that the score may be too low."""
    kvp: float = 120.0
    """The threshold of 130 HU and the weights belong to this tube voltage. At others the score is given with a caveat
    and not corrected: published corrections hold for one scanner each (147 HU at 100 kVp is one, [unverified])."""
    thickest_mm: float = 3.5
    """Thicker slices blur small plaques below the threshold; 3 mm slices may be written as 3.27 mm."""
    sharp_kernel_from: int = 60
    """Siemens names kernels by their sharpness (B31f, Br40, Qr36, Bl57): from 60 on they are for lung and bone."""
    sharp_kernels: tuple[str, ...] = ("BONE", "LUNG", "EDGE", "SHARP", "YA", "YB", "YC", "YD", "FC5", "FC8")
    """Beginnings of the names of sharp kernels of GE, Philips (YA to YD) and Canon (FC5x, FC8x). [unverified]"""


@dataclass(frozen=True, slots=True)
class CalciumPolicy:
    """How coronary calcium is scored (Agatston et al., JACC 1990, on non-gated scans) and what follows from it."""

    threshold_hu: float = 130.0
    """A voxel of at least this value is calcium; Agatston's paper and most readers say "130 or more"."""
    min_area_mm2: float = 1.0
    """A lesion smaller than this in a slice does not count in that slice (Agatston 1990)."""
    weights: tuple[tuple[float, int], ...] = ((130.0, 1), (200.0, 2), (300.0, 3), (400.0, 4))
    """The weight of a lesion in a slice, from each highest value on (Agatston 1990)."""
    reference_increment_mm: float = 3.0
    """Agatston's scans had contiguous slices of 3 mm: other distances of slices count by their share of it."""
    connectivity: Literal[4, 8] = 8
    """Whether pixels that touch at a corner belong to one lesion of a slice: with 8 they do. Open implementations
    differ; this one is named in the variant of every score."""
    averaged_below_mm: float = 2.4
    """Slices nearer to each other than this are averaged first; 2.5 and 3 mm are scored as they are."""
    averaged_to_mm: float = 3.0
    """Averaged to the distance for which the score was made: thin slices are too noisy to be scored (3 mm did better,
    Xu et al. [abstract])."""

    repeat_limit: float = 4.93
    """Repeated scans of one patient differ by up to so many times the square root of the Agatston score in 95 %
    (Sevrukov et al., AJR 2005, electron-beam CT [unverified]); where the slices happen to lie may add to it."""

    heart_margin_mm: float = 10.0
    """Lesions this near to the heart are looked at: the error of its outline and the width of the epicardial fat."""
    aorta_margin_mm: float = 4.0
    """The same for the aorta: its wall is 2 mm thick, and the spine lies close."""
    bone_reach_mm: float = 25.0
    """How far around that bone is looked for: what reaches out of this box is bone, or joined to it."""
    min_share_near: float = 0.5
    """Of a lesion, this part must lie near heart or aorta."""
    divide_from_mm: float = 12.0
    """A lesion of the left arteries at least so long may run from one into the next: longer than the main stem is wide
    and blurred, so that it cannot lie in one place alone (lungcad's choice)."""
    divide_near_mm: float = 8.0
    """It is divided by the nearest course only where the courses lie about so near (their own error)."""
    divide_least_share: float = 0.25
    """And only where each part holds this much of it; less is within the error of the fork's place."""
    max_lesion_mm3: float = 30000.0
    """Larger ones are no lesion; a calcified mitral ring may have 20 ml."""

    tiers: tuple[float, float] = (100.0, 400.0)
    """The common four tiers: 0, up to 99, 100 to 399, 400 and more [abstract]. A total between 99 and 100 is below 100:
    scores are not rounded before they are compared."""
    tier_scheme: str = "Agatston tiers 0 / 1-99 / 100-399 / >=400"
    cac_drs: tuple[float, float] = (100.0, 300.0)
    """CAC-DRS: A0 none, A1 up to 99, A2 100 to 299, A3 300 and more, /N with the number of arteries that hold any."""
    cac_drs_scheme: str = "CAC-DRS"
    very_high_from: float = 1000.0
    """From here on a score is called very high (Peng et al., Circulation 2021, a group of its own [abstract]). No
    society calls a calcium score a critical result, so none is said to be one."""
    suitability: CalciumSuitabilityPolicy = CalciumSuitabilityPolicy()
    """Which scans are scored."""
