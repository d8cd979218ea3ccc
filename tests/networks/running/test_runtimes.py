"""Runtimes: the same marks within the tolerance whatever runs the networks, and clear words where one is absent."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence

import numpy as np
import pytest
import torch

from cad.domain import Candidate
from cad.errors import Unavailable
from models.detector.detector import DETECTOR_NAME, RpnDetector, detector_on, load_detector
from models.detector.proposals import propose
from models.detector.rpn3d import Rpn3d, RpnConfig
from models.running.cards import read_detector_card
from models.running.device import is_bf16_fast
from models.running.runtimes import (
    DIAMETER_TOLERANCE,
    POSITION_TOLERANCE_MM,
    SCORE_TOLERANCE,
    OpenVinoRuntime,
    Runtime,
    TorchRuntime,
    runtime_named,
)
from tests.made.lung_parts import lung_part

CPU = torch.device("cpu")
TINY = RpnConfig(channels=(4, 4, 4, 8, 8), blocks=(1, 1, 1))

needs_openvino = pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None, reason="OpenVINO is not installed (pip install 'lungcad[openvino]')"
)
needs_bf16 = pytest.mark.skipif(
    not is_bf16_fast(CPU), reason="this processor does not compute bfloat16 and would take minutes to imitate it"
)

OTHERS = [
    pytest.param(TorchRuntime(CPU, torch.bfloat16), marks=needs_bf16, id="torch bf16"),
    pytest.param(OpenVinoRuntime(torch.float32), marks=needs_openvino, id="openvino fp32"),
    pytest.param(OpenVinoRuntime(torch.bfloat16), marks=[needs_openvino, needs_bf16], id="openvino bf16"),
]


@pytest.fixture(scope="module")
def reference() -> RpnDetector:
    """The shipped detector on torch in float32."""
    return detector_on(TorchRuntime(CPU, torch.float32), read_detector_card(DETECTOR_NAME))


def agrees(mark: Candidate, others: Sequence[Candidate]) -> bool:
    """Whether one of the others is the same mark within the stated tolerance."""
    return any(
        np.linalg.norm(mark.centre.as_array() - other.centre.as_array()) <= POSITION_TOLERANCE_MM
        and abs(mark.score - other.score) <= SCORE_TOLERANCE
        and abs(mark.diameter_mm - other.diameter_mm) <= DIAMETER_TOLERANCE * mark.diameter_mm
        for other in others
    )


@pytest.mark.parametrize("runtime", OTHERS)
def test_gives_the_marks_of_float32_within_the_tolerance(runtime: Runtime, reference: RpnDetector) -> None:
    volume, lungs = lung_part()
    threshold = reference.default_min_score
    theirs = detector_on(runtime, reference.card)(volume, lungs, 0.0)
    expected = reference(volume, lungs, 0.0)
    above = [mark for mark in expected if mark.score >= threshold]
    assert len(above) >= 3
    assert [mark for mark in above if not agrees(mark, theirs)] == []
    clearly = [mark for mark in theirs if mark.score >= threshold]
    assert [mark for mark in clearly if not agrees(mark, expected)] == []


@pytest.mark.parametrize("runtime", [pytest.param(TorchRuntime(CPU, torch.float32), id="torch fp32"), *OTHERS])
def test_takes_any_batch_and_edges_and_gives_float32(runtime: Runtime) -> None:
    torch.manual_seed(1)
    network = Rpn3d(TINY).eval()
    ready = runtime.ready(network)
    for batch, *edges in ((1, 32, 32, 32), (1, 16, 48, 32), (5, 32, 32, 32)):
        x = torch.randn(batch, 1, *edges)
        found = ready(x)
        assert found.dtype == torch.float32
        assert found.shape == (batch, 5, *(n // 4 for n in edges))
        assert torch.allclose(found, network(x), atol=0.05)


@needs_openvino
def test_a_result_is_not_changed_by_the_next_call() -> None:
    network = OpenVinoRuntime(torch.float32).ready(Rpn3d(TINY).eval())
    first = network(torch.zeros(1, 1, 16, 16, 16))
    before = first.clone()
    network(torch.full((1, 1, 16, 16, 16), 5.0))
    assert torch.equal(first, before)


def test_a_module_in_training_runs_where_it_is_in_float32() -> None:
    torch.manual_seed(2)
    network = Rpn3d(TINY).eval()
    hu = torch.randn(40, 32, 32) * 300 - 600
    ready = TorchRuntime(CPU, torch.float32).ready(network)
    as_it_is, prepared = propose(network, TINY, hu, -100.0), propose(ready, TINY, hu, -100.0)
    assert as_it_is == prepared != []


def test_auto_is_torch_in_the_precision_that_the_processor_computes() -> None:
    expected = "torch bf16" if is_bf16_fast(CPU) else "torch fp32"
    assert runtime_named("auto", "cpu").name == runtime_named("torch", "cpu").name == expected


def test_openvino_on_cuda_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="CUDA"):
        runtime_named("openvino", "cuda")


def test_openvino_where_it_is_not_installed_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(Unavailable, match=r"pip install 'lungcad\[openvino\]'"):
        load_detector("cpu", "openvino")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine or this build of torch has no CUDA")
def test_cuda_gives_the_marks_of_the_cpu_within_the_tolerance(reference: RpnDetector) -> None:
    volume, lungs = lung_part()
    theirs = load_detector("cuda")(volume, lungs, 0.0)
    above = reference(volume, lungs, reference.default_min_score)
    assert [mark for mark in above if not agrees(mark, theirs)] == []
