"""The service with everything of the product but the networks. `python -m tests.integration.comparing_service`.

Lungs, measurement, comparison, report objects and reading them back are the product's. Marks are where the tests'
phantom is known to hold something, and every scan of it lies in the same place, so that registration has nothing to do.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence

import numpy as np
from pydicom.dataset import Dataset

from cad.case.networks import CaseTools
from cad.commands.wiring import serve
from cad.domain import (
    Candidate,
    FloatArray,
    LungMask,
    LungTransform,
    ModelIdentity,
    Networks,
    PointLps,
    RegistrationQuality,
    Volume,
)
from cad.geometry import index_of
from cad.service.analysis import analysis_with
from cad.service.settings import Settings, load_settings
from cad.service.worker import AnalysisOutcome, Asked, SeriesAnalysis
from tests.integration.paced_service import wait_while_held
from tests.made.series import Sphere

PLACES = (PointLps(-60.0, -4.0, 0.0), PointLps(62.0, 10.0, 20.0), PointLps(-50.0, 20.0, -25.0))
"""Where nodules of the phantom may be, each in lung."""
SPECKS = tuple(
    Sphere((float(x), float(y), float(z)), 6.0)
    for x in (-90, -72, -36, -24, 36, 48, 78, 90)
    for y in (-40, -22, 2, 34)
    for z in (-40, -14, 8, 34)
)
"""What looks like vessels to the lung stage, away from the places."""
NODULE_HU = -300
MARK_MM = 12.0


class KnownPlaces:
    """Marks the places of which the image shows a nodule."""

    @property
    def identity(self) -> ModelIdentity:
        return ModelIdentity("known-places", "1", "1" * 64)

    @property
    def default_min_score(self) -> float:
        return 0.5

    def __call__(self, volume: Volume, lungs: LungMask, min_score: float) -> tuple[Candidate, ...]:  # noqa: ARG002
        shown = (place for place in PLACES if _is_nodule(volume, place))
        return tuple(Candidate(place, MARK_MM, 0.9, self.identity.name) for place in shown)


class SamePlace:
    """The map between scans that lie alike."""

    @property
    def quality(self) -> RegistrationQuality:
        return RegistrationQuality("deformable", 1.0, 1.0, 1.0, 0.0, 0.0)

    def to_moving(self, positions: FloatArray) -> FloatArray:
        return positions

    def to_fixed(self, positions: FloatArray) -> FloatArray:
        return positions


def same_place(fixed: Volume, fixed_lungs: LungMask, moving: Volume, moving_lungs: LungMask) -> LungTransform:
    """Registers nothing."""
    return SamePlace()


def _is_nodule(volume: Volume, place: PointLps) -> bool:
    k, j, i = (round(value) for value in index_of(volume.grid, place))
    inside = all(0 <= n < size for n, size in zip((k, j, i), volume.grid.shape, strict=True))
    return inside and bool(np.int16(volume.hu[k, j, i]) > NODULE_HU)


def make_analysis(settings: Settings) -> SeriesAnalysis:
    """The product's analysis with known places in the detector's stead, held up as the paced service is."""
    analysis = analysis_with(CaseTools(Networks(KnownPlaces(), registrar=same_place)), None)

    def read(datasets: Sequence[Dataset], asked: Asked) -> AnalysisOutcome:
        wait_while_held(settings.data_folder)
        return analysis.run(datasets, asked)

    return SeriesAnalysis(analysis.models, read, analysis.choose)


def main() -> int:
    """Run until SIGTERM, with the settings of the environment."""
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    # By its importable name: a worker process looks functions up by module, and this one runs as __main__.
    from tests.integration import comparing_service

    return serve(load_settings(), comparing_service.make_analysis)


if __name__ == "__main__":
    sys.exit(main())
