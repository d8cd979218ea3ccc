"""`lungcad bench-masses`: scans with masses put in, read as the pipeline reads them, as a table."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from cad.case.choices import NetworkChoice
from cad.case.networks import load_tools
from cad.commands.detector_bench import aligned_table
from cad.domain import Networks, Volume
from cad.exam.nodules import Scene, detect, look_for_masses, measure, soft_copy
from cad.policy import Policy
from cad.science.lungs import segment_lungs
from cad.science.lungs.opacities import unassessed
from dicom_io.read.reading import load_series
from models.training.figures.mass_figures import LargeMark, MassReading, Told, mass_readings, mass_summaries

SEED = 11


def masses_bench(series: Sequence[Path], device: str, say: Callable[[str], None]) -> list[MassReading]:
    """A reading for every mass. Raises Refusal when a scan cannot be read, or shows no lungs."""
    policy = Policy()
    networks = load_tools(NetworkChoice(device=device)).networks
    found: list[MassReading] = []
    for n, folder in enumerate(series, start=1):
        say(f"putting masses into scan {n} of {len(series)}")
        volume = load_series([folder], policy.series).volume
        lungs = segment_lungs(volume, policy.lungs, networks.lungs).lungs
        found += mass_readings(folder.name, (volume, lungs), lambda v: tell(v, networks, policy), SEED)
    return found


def tell(volume: Volume, networks: Networks, policy: Policy) -> Told:
    """What the pipeline tells of a scan's masses."""
    lungs, opacities = look_for_masses(
        volume, segment_lungs(volume, policy.lungs, networks.lungs).lungs, networks, policy.opacities
    )
    scene = Scene(volume, lungs, "1.2.3", opacities=opacities, soft=soft_copy(volume, policy))
    sure = detect(scene, networks, networks.detector.default_min_score, policy).sure
    large = tuple(candidate for candidate in sure if candidate.diameter_mm >= policy.opacities.smallest_mass_mm)
    nodules = measure(scene, large, networks, policy)
    marks = tuple(LargeMark(nodule.centre, nodule.diameters.long_axis_mm) for nodule in nodules)
    return Told(marks, bool(unassessed(opacities, policy.opacities)))


def table(readings: Sequence[MassReading]) -> str:
    """The result as aligned text."""
    cells = [("place", "masses", "found", "long axis within 10 %", "median ratio", "silent", "further marks a scan")]
    cells += [
        (
            row.place,
            str(row.masses),
            str(row.found),
            str(row.close),
            f"{row.ratio:.2f}",
            str(row.silent),
            f"{row.further:.2f}",
        )
        for row in mass_summaries(readings)
    ]
    return "\n".join(aligned_table(cells))


def as_json(readings: Sequence[MassReading]) -> str:
    """Every reading as JSON."""
    return json.dumps([asdict(reading) for reading in readings], indent=1)
