"""How well lungs are found in chests that were changed: overlap with the true outline, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cad.domain import LungMask, Volume
from cad.errors import Refusal
from cad.geometry import dice
from models.training.figures.chests import CHESTS, VariedChest, without_lungs

EMPTY = ("abdomen", "water", "couch alone")
"""Inputs without lungs, which must be refused."""

SegmentLungs = Callable[[Volume], LungMask]


@dataclass(frozen=True, slots=True)
class ChestReading:
    """One changed chest: its scan and change, the overlap (Dice) with the truth of both lungs together and of the
    worse one with its side, and how much of what was put in lies in the lungs. Refused: all are None."""

    scan: str
    change: str
    dice: float | None
    worse_side: float | None
    put_in_held: float | None

    @property
    def is_refused(self) -> bool:
        """Whether no lungs were found."""
        return self.dice is None


def chest_readings(
    scans: Mapping[str, tuple[Volume, LungMask]], segment: SegmentLungs, copies: int, seed: int
) -> Iterator[ChestReading]:
    """Each scan under each change, `copies` times, and inputs without lungs once a scan."""
    for name, (volume, lungs) in scans.items():
        whole = VariedChest(volume, lungs.labels)
        for change, make in CHESTS.items():
            for copy in range(copies):
                rng = np.random.default_rng([seed, copy, *change.encode(), *name.encode()])
                yield _read(name, change, make(whole, rng), segment)
        for kind in EMPTY:
            yield _read(name, kind, without_lungs(whole, kind, np.random.default_rng([seed, *kind.encode()])), segment)


def _read(scan: str, change: str, chest: VariedChest, segment: SegmentLungs) -> ChestReading:
    try:
        found = segment(chest.volume).labels
    except Refusal:
        return ChestReading(scan, change, None, None, None)
    sides = [dice(found == side, chest.lungs == side) for side in (1, 2) if (chest.lungs == side).any()]
    held = None if chest.put_in is None else float(np.mean(found[chest.put_in] > 0))
    return ChestReading(scan, change, dice(found > 0, chest.lungs > 0), min(sides, default=0.0), held)


@dataclass(frozen=True, slots=True)
class ChestSummary:
    """The readings of one change: how many, how many refused, mean and least Dice, and least of what was put in."""

    change: str
    chests: int
    refused: int
    mean_dice: float
    least_dice: float
    least_side: float
    least_held: float | None


def summarised(readings: Sequence[ChestReading]) -> list[ChestSummary]:
    """One row for each change, and one for all chests that have lungs."""
    kinds = dict.fromkeys(r.change for r in readings)
    rows = [_summary(kind, [r for r in readings if r.change == kind]) for kind in kinds]
    return [*rows, _summary("all with lungs", [r for r in readings if r.change not in EMPTY])]


def _summary(name: str, readings: Sequence[ChestReading]) -> ChestSummary:
    dice = [r.dice for r in readings if r.dice is not None]
    sides = [r.worse_side for r in readings if r.worse_side is not None]
    held = [r.put_in_held for r in readings if r.put_in_held is not None]
    return ChestSummary(
        name,
        chests=len(readings),
        refused=sum(r.is_refused for r in readings),
        mean_dice=float(np.mean(dice)) if dice else float("nan"),
        least_dice=min(dice, default=float("nan")),
        least_side=min(sides, default=float("nan")),
        least_held=min(held, default=None),
    )
