"""How well volumes are measured on digital nodules: bias and repeatability by cell, and the interval that follows.

`python -m models.training.measuring` writes `docs/measurement.md` anew; it takes some minutes. The coefficients that
`fit_interval` finds are the `interval_…` values of `cad.policy.NodulePolicy`, which it names when they differ.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.optimize import nnls

from cad.domain import Marks, Nodule
from cad.geometry import sphere_diameter_mm
from cad.policy import NodulePolicy
from cad.science.nodules import characterise
from models.training.phantom.nodules import SyntheticNodule
from models.training.repeats import (
    GROUND_GLASS_HU,
    KERNELS,
    NOISE_HU,
    PIXEL_MM,
    SLICES_MM,
    SOLID_HU,
    Kernel,
    Protocol,
    Repeat,
    a_lobulated,
    an_ellipsoid,
    repeats,
)

DOCUMENT = Path(__file__).parents[2] / "docs" / "measurement.md"
DIAMETERS_MM = (4.0, 6.0, 8.0, 12.0, 20.0)
KINDS = {"solid": SOLID_HU, "ground glass": GROUND_GLASS_HU}
REPEATS = 6
ELONGATION = 0.25
"""Half of the repeats are balls, half ellipsoids whose longest axis is 1.65 times the shortest."""

BOUND_FROM_MM = 6.0
MAX_BIAS = 0.05
MAX_VARIATION = 0.08


@dataclass(frozen=True, slots=True)
class Cell:
    """One kind of nodule under one kind of protocol, for every noise."""

    kind: str
    diameter_mm: float
    slice_mm: float
    kernel: Kernel
    read: bool = False
    """Whether a network's reading is at hand."""


@dataclass(frozen=True, slots=True)
class Performance:
    """Mean error of the volume and its standard deviation over the repeats, both as a part of the true volume."""

    bias: float
    variation: float

    @property
    def within_bounds(self) -> bool:
        """Whether bias and variation are those that are asked for from 6 mm up."""
        return abs(self.bias) <= MAX_BIAS and self.variation <= MAX_VARIATION


def measured(repeat: Repeat, read: bool, policy: NodulePolicy) -> Nodule:
    """The nodule of a repeat as lungcad measures it, with or without the network's reading."""
    marks = Marks((repeat.candidate,), (repeat.reading,) if read else ())
    (nodule,) = characterise(repeat.volume, repeat.lungs, marks, policy, "repeat")
    return nodule


def performance(cell: Cell, count: int, policy: NodulePolicy) -> dict[float, Performance]:
    """Bias and variation of a cell by noise in HU, from `count` repeats. The same cell always gives the same."""
    rng = np.random.default_rng([round(10 * cell.diameter_mm), round(100 * cell.slice_mm), KERNELS.index(cell.kernel)])
    ratios: dict[float, list[float]] = {noise_hu: [] for noise_hu in NOISE_HU}
    for number in range(count):
        nodule = an_ellipsoid(cell.diameter_mm, KINDS[cell.kind], rng, ELONGATION * (number % 2))
        for noise_hu, repeat in zip(NOISE_HU, repeats(nodule, cell.slice_mm, cell.kernel, NOISE_HU, rng), strict=True):
            ratios[noise_hu].append(measured(repeat, cell.read, policy).volume_mm3 / repeat.true_mm3)
    return {
        noise_hu: Performance(float(np.mean(seen)) - 1, float(np.std(seen, ddof=1) / np.mean(seen)))
        for noise_hu, seen in ratios.items()
    }


# -- the interval ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pair:
    """Two measurements of one nodule by the same protocol, and what the error of the first grows with."""

    per_slice: float
    per_noise: float
    error: float
    """Log of the first volume over the true one."""
    change: float
    """Log of the second volume over the first."""
    in_interval: tuple[bool, bool]
    """Whether the first one's interval holds the true and the second volume."""


def pairs(count: int, lobulated: bool, seed: int, policy: NodulePolicy) -> tuple[Pair, ...]:
    """Pairs over random sizes of 4 to 20 mm, attenuations, protocols, and readings at hand or not."""
    rng = np.random.default_rng(seed)
    return tuple(_pair(lobulated, rng, policy) for _ in range(count))


def _pair(lobulated: bool, rng: np.random.Generator, policy: NodulePolicy) -> Pair:
    hu = float(rng.uniform(0, 80) if rng.random() < 0.6 else rng.uniform(-680, -500))
    diameter_mm = float(np.exp(rng.uniform(math.log(4), math.log(20))))
    nodule = a_lobulated(diameter_mm, hu, rng) if lobulated else an_ellipsoid(diameter_mm, hu, rng, ELONGATION)
    kernel = Kernel("any", float(rng.uniform(0.4, 0.7)))
    if rng.random() < 0.4:
        kernel = Kernel("any", float(rng.uniform(0.35, 0.45)), gain=float(rng.uniform(0.3, 1.2)))
    protocol = Protocol(float(rng.uniform(0.6, 2.5)), kernel, float(rng.uniform(8, 35)))
    read = bool(rng.random() < 0.5)
    one, other = _imaged_twice(nodule, protocol, rng)
    first, second = measured(one, read, policy), measured(other, read, policy)
    noise_alone = replace(
        policy, interval_least=0, interval_per_slice=0, interval_per_noise=1, interval_clipped_factor=1
    )
    low, high = _interval(first)
    return Pair(
        per_slice=(protocol.slice_mm / sphere_diameter_mm(first.volume_mm3)) ** 2,
        per_noise=math.log(_interval(measured(one, read, noise_alone))[1] / first.volume_mm3),
        error=math.log(first.volume_mm3 / one.true_mm3),
        change=math.log(second.volume_mm3 / first.volume_mm3),
        in_interval=(low <= one.true_mm3 <= high, low <= second.volume_mm3 <= high),
    )


def _interval(nodule: Nodule) -> tuple[float, float]:
    assert nodule.measures is not None
    return nodule.measures.volume_interval_mm3


def _imaged_twice(nodule: SyntheticNodule, protocol: Protocol, rng: np.random.Generator) -> tuple[Repeat, Repeat]:
    def image() -> Repeat:
        return next(repeats(nodule, protocol.slice_mm, protocol.kernel, (protocol.noise_hu,), rng))

    return image(), image()


def fit_interval(sample: Sequence[Pair]) -> tuple[float, float]:
    """`interval_per_slice` and `interval_per_noise` with which half-widths hold 95 % of errors and of changes.

    A non-negative least-squares fit of the absolute errors and changes, scaled until both are held often enough.
    """
    terms = np.array([[pair.per_slice, pair.per_noise] for pair in sample])
    seen = np.abs([[pair.error, pair.change] for pair in sample])
    fitted, _ = nnls(np.concatenate([terms, terms]), seen.T.ravel())
    widths = terms @ fitted
    scale = max(float(np.quantile(seen[:, column] / widths, 0.95)) for column in (0, 1))
    return scale * float(fitted[0]), scale * float(fitted[1])


def coverage(sample: Sequence[Pair]) -> tuple[float, float]:
    """How often the interval of the policy holds the true volume, and that of a repeated examination."""
    held = np.array([pair.in_interval for pair in sample]).mean(axis=0)
    return float(held[0]), float(held[1])


# -- the document ----------------------------------------------------------------------------------------------


def row(kind: str, kernel: Kernel, slice_mm: float, count: int) -> str:
    """One line of the table: bias and variation in % for every diameter, with each noise; bold beyond the bounds."""
    entries = []
    for diameter_mm in DIAMETERS_MM:
        seen = performance(Cell(kind, diameter_mm, slice_mm, kernel), count, NodulePolicy())
        entries.append(", ".join(_entry(diameter_mm, found) for found in seen.values()))
    return "| " + " | ".join((kind, kernel.name, f"{slice_mm:g}", *entries)) + " |"


def _entry(diameter_mm: float, found: Performance) -> str:
    text = f"{100 * found.bias:+.0f} ± {100 * found.variation:.0f}"
    return f"**{text}**" if diameter_mm >= BOUND_FROM_MM and not found.within_bounds else text


def document(count: int) -> str:
    """The whole document, measured anew; it takes some minutes."""
    heads = ("kind", "kernel", "slices mm", *(f"{diameter_mm:g} mm" for diameter_mm in DIAMETERS_MM))
    rows = [row(*line, count) for line in itertools.product(KINDS, KERNELS, SLICES_MM)]
    noises = ", ".join(f"{noise_hu:g}" for noise_hu in NOISE_HU)
    return "\n".join(
        (
            "# How well volumes are measured",
            "",
            f"Digital balls and ellipsoids in lung, {count} of each kind at random places of the grid, with pixels",
            f"of {PIXEL_MM:g} mm and contiguous slices, candidates off by up to 1 mm and 20 % of the diameter. Each",
            f"cell holds mean error ± standard deviation of the volume in %, at a noise of {noises} HU. From",
            f"{BOUND_FROM_MM:g} mm up {100 * MAX_BIAS:g} % of error and {100 * MAX_VARIATION:g} % of deviation are",
            "allowed; what is beyond is bold. Written by `python -m models.training.measuring`.",
            "",
            "| " + " | ".join(heads) + " |",
            "|" + " --- |" * len(heads),
            *rows,
            "",
        )
    )


def main() -> None:
    """Measure everything anew and write the document."""
    DOCUMENT.write_text(document(REPEATS), encoding="utf-8")


if __name__ == "__main__":
    main()
