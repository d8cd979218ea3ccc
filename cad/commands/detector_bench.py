"""`lungcad bench`: the detector stage and its peer, measured in one run on one volume, as a table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter

from cad.domain import Volume
from cad.policy import LungPolicy, SeriesPolicy
from cad.science.lungs import segment_lungs
from dicom_io.read.reading import load_series
from models.detector.bench import PEER, Contest, Measured, measure
from models.phantom.simulation import StudyRecipe, simulate_volume


@dataclass(frozen=True, slots=True)
class BenchOrder:
    """What to measure on: a series, or the simulated study when there is none; and how often."""

    series: tuple[Path, ...]
    device: str
    runs: int
    with_peer: bool


@dataclass(frozen=True, slots=True)
class BenchResult:
    """The volume, the seconds of the lungs stage, and the contenders."""

    volume: str
    lungs_s: float
    rows: tuple[Measured, ...]


def bench(order: BenchOrder) -> BenchResult:
    """Measures our detector on each runtime and, last, the peer once. Raises Refusal and Unavailable."""
    series = list(order.series)
    volume = load_series(series, SeriesPolicy()).volume if series else simulate_volume(StudyRecipe(seed=1))
    started = perf_counter()
    lungs = segment_lungs(volume, LungPolicy()).lungs
    lungs_s = perf_counter() - started
    contests = [Contest("torch", order.device, order.runs)]
    if order.device == "cpu" and find_spec("openvino") is not None:
        contests.append(Contest("openvino", order.device, order.runs))
    if order.with_peer:
        contests.append(Contest(PEER, order.device, 0))
    return BenchResult(described(volume), lungs_s, tuple(measure(contests, volume, lungs)))


def described(volume: Volume) -> str:
    """Voxels and spacing of a volume, (x, y, z)."""
    shape, spacing = volume.grid.shape[::-1], volume.grid.spacing_kji_mm[::-1]
    return f"{' x '.join(str(n) for n in shape)} voxels of {' x '.join(f'{s:.3g}' for s in spacing)} mm"


def table(found: BenchResult) -> str:
    """The result as aligned text; the last column says how many times as long each takes as the first one."""
    base = found.rows[0].median_s
    cells = [("detector", "set-up s", "first s", "median s", "peak GiB", "times as long")]
    cells += [
        (
            row.name,
            f"{row.set_up_s:.1f}",
            f"{row.first_s:.2f}",
            f"{row.median_s:.2f}",
            f"{row.peak_gib:.2f}",
            f"{row.median_s / base:.1f}",
        )
        for row in found.rows
    ]
    return "\n".join([found.volume, f"lungs stage {found.lungs_s:.1f} s", "", *aligned_table(cells)])


def aligned_table(cells: Sequence[Sequence[str]]) -> list[str]:
    """Rows of words as lines: the first column to the left, the others to the right."""
    widths = [max(len(row[n]) for row in cells) for n in range(len(cells[0]))]
    return [_aligned(row, widths) for row in cells]


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    numbers = (cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))
    return "  ".join([row[0].ljust(widths[0]), *numbers])


def as_json(found: BenchResult) -> str:
    """The result as JSON."""
    return json.dumps(asdict(found), indent=1)
