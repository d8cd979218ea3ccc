"""`lungcad bench-grids`: each scan as it is and as copies, analysed alike, and what differs as a table."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from time import perf_counter

from cad.case.choices import NetworkChoice
from cad.case.networks import load_tools
from cad.commands.detector_bench import aligned_table
from cad.exam.analyze import Request, analyze
from cad.policy import Policy
from dicom_io.read.reading import LoadedSeries, load_series
from models.running.copies import copies_of
from models.training.figures.grid_figures import GridReading, grid_summaries, readings_of


def grids_bench(
    series: Sequence[Path], only: Sequence[str] | None, device: str, say: Callable[[str], None]
) -> list[GridReading]:
    """Every nodule and the calcium of each copy beside those of the scan itself. Raises Refusal."""
    policy = Policy()
    networks = load_tools(NetworkChoice(device=device)).networks
    found: list[GridReading] = []
    for folder in series:
        loaded = load_series([folder], policy.series)
        own = analyze(loaded.volume, networks, policy, _request(loaded), lambda _: nullcontext())
        for name, copy in copies_of(loaded.volume).items():
            if only and name not in only:
                continue
            volume = copy(loaded.volume)
            started = perf_counter()
            say(f"{folder.name}: {name}")
            findings = analyze(volume, networks, policy, _request(loaded), lambda _: nullcontext())
            found += readings_of((folder.name, name), (own, findings), volume.grid, perf_counter() - started)
    return found


def _request(loaded: LoadedSeries) -> Request:
    return Request(loaded.series.series_uid, contrast=loaded.series.contrast, with_calcium=True)


def table(readings: Sequence[GridReading]) -> str:
    """The result as aligned text."""
    cells: list[tuple[str, ...]] = [
        ("copy", "nodules", "found", "volume ratio", "within 10 %", "in the interval", "mean diameter", "kind", "lobe")
    ]
    cells += [row.cells() for row in grid_summaries(readings)]
    return "\n".join(aligned_table(cells))


def as_json(readings: Sequence[GridReading]) -> str:
    """Every reading as JSON."""
    return json.dumps([asdict(reading) for reading in readings], indent=1)
