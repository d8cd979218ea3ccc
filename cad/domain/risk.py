"""The risk of malignancy of a nodule by each model."""

from __future__ import annotations

from dataclasses import dataclass

from cad.domain.nodules import AxisLengths, Composition
from cad.domain.not_assessed import NotAssessed
from cad.domain.patient import FdgUptake


@dataclass(frozen=True, slots=True)
class RiskInputs:
    """One nodule as the malignancy models see it; `nodule_count` is that of the examination."""

    axes: AxisLengths
    composition: Composition
    nodule_count: int
    upper_lobe: bool | None = None
    spiculated: bool | None = None
    fdg_uptake: FdgUptake | None = None


@dataclass(frozen=True, slots=True)
class MalignancyRisk:
    """The probability of cancer of one nodule by a published model, as a range over the inputs that are unknown.

    `inputs` are the known ones, by name. `band` is the model's own word for the probability, when it has one and the
    whole range lies in it.
    """

    model: str
    version: str
    range: tuple[float, float]
    unknown: tuple[str, ...]
    inputs: tuple[tuple[str, str | float | bool], ...]
    band: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.range[0] <= self.range[1] <= 1:
            raise ValueError(f"a probability range must rise within 0..1, not {self.range}")

    @property
    def value(self) -> float | None:
        """The probability; None when the unknown inputs make a difference."""
        return self.range[0] if self.range[0] == self.range[1] else None


@dataclass(frozen=True, slots=True)
class NoduleRisks:
    """Every malignancy model of one nodule."""

    tracking_uid: str
    brock: MalignancyRisk | NotAssessed
    brock_without_spiculation: MalignancyRisk | NotAssessed
    mayo: MalignancyRisk | NotAssessed
    herder: MalignancyRisk | NotAssessed
