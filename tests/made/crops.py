"""Made-up nodules in the layout of the readers' crops: balls in noisy lung beside a wall."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models.nodules.lidc_crops import FIELDS, RATINGS, SIDE

TYPES = ("<U14", "<f4", "<f4", "<i4")


def ball_hu(radius_px: float, slices: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """HU int16 and mask bool [k, 64, 64] of a solid ball in the middle of lung, with a wall at the left."""
    k, j, i = np.ogrid[:slices, :SIDE, :SIDE]
    squared = ((k - (slices - 1) / 2) * 2) ** 2 + (j - 31.5) ** 2 + (i - 31.5) ** 2
    mask = np.asarray(squared <= radius_px**2)
    hu = np.random.default_rng(seed).normal(-860, 15, mask.shape)
    hu[:, :, :8] = 40
    hu[mask] = 30
    return hu.round().astype(np.int16), mask


def scaled(hu: np.ndarray) -> np.ndarray:
    """Each slice from its least to its greatest value, as 0..255."""
    low, high = (f(hu, axis=(1, 2), keepdims=True).astype(float) for f in (np.min, np.max))
    return np.asarray(np.rint((hu - low) / (high - low) * 255), dtype=np.uint8)


def write_archive(file: Path, patients: Sequence[str], malignancy: Sequence[int]) -> None:
    """An archive of one ball for each patient, of growing size, marked and rated alike by four readers."""
    images, votes, starts = [], [], [0]
    for n, _ in enumerate(patients):
        hu, mask = ball_hu(4 + 2 * (n % 4), 5, n)
        images.append(scaled(hu))
        votes.append(4 * mask.astype(np.uint8))
        starts.append(starts[-1] + len(hu))
    nodules = np.array([(p, 0.7, 1.4, 4) for p in patients], dtype=list(zip(FIELDS, TYPES, strict=True)))
    ratings = np.full((len(patients), 4, len(RATINGS)), 3, dtype=np.int32)
    ratings[:, :, RATINGS.index("malignancy")] = np.array(malignancy)[:, None]
    ratings[:, :, RATINGS.index("spiculation")] = 1 + np.arange(len(patients))[:, None] % 5
    np.savez(
        file,
        image=np.concatenate(images),
        votes=np.concatenate(votes),
        start=np.array(starts),
        nodules=nodules,
        ratings=ratings,
        rating_columns=np.array(RATINGS),
    )
