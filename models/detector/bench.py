"""The detector and its peer on one volume, each in a process of its own, so that its peak memory is its own."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from cad.domain import LungMask, Volume
from models.detector.detector import DETECTOR_NAME, detector_on
from models.detector.monai_bundle import BundleConfig, detections, preprocess, retinanet_detector
from models.detector.monai_retinanet import lung_nodule_retinanet
from models.detector.rpn3d import on_device
from models.running.cards import read_detector_card
from models.running.device import device_named, is_bf16_fast
from models.running.runtimes import runtime_named

PUBLISHED = BundleConfig(
    spacing_mm=(0.703125, 0.703125, 1.25),
    low_hu=-1024.0,
    high_hu=300.0,
    anchor_shapes=((6.0, 8.0, 4.0), (8.0, 6.0, 5.0), (10.0, 10.0, 6.0)),
    feature_map_scales=(1, 2, 4),
    patch=(512, 512, 192),
    score_threshold=0.02,
    candidates_per_level=1000,
    nms_threshold=0.22,
    detections=300,
    overlap=0.25,
)
"""What inference.json of MONAI's lung_nodule_ct_detection says."""

PEER = "monai"
WEIGHTS_SEED = 0
GIB = 1024**2
"""In kilobytes, as the kernel counts a process's memory."""

Run = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Contest:
    """What is measured: the runtime of the detector or `PEER`, the device, and how often after the first run.

    `peer` is how the peer runs: as MONAI's bundle does, or otherwise in a test.
    """

    name: str
    device: str
    runs: int
    peer: BundleConfig = PUBLISHED


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds to load, of the first run and of the median of the later ones; peak memory of the process.

    Without later runs the median is the first run.
    """

    name: str
    set_up_s: float
    first_s: float
    median_s: float
    peak_gib: float


def measure(contests: Sequence[Contest], volume: Volume, lungs: LungMask) -> list[Measured]:
    """Each contest in turn, alone on the machine as far as this program goes."""
    rows = []
    for contest in contests:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
            rows.append(process.submit(_measure, contest, volume, lungs).result())
    return rows


def _measure(contest: Contest, volume: Volume, lungs: LungMask) -> Measured:
    started = time.perf_counter()
    name, run = (_peer if contest.name == PEER else _ours)(contest, volume, lungs)
    ready = time.perf_counter()
    seconds = [_seconds(run) for _ in range(1 + contest.runs)]
    later = float(np.median(seconds[1:] or seconds))
    return Measured(name, ready - started, seconds[0], later, peak_memory_gib())


def _seconds(run: Run) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def _ours(contest: Contest, volume: Volume, lungs: LungMask) -> tuple[str, Run]:
    card = read_detector_card(DETECTOR_NAME)
    runtime = runtime_named(contest.name, contest.device)
    detector = detector_on(runtime, card)
    return f"lungcad, {runtime.name}", lambda: detector(volume, lungs, card.default_min_score)


def _peer(contest: Contest, volume: Volume, lungs: LungMask) -> tuple[str, Run]:  # noqa: ARG001 - it needs no lungs
    device = device_named(contest.device)
    network = on_device(lung_nodule_retinanet(WEIGHTS_SEED), device)
    detector = retinanet_detector(network, contest.peer)
    is_mixed = is_bf16_fast(device)

    def run() -> object:
        image = preprocess(volume, contest.peer)
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=is_mixed):
            return detections(detector, image, contest.peer, device)

    return f"MONAI RetinaNet, torch {'bf16' if is_mixed else 'fp32'}", run


def peak_memory_gib() -> float:
    """The most memory that this process has held since it started."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / GIB
