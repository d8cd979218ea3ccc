"""Volumes from image files of research: MetaImage, NIfTI and whatever else SimpleITK reads; no DICOM, no patient."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from cad.domain import BoolArray, FloatArray, Grid, Int16Array, Mask, Volume
from cad.errors import Reason, Refusal
from cad.policy import SeriesPolicy

IMAGE_SUFFIXES = (".mha", ".mhd", ".nii", ".nii.gz", ".nrrd")
CANONICAL = "LPS"
"""Axes to the left, to posterior and to the head: in SimpleITK's order, i, j and k of a `Volume`."""

_INT16_MAX = 32767


def is_image_file(path: Path) -> bool:
    """Whether a path names a volume in one file."""
    return path.is_file() and path.name.lower().endswith(IMAGE_SUFFIXES)


def load_image(path: Path, policy: SeriesPolicy) -> Volume:
    """The CT in an image file, in HU and canonical orientation; everything below air is `policy.air_hu`.

    Raises Refusal when the file cannot be read, is no single volume, or its values cannot be HU.
    """
    image = _canonical(path)
    values = sitk.GetArrayFromImage(image)
    low, high = policy.plausible_hu
    share_below, share_above = float(np.mean(values < low)), float(np.mean(values > high))
    if share_below > policy.max_fraction_below_plausible or share_above > policy.max_fraction_above_plausible:
        raise Refusal(
            Reason.HU_OUT_OF_RANGE,
            f"{share_below:.0%} of the values are below {low:g} HU and {share_above:.0%} above {high:g} HU",
        )
    hu: Int16Array = np.rint(np.clip(values, policy.air_hu, _INT16_MAX)).astype(np.int16)
    return Volume(hu, _grid_of(image), f"file:{path.name}")


def load_mask(path: Path, grid: Grid) -> Mask:
    """The mask in an image file, which must lie on `grid`. Raises Refusal when it does not."""
    image = _canonical(path)
    voxels: BoolArray = np.asarray(sitk.GetArrayFromImage(image)) > 0
    if not _grid_of(image).is_same_as(grid):
        raise Refusal(Reason.INVALID_GEOMETRY, "the mask does not lie on the voxels of its scan")
    return Mask(voxels, grid)


def _canonical(path: Path) -> sitk.Image:
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as error:  # the one exception that SimpleITK raises
        raise Refusal(Reason.CORRUPT_FILE, "the image file cannot be read") from error
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise Refusal(Reason.UNSUPPORTED_PIXELS, "the image file does not hold one scalar volume")
    oriented: sitk.Image = sitk.DICOMOrient(image, CANONICAL)
    return oriented


def _grid_of(image: sitk.Image) -> Grid:
    """The grid of a canonical image; SimpleITK's axes are (i, j, k)."""
    axes: FloatArray = np.reshape(image.GetDirection(), (3, 3)) @ np.diag(image.GetSpacing())
    affine = np.eye(4)
    affine[:3, :3] = axes[:, ::-1]
    affine[:3, 3] = image.GetOrigin()
    i, j, k = image.GetSize()
    return Grid((k, j, i), affine)
