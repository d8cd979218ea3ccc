"""`lungcad bench-lungs`: changed chests, segmented as the pipeline does it, as a table.

The truth is the outline of the scan before the change, drawn by the same program: this measures what changes do.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from cad.commands.detector_bench import aligned_table
from cad.domain import LungMask, LungReader, Volume
from cad.policy import Policy
from cad.science.lungs import segment_lungs
from dicom_io.read.reading import load_series
from models.lungs.reader import load_lung_reader
from models.training.figures.chest_figures import ChestReading, chest_readings, summarised

SEED = 20261130


@dataclass(frozen=True, slots=True)
class LungsBenchOrder:
    """The scans, how many copies of each, and whether the network is left out."""

    series: tuple[Path, ...]
    copies: int
    alone: bool
    device: str


def lungs_bench(order: LungsBenchOrder, say: Callable[[str], None]) -> list[ChestReading]:
    """A reading for every changed chest. Raises Refusal when a scan cannot be read, or shows no lungs itself."""
    policy = Policy()
    reader: LungReader | None = None if order.alone else load_lung_reader(order.device)

    def segment(volume: Volume) -> LungMask:
        return segment_lungs(volume, policy.lungs, reader).lungs

    found: list[ChestReading] = []
    for series in order.series:
        say(f"changing scan {len({r.scan for r in found}) + 1} of {len(order.series)}")
        volume = load_series([series], policy.series).volume
        found += chest_readings({series.name: (volume, segment(volume))}, segment, order.copies, SEED)
    return found


def table(readings: Sequence[ChestReading]) -> str:
    """The result as aligned text."""
    cells = [("chests", "n", "refused", "mean Dice", "least", "least side", "put in, least held")]
    cells += [
        (
            row.change,
            str(row.chests),
            str(row.refused),
            f"{row.mean_dice:.3f}",
            f"{row.least_dice:.3f}",
            f"{row.least_side:.3f}",
            "" if row.least_held is None else f"{row.least_held:.2f}",
        )
        for row in summarised(readings)
    ]
    return "\n".join(aligned_table(cells))


def as_json(readings: Sequence[ChestReading]) -> str:
    """Every reading as JSON."""
    return json.dumps([asdict(reading) for reading in readings], indent=1)
