"""Coefficients of the published models of malignancy, with their papers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Brock2bPolicy:
    """Coefficients of the Brock (PanCan) model 2b, the full model with spiculation."""

    version: str = "2b (full, with spiculation)"
    """McWilliams et al., N Engl J Med 2013; coefficients as printed in table 2 of PMC6717521, where the uncentred
    constant 0.2761 confirms the centring (0.27607)."""
    constant: float = -6.7892
    per_year: float = 0.0287
    female: float = 0.6011
    family_history_lung_cancer: float = 0.2961
    emphysema: float = 0.2953
    size: float = -5.3854
    part_solid: float = 0.377
    ground_glass: float = -0.1276
    upper_lobe: float = 0.6581
    per_nodule: float = -0.0824
    spiculated: float | None = 0.7729
    """Log odds; solid is the reference. `size` multiplies (d / 10 mm) ^ -0.5 less its centre."""
    centre_age_years: float = 62.0
    centre_nodule_count: float = 4.0
    """Subtracted from the age and from the number of nodules of the examination."""
    size_exponent: float = -0.5
    centre_size: float = 1.58113883
    """(4 mm / 10 mm) ^ -0.5: the centring of the size. Nothing is subtracted from the diameter itself."""


@dataclass(frozen=True, slots=True)
class Brock2aPolicy(Brock2bPolicy):
    """Coefficients of the Brock model 2a, without spiculation; centring as in 2b."""

    version: str = "2a (full, without spiculation)"
    """McWilliams et al., N Engl J Med 2013; coefficients as given at medicalalgorithms.com, whose advice to subtract
    4 mm from the diameter is wrong."""
    constant: float = -6.8071
    per_year: float = 0.0321
    female: float = 0.5635
    family_history_lung_cancer: float = 0.3013
    emphysema: float = 0.3462
    size: float = -5.6693
    part_solid: float = 0.3395
    ground_glass: float = -0.3055
    upper_lobe: float = 0.7116
    per_nodule: float = -0.0803
    spiculated: float | None = None
    """Log odds; None: not part of the model."""


@dataclass(frozen=True, slots=True)
class MayoPolicy:
    """Coefficients of the Mayo Clinic model."""

    version: str = "1997"
    """Swensen et al., Arch Intern Med 1997. PMC6717521 prints the constant as -6.872 and oncotoolkit as -6.8238:
    both are misprints."""
    constant: float = -6.8272
    per_year: float = 0.0391
    ever_smoker: float = 0.7917
    extrathoracic_cancer: float = 1.3388
    per_mm: float = 0.1274
    spiculated: float = 1.0407
    upper_lobe: float = 0.7838
    """Log odds. `extrathoracic_cancer`: diagnosed more than five years ago."""
    low_below: float = 0.05
    high_above: float = 0.65
    """Low, intermediate and high probability: below 5 %, 5 to 65 %, above 65 % (ACCP 2013 and Chinese consensus)."""


@dataclass(frozen=True, slots=True)
class HerderPolicy:
    """Coefficients of the Herder model, which adds FDG uptake to the Mayo probability."""

    version: str = "2005 [unverified]"
    """Herder et al., Chest 2005. [unverified]: the coefficients were not read in the source."""
    constant: float = -4.739
    mayo_probability: float = 3.691
    uptake: tuple[tuple[str, float], ...] = (("none", 0.0), ("faint", 2.322), ("moderate", 4.617), ("intense", 4.771))
    """Log odds by the uptake on PET, against the mediastinal blood pool. [unverified]"""


@dataclass(frozen=True, slots=True)
class RiskPolicy:
    """How the malignancy models are applied."""

    brock: Brock2bPolicy = Brock2bPolicy()
    brock_without_spiculation: Brock2aPolicy = Brock2aPolicy()
    mayo: MayoPolicy = MayoPolicy()
    herder: HerderPolicy = HerderPolicy()
    """The published models."""
    diameter: Literal["long", "mean"] = "long"
    """"long" or "mean". PanCan measured the largest diameter on CT, and Mayo one diameter. [unverified]"""
    lingula_is_upper_lobe: bool = True
    """Whether the lingula counts as upper lobe; the publications do not say. [unverified]"""
    unknown_age_range_years: tuple[float, float] = (18.0, 100.0)
    """The range over which an unknown age is varied: any adult."""
