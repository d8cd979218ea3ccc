"""Sizes in the measure that the policy chose, diameter or volume, and the table's limits in it."""

from __future__ import annotations

from collections.abc import Sequence

from cad.domain import Composition, NoduleSize, Phrase, rounded
from cad.geometry import sphere_diameter_mm
from cad.policy import LungRadsPolicy
from cad.policy.guidelines.rules import LungRadsRule
from cad.science.guidelines.sizes import Band, band, mean_mm

SOLID_THROUGHOUT = (Composition.SOLID, Composition.CALCIFIED)


def total_size(size: NoduleSize, policy: LungRadsPolicy) -> float:
    """Mean diameter in mm or volume in mm³, rounded as Lung-RADS asks for it.

    Raises ValueError when the policy measures by volume and there is none.
    """
    if policy.measure == "diameter":
        return mean_mm(size.axes, policy.axis_decimals, policy.mean_decimals)
    if size.volume_mm3 is None:
        raise ValueError("the policy measures by volume, and the nodule has none; measure by diameter instead")
    return rounded(size.volume_mm3, policy.volume_decimals)


def solid_size(size: NoduleSize, policy: LungRadsPolicy) -> float | None:
    """The size of the solid component: 0 in ground glass, the whole of a solid nodule, None when not measured."""
    if size.composition in SOLID_THROUGHOUT:
        return total_size(size, policy)
    if size.composition is Composition.GROUND_GLASS:
        return 0.0
    if policy.measure == "diameter":
        axes = size.solid_axes
        return None if axes is None else mean_mm(axes, policy.axis_decimals, policy.mean_decimals)
    return None if size.solid_volume_mm3 is None else rounded(size.solid_volume_mm3, policy.volume_decimals)


def total_mm(size: NoduleSize, policy: LungRadsPolicy) -> float:
    """The diameter by which growth is judged: the mean diameter, or that of the sphere of the volume."""
    return _as_diameter(total_size(size, policy), policy)


def solid_mm(size: NoduleSize, policy: LungRadsPolicy) -> float | None:
    """The same of the solid component; None when it was not measured."""
    solid = solid_size(size, policy)
    return None if solid is None else _as_diameter(solid, policy)


def _as_diameter(size: float, policy: LungRadsPolicy) -> float:
    return size if policy.measure == "diameter" else sphere_diameter_mm(size)


def limits(limits_mm: Sequence[float], policy: LungRadsPolicy) -> tuple[float, ...]:
    """Limits of the table in the policy's measure."""
    if policy.measure == "diameter":
        return tuple(limits_mm)
    volumes = dict(policy.sphere_volumes_mm3)
    return tuple(volumes[limit] for limit in limits_mm)


def table_band(size: float, limits_mm: Sequence[float], policy: LungRadsPolicy) -> Band:
    """Which of the table's bands a size is in."""
    return band(size, limits(limits_mm, policy), unit(policy))


def unit(policy: LungRadsPolicy) -> str:
    """The unit of the policy's measure."""
    return "mm" if policy.measure == "diameter" else "mm³"


def describe(label: str, size: NoduleSize, policy: LungRadsPolicy) -> Phrase:
    """A nodule with its composition and sizes, rounded."""
    decimals = policy.mean_decimals if policy.measure == "diameter" else policy.volume_decimals
    facts = {"label": label, "size": f"{total_size(size, policy):.{decimals}f}", "unit": unit(policy)}
    if size.composition is not Composition.PART_SOLID:
        return Phrase(LungRadsRule.SIZE, composition=size.composition, **facts)
    solid = solid_size(size, policy)
    if solid is None:
        return Phrase(LungRadsRule.SIZE_WITHOUT_COMPONENT, composition=size.composition, **facts)
    component = f"{solid:.{decimals}f}"
    return Phrase(LungRadsRule.SIZE_AND_COMPONENT, composition=size.composition, component=component, **facts)
