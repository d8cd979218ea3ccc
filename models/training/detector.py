"""The detector's training from data to weights and card: two phases with an honest measurement in between.

Phase 1 learns from some scans and is measured on those left out; phase 2 goes on with all scans. The card's figures are
phase 1's: what the shipped weights gain from the left-out scans cannot be measured on them.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from cad.domain import ModelIdentity
from cad.qa.froc import CPM_POINTS, ScanMatch, bootstrap_interval, cpm, froc, sensitivity_at, threshold_at
from models.cards import DetectorCard, sha256_of
from models.detector import DETECTOR_NAME, RpnDetector
from models.rpn3d import Rpn3d, RpnConfig
from models.training.evaluate import (
    RealNodule,
    calibration_error,
    evaluate_inserted,
    evaluate_real,
    fitted_calibration,
    strata,
)
from models.training.sampling import Background, Mixture, Source
from models.training.scans import TrainingScan, background_of
from models.training.shapes import NoduleShape, split_by_patient
from models.training.train import Recipe, fit, new_rpn

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DetectorRecipe:
    """Both phases, what is left out of the first, and how the threshold is chosen."""

    version: str = "0.1.0"
    first: Recipe = field(default_factory=lambda: Recipe(steps=2100))
    second: Recipe = field(default_factory=lambda: Recipe(steps=1000, learning_rate=4e-4, seed=20261123))
    second_mixture: Mixture = field(default_factory=lambda: Mixture(blended=0.6, real=0.16, hard=0.16, large=0.4))
    left_out: tuple[str, ...] = ("LIDC-IDRI-0023", "LIDC-IDRI-0063", "QIN-LSC-0055")
    evaluation_patients: float = 0.2
    split_seed: int = 11
    repeats: int = 4
    false_marks_per_scan: float = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class TrainingData:
    """Scans, HU crops as backgrounds, and nodule shapes."""

    scans: tuple[TrainingScan, ...]
    crops: tuple[Background, ...]
    shapes: tuple[NoduleShape, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What phase 1 showed on the scans left out of it."""

    matches: tuple[ScanMatch, ...]
    real: tuple[RealNodule, ...]
    slope: float
    intercept: float
    threshold: float
    calibration_error: float


def train_detector(data: TrainingData, recipe: DetectorRecipe, device: torch.device, out: Path) -> Path:
    """The path of the card in `out`, with the weights beside it; checkpoints there let it resume."""
    out.mkdir(parents=True, exist_ok=True)
    config = RpnConfig()
    backgrounds = [background_of(scan, config) for scan in data.scans]
    training_shapes, evaluation_shapes = split_by_patient(data.shapes, recipe.evaluation_patients, recipe.split_seed)
    seen = tuple(b for b in backgrounds if b.name not in recipe.left_out)
    unseen = tuple(b for b in backgrounds if b.name in recipe.left_out)
    strange = tuple(s for s in training_shapes if s.patient not in recipe.left_out)
    source = Source((*seen, *data.crops), strange, ())
    state = new_rpn(config, recipe.first, device)
    network = fit(source, config, recipe.first, state, out / "phase1.pt")
    known = {b.name.split("_")[0] for b in (*seen, *data.crops)}
    fresh_shapes = tuple(s for s in evaluation_shapes if s.patient not in known)
    measured = measure(network, config, unseen, (fresh_shapes, recipe))
    logger.info("left out: cpm %.3f, threshold %.3f, %s", cpm(measured.matches), measured.threshold, measured.real)
    shutil.copyfile(out / "phase1.pt", out / "phase1-kept.pt")
    everything = Source((*backgrounds, *data.crops), training_shapes, (), recipe.second_mixture)
    final = continue_training(everything, config, recipe.second, out, device)
    return write_result(final, config, measured, recipe, out)


def continue_training(source: Source, config: RpnConfig, recipe: Recipe, out: Path, device: torch.device) -> Rpn3d:
    """Phase 2: from the averaged weights of phase 1 in `out`, with a fresh optimiser."""
    state = new_rpn(config, recipe, device)
    kept = torch.load(out / "phase1-kept.pt", weights_only=True)["average"]
    state.network.load_state_dict(kept)
    state.average.load_state_dict(kept)
    return fit(source, config, recipe, state, out / "phase2.pt")


def measure(
    network: Rpn3d,
    config: RpnConfig,
    unseen: Sequence[Background],
    context: tuple[Sequence[NoduleShape], DetectorRecipe],
) -> Measured:
    """FROC on inserted nodules and the real nodules of the left-out scans; calibration and threshold from them.

    Calibration is fitted on the odd and measured on the even filled copies, so that its error is honest.
    """
    shapes, recipe = context
    plain = _detector(network, config, 1.0, 0.0, recipe.version)
    matches = evaluate_inserted(plain, unseen, shapes, recipe.repeats, seed=4000)
    slope, intercept = fitted_calibration(matches[1::2])
    calibrated = [_rescored(m, slope, intercept) for m in matches]
    threshold = threshold_at(calibrated, recipe.false_marks_per_scan)
    real = evaluate_real(_detector(network, config, slope, intercept, recipe.version), unseen)
    return Measured(tuple(calibrated), tuple(real), slope, intercept, threshold, calibration_error(calibrated[0::2]))


def _detector(network: Rpn3d, config: RpnConfig, slope: float, intercept: float, version: str) -> RpnDetector:
    card = DetectorCard(ModelIdentity(DETECTOR_NAME, version, "in-training"), config, slope, intercept, 0.5)
    return RpnDetector(network.eval(), card, next(network.parameters()).device)


def _rescored(match: ScanMatch, slope: float, intercept: float) -> ScanMatch:
    def rescored(score: float) -> float:
        bounded = float(np.clip(score, 1e-6, 1 - 1e-6))
        return float(1 / (1 + np.exp(-(slope * np.log(bounded / (1 - bounded)) + intercept))))

    hits = tuple(None if h is None else rescored(h) for h in match.hits)
    return replace(match, hits=hits, false_scores=tuple(rescored(s) for s in match.false_scores))


def write_result(network: Rpn3d, config: RpnConfig, measured: Measured, recipe: DetectorRecipe, out: Path) -> Path:
    """Weights as safetensors and the card as TOML."""
    weights = out / f"{DETECTOR_NAME}.safetensors"
    save_file({k: _stored(v) for k, v in network.state_dict().items()}, weights)
    card = out / f"{DETECTOR_NAME}.toml"
    card.write_text(card_text(config, measured, recipe, sha256_of(weights)), encoding="utf-8")
    return card


def _stored(value: torch.Tensor) -> torch.Tensor:
    """Kernels in half precision, which halves the file and moves scores by less than 0.001; the rest as it is."""
    value = value.detach().cpu().contiguous()
    return value.half() if value.ndim > 1 else value


def card_text(config: RpnConfig, measured: Measured, recipe: DetectorRecipe, sha256: str) -> str:
    """The model card: what was learnt from, how, and what was measured on what."""
    matches = measured.matches
    at = {fp: (sensitivity_at(matches, fp), bootstrap_interval(matches, fp, seed=5)) for fp in (1.0, 2.0, 4.0)}
    by_stratum = {
        name: (np.mean([h is not None and h >= measured.threshold for h in rows]), len(rows))
        for name, rows in sorted(strata(matches).items())
    }
    lines = [
        f'version = "{recipe.version}"',
        f'sha256 = "{sha256}"',
        'licence = "Apache-2.0 (weights); learnt from data under CC BY 3.0, see data"',
        'use = "Marks suspected lung nodules of 3 to 30 mm on chest CT. Not a medical device."',
        "",
        "[network]",
        f"channels = {list(config.channels)}",
        f"blocks = {list(config.blocks)}",
        f"spacing_mm = {config.spacing_mm}",
        f"low_hu = {config.low_hu}",
        f"high_hu = {config.high_hu}",
        "",
        "[score]",
        "# score = 1 / (1 + exp(-(slope * logit + intercept))), fitted on scans left out of phase 1",
        f"slope = {measured.slope:.4f}",
        f"intercept = {measured.intercept:.4f}",
        f"default_min_score = {measured.threshold:.4f}",
        "",
        "[data]",
        'scans = "LIDC-IDRI (Armato et al. 2011, doi 10.7937/K9/TCIA.2015.LO9QL9SX) and QIN LUNG CT '
        '(Kalpathy-Cramer et al. 2015, doi 10.7937/K9/TCIA.2015.NPGZYZBZ), CC BY 3.0"',
        'nodules = "shapes of LIDC-IDRI readers blended into real scans; real nodules of the scans and of HU crops"',
        "",
        "[recipe]",
        'command = "lungcad train detector --data DATA --out OUT"',
        f"phase1_steps = {recipe.first.steps}",
        f"phase2_steps = {recipe.second.steps}",
        f"batch = {recipe.first.batch}",
        f"seeds = [{recipe.first.seed}, {recipe.second.seed}]",
        f"left_out_of_phase1 = {list(recipe.left_out)}",
        "",
        "[measured]",
        "# On phase 1's left-out scans, with nodules inserted whose shapes come from patients never trained on.",
        "# The shipped weights (phase 2) also learnt from these scans; they were not measured on unseen scans.",
        "# Copies of one scan are not independent: the intervals hold for these scans, not for other patients.",
        f"scan_copies = {len(matches)}",
        f"inserted_nodules = {sum(len(m.references) for m in matches)}",
        f"froc_false_marks = {list(CPM_POINTS)}",
        f"froc_sensitivity = {[round(float(s), 3) for s in froc(matches)]}",
        f"cpm = {cpm(matches):.3f}",
        f"expected_calibration_error = {measured.calibration_error:.3f}",
    ]
    for fp, (value, (low, high)) in at.items():
        lines.append(f"sensitivity_at_{fp:g}_fp = {{ value = {value:.3f}, ci95 = [{low:.3f}, {high:.3f}] }}")
    lines += ["", "[measured.sensitivity_at_default_by_stratum]"]
    lines += [f'"{k}" = {{ value = {v:.3f}, nodules = {n} }}' for k, (v, n) in by_stratum.items()]
    for nodule in measured.real:
        lines += ["", "[[measured.real_nodules]]", f'scan = "{nodule.scan}"', f"diameter_mm = {nodule.diameter_mm:.1f}"]
        lines.append(f"score = {'nan' if nodule.score is None else f'{nodule.score:.3f}'}")
        lines.append(f"false_marks_above = {nodule.false_marks_above}")
        lines.append(f"at_least_two_readers = {str(nodule.sure).lower()}")
    return "\n".join(lines) + "\n"
