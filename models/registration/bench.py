"""Our registration and its peers on one pair of scans, each in a process of its own."""

from __future__ import annotations

import math
import multiprocessing
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

from cad.domain import FloatArray, LungMask
from cad.geometry import positions_of
from models.detector.bench import peak_memory_gib
from models.registration.images import Scan
from models.registration.peers import Positions, by_elastix, by_simpleitk
from models.registration.registrar import RegistrationSettings, TorchRegistrar

OURS, SIMPLEITK, ELASTIX = "lungcad", "SimpleITK", "itk-elastix"
FOLDING_PLACES = 20_000
LIMIT_S = 600.0
"""A registration that takes longer is ended."""
STEP_MM = 1.0
"""What differences of a map are taken over, when it is asked whether it folds."""


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """Two scans, positions [n, 3] of the fixed one and where they truly lie in the moving one [n, 3]."""

    fixed: Scan
    moving: Scan
    points: FloatArray
    truth: FloatArray


@dataclass(frozen=True, slots=True)
class Registered:
    """Error of a registration in mm, the part of the lungs' places at which it folds, seconds and peak memory.

    `seconds` are of the wall clock, `processor_s` those of all its threads.
    """

    name: str
    mean_mm: float
    median_mm: float
    p90_mm: float
    folding: float
    seconds: float
    processor_s: float
    peak_gib: float


def installed() -> tuple[str, ...]:
    """Whom this machine can measure: itk-elastix only where somebody installed it."""
    return (OURS, SIMPLEITK, ELASTIX) if find_spec("itk") is not None else (OURS, SIMPLEITK)


def race(names: Sequence[str], course: Course, settings: RegistrationSettings, device: str) -> list[Registered]:
    """Each of the named registrations in turn, alone on the machine as far as this program goes."""
    return [_raced(name, course, TorchRegistrar(device, settings)) for name in names]


def _raced(name: str, course: Course, registrar: TorchRegistrar) -> Registered:
    """One registration in a process of its own, which is ended when it takes too long; its errors are then unknown."""
    with multiprocessing.get_context("spawn").Pool(1) as process:
        try:
            return process.apply_async(_race, (name, course, registrar)).get(LIMIT_S)
        except multiprocessing.TimeoutError:
            unknown = math.nan
            return Registered(
                name,
                unknown,
                median_mm=unknown,
                p90_mm=unknown,
                folding=unknown,
                seconds=LIMIT_S,
                processor_s=unknown,
                peak_gib=unknown,
            )


def _race(name: str, course: Course, registrar: TorchRegistrar) -> Registered:
    wall, processor = time.perf_counter(), time.process_time()
    carry = _registered(name, course, registrar)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    peak = peak_memory_gib()
    errors = np.linalg.norm(carry(course.points) - course.truth, axis=1)
    mean, median, p90 = float(errors.mean()), float(np.median(errors)), float(np.percentile(errors, 90))
    return Registered(
        name,
        mean,
        median_mm=median,
        p90_mm=p90,
        folding=folding(carry, course.fixed.lungs),
        seconds=wall,
        processor_s=processor,
        peak_gib=peak,
    )


def _registered(name: str, course: Course, registrar: TorchRegistrar) -> Positions:
    fixed, moving = course.fixed, course.moving
    if name == SIMPLEITK:
        return by_simpleitk(fixed, moving)
    if name == ELASTIX:
        return by_elastix(fixed, moving)
    return registrar(fixed.volume, fixed.lungs, moving.volume, moving.lungs).to_moving


def folding(carry: Positions, lungs: LungMask) -> float:
    """The part of places of the lungs, evenly drawn, at which the map does not keep its orientation."""
    voxels = np.argwhere(lungs.labels > 0)
    places = positions_of(lungs.grid, voxels[:: max(1, len(voxels) // FOLDING_PLACES)].astype(np.float64))
    around = np.concatenate([places, *(places + STEP_MM * axis for axis in np.eye(3))])
    base, *ahead = carry(around).reshape(4, len(places), 3)
    determinants = np.linalg.det(np.stack([moved - base for moved in ahead], axis=-1))
    return float((determinants <= 0).mean())
