"""`lungcad bench-registration`: ours and others' registrations, measured in one run on one pair, as a table."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import numpy as np

from cad.commands.detector_bench import aligned_table
from cad.commands.registered_points import RegisterOrder, load_with_lungs
from cad.domain import FloatArray
from cad.policy import Policy
from cad.science.lungs import segment_lungs
from models.phantom.simulation import StudyRecipe, simulate_volume
from models.registration.bench import Course, Registered, installed, race
from models.registration.images import Scan
from models.registration.registrar import RegistrationSettings
from models.training.material.breath import breath_of, breathe, coarser_grid, tissue_points

COORDINATES = 3
DEPTH_MM, NOISE_HU, POINTS = 20.0, 20.0, 2000
OTHER_SPACING_MM, OTHER_PLACE_MM = (2.5, 1.2, 1.2), (4.0, -6.0, 8.0)
SEED = 1


@dataclass(frozen=True, slots=True)
class RegistrationBenchOrder:
    """The pair to measure on with its landmarks, or None for a simulated one; where ours runs."""

    pair: RegisterOrder | None
    landmarks: tuple[FloatArray, FloatArray] | None
    device: str


def parse_landmarks(text: bytes) -> tuple[FloatArray, FloatArray]:
    """Points [n, 3] of the fixed scan and the same of the moving one, in LPS mm.

    An object with the lists `fixed` and `moving`, or with two lists of points otherwise named, the fixed one's first.
    Raises ValueError when it is neither.
    """
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("landmarks must be an object with two lists of points")
    lists = [found[name] for name in ("fixed", "moving") if name in found]
    lists = lists if len(lists) == 2 else [value for value in found.values() if isinstance(value, list)]
    points = [np.array(value, dtype=np.float64) for value in lists]
    if len(points) != 2 or points[0].shape != points[1].shape or points[0].shape[1:] != (COORDINATES,):
        raise ValueError("landmarks must be two lists of as many points [x, y, z]")
    return points[0], points[1]


def registration_bench(order: RegistrationBenchOrder, settings: RegistrationSettings) -> list[Registered]:
    """Every installed registration on the pair. Raises Refusal."""
    policy = Policy()
    if order.pair is None or order.landmarks is None:
        course = simulated_course(policy)
    else:
        scans = [Scan(volume, lungs) for volume, lungs in load_with_lungs(order.pair, policy)]
        course = Course(scans[0], scans[1], *order.landmarks)
    return race(installed(), course, settings, order.device)


def simulated_course(policy: Policy) -> Course:
    """A made-up chest, and the same one breathed out on another grid; the truth is the deformation's."""
    volume = simulate_volume(StudyRecipe(seed=SEED))
    lungs = segment_lungs(volume, policy.lungs).lungs
    breath = breath_of(lungs, DEPTH_MM, SEED)
    moved = breathe(volume, breath, coarser_grid(volume.grid, OTHER_SPACING_MM, OTHER_PLACE_MM), NOISE_HU, SEED)
    moved_lungs = segment_lungs(moved, policy.lungs).lungs
    points = tissue_points(moved_lungs, POINTS, SEED)
    return Course(Scan(moved, moved_lungs), Scan(volume, lungs), points, breath.to_real(points))


def table(rows: list[Registered]) -> str:
    """The result as aligned text."""
    cells = [("registration", "mean mm", "median mm", "90 % mm", "folding", "s", "processor s", "peak GiB")]
    cells += [
        (
            row.name,
            f"{row.mean_mm:.2f}",
            f"{row.median_mm:.2f}",
            f"{row.p90_mm:.2f}",
            f"{row.folding:.3%}",
            f"{row.seconds:.1f}",
            f"{row.processor_s:.1f}",
            f"{row.peak_gib:.2f}",
        )
        for row in rows
    ]
    return "\n".join(aligned_table(cells))


def as_json(rows: list[Registered]) -> str:
    """The result as JSON; null stands for what a registration that did not end left unknown."""
    facts = [{name: None if value != value else value for name, value in asdict(row).items()} for row in rows]
    return json.dumps(facts, indent=1, allow_nan=False)
