"""Registration as others do it, to be measured beside: SimpleITK's B-spline and, where it is installed, itk-elastix."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from cad.domain import BoolArray, FloatArray, Grid, Int16Array
from models.registration.images import Scan

STEP_MM = 16.0
"""Distance of the control points, of both peers."""

SHRINKING = (4, 2, 1)
SEED = 1
SAMPLED = (1.0, 0.4, 0.1)
"""The part of the lungs' voxels that SimpleITK compares at each resolution."""

Positions = Callable[[FloatArray], FloatArray]
"""LPS positions [n, 3] of the fixed scan to those of the moving one."""


def by_simpleitk(fixed: Scan, moving: Scan) -> Positions:
    """Affine, then a cubic B-spline by LBFGS-B on the correlation of HU within the lungs of the fixed scan."""
    images = [_image(scan.volume.hu, scan.volume.grid) for scan in (fixed, moving)]
    here, there = (sitk.Cast(image, sitk.sitkFloat32) for image in images)
    lungs = _image(fixed.lungs.labels > 0, fixed.lungs.grid)
    start = sitk.CenteredTransformInitializer(
        here, there, sitk.AffineTransform(3), sitk.CenteredTransformInitializerFilter.GEOMETRY
    )
    affine = _method(lungs)
    affine.SetOptimizerAsRegularStepGradientDescent(1.0, 1e-3, 100)
    affine.SetOptimizerScalesFromPhysicalShift()
    affine.SetInitialTransform(start, inPlace=False)
    found = affine.Execute(here, there)
    extent = [n * s for n, s in zip(here.GetSize(), here.GetSpacing(), strict=True)]
    lattice = sitk.BSplineTransformInitializer(here, [max(1, round(length / STEP_MM)) for length in extent])
    spline = _method(lungs)
    spline.SetOptimizerAsLBFGSB(gradientConvergenceTolerance=1e-5, numberOfIterations=50)
    spline.SetMovingInitialTransform(found)
    spline.SetInitialTransform(lattice, inPlace=True)
    spline.Execute(here, there)
    both = sitk.CompositeTransform([found, lattice])
    return lambda positions: np.array([both.TransformPoint([float(v) for v in position]) for position in positions])


def _method(lungs: sitk.Image) -> sitk.ImageRegistrationMethod:
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsCorrelation()
    method.SetMetricFixedMask(lungs)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentagePerLevel(SAMPLED, SEED)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetShrinkFactorsPerLevel(SHRINKING)
    method.SetSmoothingSigmasPerLevel([n / 2 if n > 1 else 0 for n in SHRINKING])
    return method


def _image(values: Int16Array | BoolArray, grid: Grid) -> sitk.Image:
    """An ITK image of values [k, j, i]."""
    image = sitk.GetImageFromArray(values.astype(np.int16 if values.dtype != np.bool_ else np.uint8))
    spacing = grid.spacing_kji_mm[::-1]
    columns = grid.affine[:3, :3][:, ::-1] / np.array(spacing)
    image.SetSpacing(spacing)
    image.SetDirection(columns.ravel().tolist())
    image.SetOrigin(grid.affine[:3, 3].tolist())
    return image


def by_elastix(fixed: Scan, moving: Scan) -> Positions:
    """Elastix' default affine and B-spline maps with one metric, normalised correlation, within the fixed lungs.

    Raises ImportError where itk-elastix is not installed.
    """
    itk = import_module("itk")
    here, there = (_itk_image(itk, scan.volume.hu.astype(np.float32), scan.volume.grid) for scan in (fixed, moving))
    lungs = _itk_image(itk, (fixed.lungs.labels > 0).astype(np.uint8), fixed.lungs.grid)
    parameters = itk.ParameterObject.New()
    for name in ("affine", "bspline"):
        parameters.AddParameterMap(_parameters(parameters.GetDefaultParameterMap(name, len(SHRINKING) + 1)))
    _, found = itk.elastix_registration_method(
        here, there, parameter_object=parameters, fixed_mask=lungs, log_to_console=False
    )
    return lambda positions: _carried(itk, there, found, positions)


def _parameters(defaults: Any) -> Any:  # noqa: ANN401 - elastix' map of names to lists of words
    """The default map with one metric: with two of them and a mask elastix 0.25 ends the process."""
    defaults["Registration"] = ["MultiResolutionRegistration"]
    defaults["Metric"] = ["AdvancedNormalizedCorrelation"]
    defaults["AutomaticTransformInitialization"] = ["true"]
    defaults["ErodeMask"] = ["false"]
    if defaults["Transform"][0] == "BSplineTransform":
        defaults["FinalGridSpacingInPhysicalUnits"] = [str(STEP_MM)]
    return defaults


def _itk_image(itk: Any, values: np.ndarray[Any, Any], grid: Grid) -> Any:  # noqa: ANN401 - itk has no types
    image = itk.image_from_array(values)
    spacing = grid.spacing_kji_mm[::-1]
    image.SetSpacing(spacing)
    image.SetOrigin(grid.affine[:3, 3].tolist())
    image.SetDirection(itk.matrix_from_array(np.ascontiguousarray(grid.affine[:3, :3][:, ::-1] / np.array(spacing))))
    return image


def _carried(itk: Any, moving: Any, found: Any, positions: FloatArray) -> FloatArray:  # noqa: ANN401 - the same
    """Positions [n, 3] under elastix' transform, which it reads from one file and writes to another."""
    with tempfile.TemporaryDirectory() as folder:
        points = Path(folder) / "points.txt"
        rows = "\n".join(" ".join(f"{value:.6f}" for value in position) for position in positions)
        points.write_text(f"point\n{len(positions)}\n{rows}\n", encoding="ascii")
        carrier = itk.TransformixFilter.New(moving)
        carrier.SetFixedPointSetFileName(str(points))
        carrier.SetTransformParameterObject(found)
        carrier.SetOutputDirectory(folder)
        carrier.Update()
        written = (Path(folder) / "outputpoints.txt").read_text(encoding="ascii")
    places = re.findall(r"OutputPoint = \[ ([^\]]*) \]", written)
    return np.array([[float(value) for value in place.split()] for place in places])
