"""The service with an analysis that needs no weights and can be held up. `python -m tests.integration.paced_service`.

Reading, measuring and encoding are the product's; lungs and mark are what the tests' phantom is known to hold. While
a file HOLD lies in the data folder the analysis waits, so that a test can act in mid-job; ANALYSES has one line for
each analysis that was begun.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from cad.case.identity import job_key
from cad.case.networks import CaseTools
from cad.commands.options import UNAVAILABLE
from cad.commands.wiring import serve, utc_now
from cad.domain import (
    Candidate,
    Findings,
    LungMask,
    Marks,
    ModelIdentity,
    Networks,
    PointLps,
    Volume,
)
from cad.errors import Unavailable
from cad.policy import POLICY_VERSION, NodulePolicy, SeriesPolicy, WordingPolicy
from cad.report.statements import state
from cad.science.nodules import characterise
from cad.service.analysis import form_of, noting
from cad.service.settings import Settings, load_settings
from cad.service.worker import AnalysisOutcome, Asked, SeriesAnalysis
from dicom_io.read.reading import load_datasets
from dicom_io.uids import device_uid
from dicom_io.write.objects import EncodingContext, report_objects

AIR_BELOW_HU = -500
NODULE = PointLps(-60.0, -4.0, 0.0)
NODULE_DIAMETER_MM = 12.0
A_PDF = b"%PDF-1.4\n%%EOF\n"
HOLD, ANALYSES = "hold", "analyses"
LONGEST_HOLD_S = 60.0


MODEL = ModelIdentity("one-place", "1", "0" * 64)


class Nobody:
    """A detector that is never asked: notes need no more of it than its name."""

    identity = MODEL
    default_min_score = 0.5

    def __call__(self, volume: Volume, lungs: LungMask, min_score: float) -> tuple[Candidate, ...]:  # noqa: ARG002
        raise AssertionError


def make_analysis(settings: Settings) -> SeriesAnalysis:
    """Reads a phantom with one nodule at NODULE, held up while HOLD exists."""

    def read(datasets: Sequence[Dataset], _asked: Asked) -> AnalysisOutcome:
        wait_while_held(settings.data_folder)
        loaded = load_datasets(datasets, SeriesPolicy())
        lungs = LungMask((loaded.volume.hu < AIR_BELOW_HU).astype(np.uint8), loaded.volume.grid)
        mark = Candidate(NODULE, NODULE_DIAMETER_MM, 0.9, MODEL.name)
        nodules = characterise(loaded.volume, lungs, Marks((mark,)), NodulePolicy(), loaded.series.series_uid)
        findings = Findings(nodules, lungs, (), (MODEL,), POLICY_VERSION)
        key = job_key(loaded.series, version("lungcad"), findings.models)
        device = device_uid(version("lungcad"), findings.models)
        context = EncodingContext(key, utc_now(), version("lungcad"), device)
        document = {"nodules": [nodule.tracking_uid for nodule in nodules]}
        return AnalysisOutcome(report_objects(state(findings, WordingPolicy()), loaded, context, A_PDF).all(), document)

    return SeriesAnalysis((MODEL,), read, list, noting(CaseTools(Networks(Nobody())), form_of(settings)))


def wait_while_held(data_folder: Path) -> None:
    """Notes that an analysis has begun, and holds it up while a test wants that."""
    with (data_folder / ANALYSES).open("a") as log:
        log.write("analysis\n")
    deadline = time.monotonic() + LONGEST_HOLD_S
    while (data_folder / HOLD).exists() and time.monotonic() < deadline:
        time.sleep(0.05)


def main() -> int:
    """Run until SIGTERM, with the settings of the environment."""
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    # By its importable name: a worker process looks functions up by module, and this one runs as __main__.
    from tests.integration import paced_service

    try:
        return serve(load_settings(), paced_service.make_analysis)
    except Unavailable as outage:
        sys.stderr.write(f"{outage.text}\n")
        return UNAVAILABLE


if __name__ == "__main__":
    sys.exit(main())
