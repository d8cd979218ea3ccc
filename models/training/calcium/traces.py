"""Courses of the coronary arteries that were traced by eye, and their mean in the frame of the mean chest."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage

from cad.domain import Artery, FloatArray
from models.calcium.atlas import densify
from models.calcium.frames import HeartMap

TRACES = Path(__file__).parent / "traces.toml"
LEAST_TRACES = 3
SMOOTH_MM = 4.0

Courses = Mapping[Artery, FloatArray]
"""Points [n, 3] of each artery from its origin on, one a millimetre."""


def read_traces() -> dict[str, dict[Artery, FloatArray]]:
    """The traces by scan: places [n, 3] in LPS mm, one a millimetre."""
    drawn = tomllib.loads(TRACES.read_text(encoding="utf-8"))
    return {
        name: {Artery(artery): densify(np.array(points, dtype=np.float64)) for artery, points in courses.items()}
        for name, courses in drawn.items()
    }


def mean_courses(traces: Mapping[str, Courses], maps: Mapping[str, HeartMap]) -> dict[Artery, FloatArray]:
    """The mean course [n, 3] of each artery in the frame, as far as enough of the traced scans reach."""
    return {artery: _mean([in_frame(traces[name][artery], maps[name]) for name in traces]) for artery in Artery}


def in_frame(course: FloatArray, found: HeartMap) -> FloatArray:
    """A course [n, 3] of a patient (LPS mm) in the frame."""
    return densify(found.to_frame(torch.tensor(course, dtype=torch.float32)).double().numpy())


def _mean(courses: list[FloatArray]) -> FloatArray:
    """Mean steps rather than mean places, so that a trace that ends early leaves no jump."""
    start = np.mean([course[0] for course in courses], axis=0)
    length = sorted((len(course) for course in courses), reverse=True)[min(LEAST_TRACES, len(courses)) - 1]
    steps = [np.diff(course[:length], axis=0) for course in courses]
    mean = [np.mean([s[n] for s in steps if len(s) > n], axis=0) for n in range(length - 1)]
    line = np.concatenate([start[None], start + np.cumsum(mean, axis=0)])
    smooth = ndimage.gaussian_filter1d(line, SMOOTH_MM, axis=0, mode="nearest") if length > 4 * SMOOTH_MM else line
    smooth[0] = start
    return densify(smooth)
