"""How well volumes are measured on digital nodules: bias and repeatability by cell, and the interval that follows.

`python -m models.training.figures.measurement` writes `docs/measurement.md` anew, in about half an hour of one core.
`python -m models.training.figures.measurement fit` prints the coefficients of `fit_interval`, from which the
`interval_per_…` values of `cad.policy.NodulePolicy` are taken.
"""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.optimize import nnls

from cad.domain import Delineation, Marks, Nodule
from cad.geometry import sphere_diameter_mm
from cad.policy import NodulePolicy
from cad.science.nodules import characterise
from cad.science.nodules.measures import half_width
from models.phantom.nodules import SyntheticNodule
from models.training.figures import growth
from models.training.figures.repeats import (
    CENTRE_ERROR_MM,
    GROUND_GLASS_HU,
    KERNELS,
    NOISE_HU,
    PIXEL_MM,
    SIZE_ERROR,
    SLICES_MM,
    SOLID_HU,
    Kernel,
    Protocol,
    Repeat,
    a_lobulated,
    an_ellipsoid,
    repeats,
)

DOCUMENT = Path(__file__).parents[3] / "docs" / "measurement.md"
DIAMETERS_MM = (4.0, 6.0, 8.0, 12.0, 20.0)
KINDS = {"solid": SOLID_HU, "ground glass": GROUND_GLASS_HU}
REPEATS = {"solid": 10, "ground glass": 4}
"""By kind; the standard deviation of ten is known to about a quarter of itself, that of four to 40 %."""
ELONGATION = 0.25
"""Half of the repeats are balls, half ellipsoids whose longest axis is 1.65 times the shortest."""

FITTED, FIT_SEED = 320, 11
CHECKED, CHECK_SEEDS = 100, (13, 12)
"""Pairs that set the interval, and pairs by which it is checked: each kind of shape with a seed of its own."""

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


def measure(repeat: Repeat, read: bool, policy: NodulePolicy) -> Nodule:
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
            ratios[noise_hu].append(measure(repeat, cell.read, policy).volume_mm3 / repeat.true_mm3)
    return {
        noise_hu: Performance(float(np.mean(seen)) - 1, float(np.std(seen, ddof=1) / np.mean(seen)))
        for noise_hu, seen in ratios.items()
    }


@dataclass(frozen=True, slots=True)
class Pair:
    """Two measurements of one nodule by the same protocol, and what the error of the first grows with."""

    per_slice: float
    per_noise: float
    error: float
    """Log of the first volume over the true one."""
    change: float
    """Log of the second volume over the first."""
    delineation: Delineation
    """How the first extent was found."""

    @property
    def terms(self) -> tuple[float, float]:
        """Both terms, as `half_width` takes them."""
        return self.per_slice, self.per_noise


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
    noise_alone = replace(
        policy, interval_least=0, interval_per_slice=0, interval_per_noise=1, interval_clipped_factor=1
    )
    first, second = measure(one, read, noise_alone), measure(other, read, policy)
    return Pair(
        per_slice=(protocol.slice_mm / sphere_diameter_mm(first.volume_mm3)) ** 2,
        per_noise=math.log(_interval(first)[1] / first.volume_mm3),
        error=math.log(first.volume_mm3 / one.true_mm3),
        change=math.log(second.volume_mm3 / first.volume_mm3),
        delineation=first.delineation,
    )


def _interval(nodule: Nodule) -> tuple[float, float]:
    assert nodule.measures is not None
    return nodule.measures.repeated_mm3


def _imaged_twice(nodule: SyntheticNodule, protocol: Protocol, rng: np.random.Generator) -> tuple[Repeat, Repeat]:
    def image() -> Repeat:
        return next(repeats(nodule, protocol.slice_mm, protocol.kernel, (protocol.noise_hu,), rng))

    return image(), image()


def fit_interval(sample: Sequence[Pair]) -> tuple[float, float]:
    """`interval_per_slice` and `interval_per_noise` with which half-widths hold 95 % of errors and of changes.

    A non-negative least-squares fit of the absolute errors and changes, scaled until both are held often enough, of
    the pairs whose border was seen all around.
    """
    whole = [pair for pair in sample if pair.delineation in (Delineation.SEGMENTED, Delineation.NETWORK)]
    terms = np.array([pair.terms for pair in whole])
    seen = np.abs([[pair.error, pair.change] for pair in whole])
    fitted, _ = nnls(np.concatenate([terms, terms]), seen.T.ravel())
    widths = terms @ fitted
    scale = max(float(np.quantile(seen[:, column] / widths, 0.95)) for column in (0, 1))
    return scale * float(fitted[0]), scale * float(fitted[1])


def coverage(sample: Sequence[Pair], policy: NodulePolicy) -> tuple[float, float]:
    """How often the interval of the policy holds the true volume, and that of a repeated examination."""
    widths = np.array([half_width(pair.terms, pair.delineation, policy) for pair in sample])
    seen = np.abs([[pair.error, pair.change] for pair in sample])
    held = (seen <= widths[:, None]).mean(axis=0)
    return float(held[0]), float(held[1])


def row(kind: str, kernel: Kernel, slice_mm: float) -> str:
    """One line of the table, every cell measured anew."""
    cells = (Cell(kind, diameter_mm, slice_mm, kernel) for diameter_mm in DIAMETERS_MM)
    return "| " + " | ".join((kind, kernel.name, f"{slice_mm:g}", *map(entry, cells))) + " |"


def entry(cell: Cell) -> str:
    """Bias and variation of a cell in %, with each noise; bold beyond the bounds."""
    seen = performance(cell, REPEATS[cell.kind], NodulePolicy()).values()
    return ", ".join(_worded(cell.diameter_mm, found) for found in seen)


def _worded(diameter_mm: float, found: Performance) -> str:
    text = f"{100 * found.bias:+.1f} ± {100 * found.variation:.1f}"
    return f"**{text}**" if diameter_mm >= BOUND_FROM_MM and not found.within_bounds else text


def document() -> str:
    """The whole document, measured anew."""
    heads = ("kind", "kernel", "slices mm", *(f"{diameter_mm:g} mm" for diameter_mm in DIAMETERS_MM))
    rows = [row(*line) for line in itertools.product(KINDS, KERNELS, SLICES_MM)]
    noises = ", ".join(f"{noise_hu:g}" for noise_hu in NOISE_HU)
    return f"""# How well volumes are measured

Digital balls and ellipsoids in lung at random places of the grid, with pixels of {PIXEL_MM:g} mm and contiguous
slices and candidates off by up to {CENTRE_ERROR_MM:g} mm and {100 * SIZE_ERROR:g} % of the diameter: \
{REPEATS["solid"]} solid nodules ({SOLID_HU:g} HU) and {REPEATS["ground glass"]} of ground
glass ({GROUND_GLASS_HU:g} HU) for each cell, half of them ellipsoids whose longest axis is \
{math.exp(2 * ELONGATION):.2f} times the shortest. No network took part.
Kernels: {_kernels()}.
Each cell holds the mean error ± the standard deviation of the volume in %, at a noise of {noises} HU (one pixel's, with
the grain of the kernel; typical of chest CT from full to low dose). From {BOUND_FROM_MM:g} mm up \
{100 * MAX_BIAS:g} % of error and {100 * MAX_VARIATION:g} % of deviation are
asked for; what is beyond is bold. Digital nodules have no vessels, no wall and no ragged border: real ones are measured
worse ([limits.md](limits.md)).

| {" | ".join(heads)} |
|{" --- |" * len(heads)}
{chr(10).join(rows)}

{_bold(rows)}

## The interval

{_interval_text()}

## Growth

{growth.text()}

Written by `python -m models.training.figures.measurement`.
"""


def _kernels() -> str:
    return "; ".join(
        f"{kernel.name}, a Gaussian of {kernel.sigma_mm:g} mm"
        + (f" with edges enhanced by up to {100 * kernel.gain:g} %" if kernel.gain else "")
        for kernel in KERNELS
    )


def _bold(rows: Sequence[str]) -> str:
    """How many of the results from the bound's diameter up are beyond it, by kind."""
    large = sum(diameter_mm >= BOUND_FROM_MM for diameter_mm in DIAMETERS_MM) * len(NOISE_HU)
    counts = []
    for kind in KINDS:
        lines = [line for line in rows if line.startswith(f"| {kind} |")]
        counts.append(f"{sum(line.count('**') for line in lines) // 2} of {len(lines) * large} ({kind})")
    return f"Beyond the bounds: {' and '.join(counts)}."


def _interval_text() -> str:
    policy = NodulePolicy()
    parts = []
    for name, lobulated, seed in (("ellipsoids", False, CHECK_SEEDS[0]), ("lobulated nodules", True, CHECK_SEEDS[1])):
        true, repeated = coverage(pairs(CHECKED, lobulated, seed, policy), policy)
        parts.append(f"of {CHECKED} other {name}, {100 * true:.0f} % and {100 * repeated:.0f} %")
    error = policy.error
    return f"""The half-width of the 95 % interval of the log volume, on repetition by one protocol, is
{policy.interval_per_slice:g} × (slice / diameter)² + {policy.interval_per_noise:g} × noise / contrast × voxel edge / \
diameter, and at least {policy.interval_least:g}.
Fitted to {FITTED} ellipsoids of 4 to 20 mm, imaged twice each, of any attenuation, kernel,
noise and slice, with and without a network's outline. It held the true volume and that of a repeated examination,
{"; ".join(parts)}
(standard error about 2 %).

The interval that is stated with a volume also holds what another grid, kernel or thickness would give: to the
half-width, as squares, {error.protocol:g} + {error.protocol_per_mm:g} mm / diameter is added, \
{error.subsolid_factor:g} times as much for sub-solid nodules. Between two
scans of one protocol it falls out of the change; between others it counts."""


def main(arguments: Sequence[str]) -> None:
    """Measure everything anew and write the document, or fit the interval."""
    if list(arguments) == ["fit"]:
        found = fit_interval(pairs(FITTED, False, FIT_SEED, NodulePolicy()))
        sys.stdout.write(f"{found}\n")
    else:
        DOCUMENT.write_text(document(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
