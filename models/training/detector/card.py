"""The shipped detector as files: weights as safetensors and the model card as TOML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file

from models.detector.detector import DETECTOR_NAME
from models.detector.rpn3d import Rpn3d
from models.running.cards import PREFIX, Score, sha256_of
from models.training.detector.report import Variant, measured_lines
from models.training.detector.summary import Summary


@dataclass(frozen=True, slots=True, eq=False)
class Shipped:
    """The network that is shipped, how its logit becomes a score, and what the recipe says of it.

    `min_logit` is the logit below which nothing is looked at; `recipe` are lines of TOML.
    """

    network: Rpn3d
    score: Score
    min_logit: float
    version: str
    recipe: tuple[str, ...]


def write_card(shipped: Shipped, found: Summary, variants: Sequence[Variant], out: Path) -> Path:
    """The path of the card, with the weights beside it."""
    weights = out / f"{DETECTOR_NAME}.safetensors"
    save_file({PREFIX + k: _stored(v) for k, v in shipped.network.state_dict().items()}, weights)
    card = out / f"{DETECTOR_NAME}.toml"
    card.write_text(card_text(shipped, found, variants, sha256_of(weights)), encoding="utf-8")
    return card


def _stored(value: torch.Tensor) -> torch.Tensor:
    """Kernels in half precision, which halves the file and moves scores by less than 0.001; the rest as it is."""
    value = value.detach().cpu().contiguous()
    return value.half() if value.ndim > 1 else value


def card_text(shipped: Shipped, found: Summary, variants: Sequence[Variant], sha256: str) -> str:
    """The model card: what was learnt from, how, and what was measured on what."""
    config = shipped.network.config
    lines = [
        f'version = "{shipped.version}"',
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
        "mirrored = true",
        "",
        "[score]",
        "# score = 1 / (1 + exp(-(weight * logit + intercept))), fitted on all left-out readings;",
        "# the default lets 1 false mark per scan pass there",
        f"weight = {shipped.score.weight:.4f}",
        f"intercept = {shipped.score.intercept:.4f}",
        f"min_logit = {shipped.min_logit}",
        f"default_min_score = {found.threshold:.4f}",
        "",
        "[data]",
        'scans = "LIDC-IDRI (Armato et al. 2011, doi 10.7937/K9/TCIA.2015.LO9QL9SX) and QIN LUNG CT '
        '(Kalpathy-Cramer et al. 2015, doi 10.7937/K9/TCIA.2015.NPGZYZBZ), CC BY 3.0"',
        'nodules = "shapes of LIDC-IDRI readers blended into real scans; real nodules of the scans and of HU crops"',
        "",
        "[recipe]",
        'command = "lungcad train detector --data DATA --out OUT"',
        *shipped.recipe,
        "",
        *measured_lines(found, variants),
    ]
    return "\n".join(lines) + "\n"
