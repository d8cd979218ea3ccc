"""The networks that look at one nodule, as a `NoduleReader` of `cad.domain`: its outline and what readers would say."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy import ndimage
from scipy.special import expit
from torch import nn

from cad.domain import (
    Candidate,
    Float32Array,
    FloatArray,
    LungMask,
    ModelIdentity,
    NoduleReading,
    ReaderRatings,
    Volume,
)
from cad.geometry import index_of, interpolated
from models.nodules.cards import (
    RatingCalibration,
    RatingCard,
    load_outline_members,
    load_rating_members,
    read_outline_card,
    read_rating_card,
)
from models.nodules.folds import honest_member
from models.nodules.inputs import (
    MARGIN_SLICES,
    MIN_PROBABILITY,
    Crop,
    contrast_of_hu,
    corner_of,
    outline_channels,
    rated_part,
    rating_channels,
    size_facts,
    without_margin,
)
from models.nodules.lidc_crops import SIDE
from models.nodules.networks import IN_PLANE_STRIDE, MIDDLE_RATING, RATED, RATING_STEP, OutlineNet, RatingNet
from models.running.device import device_named, is_bf16_fast

REACH_FACTOR, REACH_MM = 0.8, 8.0
"""Slices are read up to this part of the candidate's diameter, and so much more, above and below its centre."""

FINEST_PIXEL_MM, USUAL_PIXEL_MM, COARSEST_PIXEL_MM = 0.55, 0.7, 0.98
"""The pixels that the networks learnt from: the finest, the median and the coarsest."""

SURROUND_MM = 15.0
"""What the networks see beside a lesion, in all."""

SMOOTHING = 0.4
"""Standard deviation of the smoothing before pixels are enlarged, times the square root of the zoom squared less 1."""


@dataclass(frozen=True, slots=True, eq=False)
class NoduleNetworks:
    """Members of both ensembles on one device; `rating` and its card are absent where nodules are only outlined."""

    outlining: tuple[OutlineNet, ...]
    rating: tuple[RatingNet, ...]
    rating_card: RatingCard | None
    identities: tuple[ModelIdentity, ...]
    device: torch.device
    patients: frozenset[str] = frozenset()
    """Those of whom some member saw something."""

    def honest_about(self, patient: str) -> NoduleNetworks | None:
        """The members that may be measured on a patient: all on one whom none saw, else the one of each ensemble that
        never saw this one; None where every member may have.
        """
        if patient not in self.patients:
            return self
        n = honest_member(patient)
        if n is None:
            return None
        return replace(self, outlining=self.outlining[n : n + 1], rating=self.rating[n : n + 1])

    def __call__(self, volume: Volume, lungs: LungMask, candidates: tuple[Candidate, ...]) -> tuple[NoduleReading, ...]:
        """One reading for each candidate. The lungs are not looked at: the networks learnt without them."""
        del lungs
        return tuple(self._reading(volume, candidate) for candidate in candidates)

    def outline(self, crop: Crop) -> Float32Array:
        """The probability [k, j, i] of each voxel of the crop, the mean of the members'."""
        return outline(self.outlining, crop, self.device)

    def ratings(self, crop: Crop, outline: Float32Array) -> ReaderRatings | None:
        """What readers would say of the nodule with this outline [k, j, i]; None without an outline."""
        if self.rating_card is None or not self.rating or not (outline >= MIN_PROBABILITY).any():
            return None
        return calibrate(rate(self.rating, crop, outline, self.device), self.rating_card)

    def _reading(self, volume: Volume, candidate: Candidate) -> NoduleReading:
        seen = crop_of(volume, candidate)
        outline = self.outline(seen.crop)
        ratings = self.ratings(seen.crop, outline)
        return NoduleReading(seen.on_volume(outline), seen.offset, certainty_of(outline), ratings)


@dataclass(frozen=True, slots=True, eq=False)
class SeenCrop:
    """The slices around a candidate as the networks see them, and where they lie in the volume.

    `offset` (k, j, i) is their first voxel in the volume and `size` how many rows and columns of it they cover; where
    `zoom` is not 1, their pixels are so many times as large as the volume's.
    """

    crop: Crop
    offset: tuple[int, int, int]
    size: tuple[int, int]
    zoom: float

    def on_volume(self, outline: Float32Array) -> Float32Array:
        """A probability [k, j, i] of the crop on the voxels of the volume."""
        if self.zoom == 1:
            return outline
        return _in_plane(outline, [np.arange(n, dtype=np.float64) / self.zoom for n in self.size])


def crop_of(volume: Volume, candidate: Candidate) -> SeenCrop:
    """The slices around a candidate.

    The networks learnt from pixels of 0.5 to 0.98 mm and see 64 of them: finer ones are brought to the usual size, and
    those around a large lesion to one at which it lies well within.
    """
    spacing = volume.grid.spacing_kji_mm
    k, j, i = index_of(volume.grid, candidate.centre)
    reach = (REACH_FACTOR * candidate.diameter_mm + REACH_MM) / spacing[0]
    low = min(max(int(np.floor(k - reach)), 0), volume.grid.shape[0] - 1)
    high = max(min(int(np.ceil(k + reach)) + 1, volume.grid.shape[0]), low + 1)
    zoom = _zoom(spacing[1], candidate.diameter_mm)
    side = SIDE if zoom == 1 else math.ceil((SIDE - 1) * zoom) + 1
    corner = corner_of(volume.grid.shape[1:], (j, i), side)
    hu = volume.hu[low:high, corner[0] : corner[0] + side, corner[1] : corner[1] + side]
    size = (hu.shape[1], hu.shape[2])
    centre = (k - low, (j - corner[0]) / zoom, (i - corner[1]) / zoom)
    if zoom != 1:
        smooth = ndimage.gaussian_filter(hu.astype(np.float32), (0, *(2 * [SMOOTHING * math.sqrt(zoom**2 - 1)])))
        counts = [min(SIDE, int((n - 1) / zoom + 1e-6) + 1) for n in size]
        hu = np.rint(_in_plane(smooth, [np.arange(n, dtype=np.float64) * zoom for n in counts])).astype(np.int16)
    crop = Crop(contrast_of_hu(hu), (spacing[0], spacing[1] * zoom, spacing[2] * zoom), centre)
    return SeenCrop(crop, (low, *corner), size, zoom)


def _zoom(pixel_mm: float, diameter_mm: float) -> float:
    """How many times as large as the volume's the pixels are that the networks see; at least 1."""
    usual = USUAL_PIXEL_MM if pixel_mm < FINEST_PIXEL_MM else pixel_mm
    fitting = min((diameter_mm + SURROUND_MM) / SIDE, COARSEST_PIXEL_MM)
    return max(1.0, max(usual, fitting) / pixel_mm)


def _in_plane(array: Float32Array, places_ji: Sequence[FloatArray]) -> Float32Array:
    """The array [k, j, i] linearly interpolated at these rows and columns."""
    rows, columns = places_ji
    return interpolated(interpolated(array, rows, axis=1), columns, axis=2)


def outline(members: Sequence[OutlineNet], crop: Crop, device: torch.device) -> Float32Array:
    """The members' mean probability [k, j, i] of each voxel of the crop of belonging to the nodule at its centre."""
    channels = torch.from_numpy(outline_channels(crop, _shape(crop)))[None]
    maps = [_run(lambda x, m=member: torch.sigmoid(m(x)), (channels,), device)[0] for member in members]
    return without_margin(np.mean(maps, axis=0, dtype=np.float32), crop)


def rate(members: Sequence[RatingNet], crop: Crop, outline: Float32Array, device: torch.device) -> FloatArray:
    """The members' mean output [2 + len(RATED)], before calibration, from the part that holds the nodule."""
    crop, outline = rated_part(crop, outline)
    channels = torch.from_numpy(rating_channels(crop, outline, _shape(crop)))[None]
    facts = torch.from_numpy(size_facts(outline, crop.spacing_mm))[None]
    outputs = [_run(member, (channels, facts), device)[0] for member in members]
    mean: FloatArray = np.mean(outputs, axis=0, dtype=np.float64)
    return mean


def calibrate(output: FloatArray, card: RatingCard) -> ReaderRatings:
    """The networks' mean output [2 + len(RATED)] as probabilities and mean ratings, as the card has it."""
    suspicion, calcified, ratings = calibrate_by(output, card.calibration)
    kept = {name: value for name, value in ratings.items() if name != "malignancy"}
    return ReaderRatings(suspicion=suspicion, calcified=calcified, model=card.identity, **kept)


def calibrate_by(output: FloatArray, calibration: RatingCalibration) -> tuple[float, float, dict[str, float]]:
    """The probabilities of suspicion and of calcification, and the mean ratings of `RATED`, bounded to 1..5.

    The output is [2 + len(RATED)].
    """
    raw = zip(RATED, output[2:], strict=True)
    ratings = {
        name: float(np.clip(calibration.rated[name].of(MIDDLE_RATING + RATING_STEP * float(x)), 1.0, 5.0))
        for name, x in raw
    }
    suspicion = float(expit(calibration.suspicion.of(suspicion_logit(output))))
    return suspicion, float(expit(calibration.calcified.of(float(output[1])))), ratings


def suspicion_logit(output: FloatArray) -> float:
    """The logit of suspicion before calibration: half the classifier's, half the predicted malignancy rating.

    The output is [2 + len(RATED)].
    """
    malignancy = RATING_STEP * float(output[2 + RATED.index("malignancy")])
    return (float(output[0]) + 1.5 * malignancy) / 2


def certainty_of(outline: Float32Array) -> float:
    """The overlap (Dice) with the truth that an outline's own probabilities [k, j, i] promise; 0 without an outline.

    With the voxels of at least one half as the answer, it is twice their probability over their number and the whole
    probability.
    """
    inside = outline >= MIN_PROBABILITY
    chosen = float(outline[inside].sum(dtype=np.float64))
    total = float(np.count_nonzero(inside)) + float(outline.sum(dtype=np.float64))
    return 2 * chosen / total if inside.any() else 0.0


def load_nodule_networks(device_name: str) -> NoduleNetworks:
    """The shipped networks on "cpu" or "cuda". Raises Unavailable when the device is absent."""
    device = device_named(device_name)
    outline_card, rating_card = read_outline_card(), read_rating_card()
    return NoduleNetworks(
        load_outline_members(outline_card, device),
        load_rating_members(rating_card, device),
        rating_card=rating_card,
        identities=(outline_card.identity, rating_card.identity),
        device=device,
        patients=outline_card.patients,
    )


def _shape(crop: Crop) -> tuple[int, int, int]:
    k, j, i = crop.contrast.shape
    j, i = (-(-n // IN_PLANE_STRIDE) * IN_PLANE_STRIDE for n in (j, i))
    return k + 2 * MARGIN_SLICES, j, i


def _run(
    network: nn.Module | Callable[..., torch.Tensor], inputs: Sequence[torch.Tensor], device: torch.device
) -> Float32Array:
    moved = [x.to(device) for x in inputs]
    moved[0] = moved[0].to(memory_format=torch.channels_last_3d)
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=is_bf16_fast(device)):
        y: torch.Tensor = network(*moved)
    result: Float32Array = y.float().cpu().numpy()
    return result
