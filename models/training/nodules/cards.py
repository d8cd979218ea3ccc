"""The cards of the networks that outline and rate nodules: what was learnt from, how, and what was measured."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from models.nodules.crop_evaluation import evaluation
from models.nodules.folds import FOLDS, MEMBERS
from models.nodules.lidc_crops import RatedNodule
from models.nodules.networks import TrunkConfig
from models.training.loop import PhaseRecipe
from models.training.nodules.measurement import RatedCrops, compare_nested, cross_fit, fit_calibration
from models.training.nodules.outlines import OutlineRecipe
from models.training.nodules.ratings import RatingRecipe

LIDC = (
    "LIDC-IDRI (Armato et al. 2011, doi 10.7937/K9/TCIA.2015.LO9QL9SX), CC BY 3.0; "
    "QIN LUNG CT (Kalpathy-Cramer et al. 2015, doi 10.7937/K9/TCIA.2015.NPGZYZBZ), CC BY 3.0, as backgrounds"
)


def outline_card_text(
    recipe: OutlineRecipe, nodules: Sequence[RatedNodule], found: Mapping[str, object], sha256: str
) -> str:
    """The outlining networks' card."""
    use = "Outlines a lung nodule whose centre is given, on chest CT. Not a medical device."
    return "\n".join(
        [
            *_head(recipe.version, sha256, use),
            *_network(recipe.config),
            *_data(nodules, "masks of the nodules that at least half of their readers marked; blended nodules"),
            *_recipe(recipe.member, "segmentation"),
            "[measured]",
            f"# Nodules of {MEMBERS} of {FOLDS} folds with 3 readers or more, by the member that never saw them; all",
            "# members together, as shipped, were not measured. Intervals: 95 %, resampling patients.",
            *_measured(found, ("nodules", "patients", "dice", "reader_dice")),
            "",
        ]
    )


def rating_card_text(recipe: RatingRecipe, nodules: Sequence[RatedNodule], crops: RatedCrops, sha256: str) -> str:
    """The rating networks' card."""
    calibration, found, compared = (
        fit_calibration(crops),
        evaluation(crops.nodules, cross_fit(crops)),
        compare_nested(crops),
    )
    use = (
        "Says what radiologists would say of a lung nodule: suspicion of cancer and the LIDC-IDRI ratings. It is a "
        "score of radiologists' suspicion, not of proven cancer. Not a medical device."
    )
    lines = {"suspicion": calibration.suspicion, "calcified": calibration.calcified, **calibration.rated}
    gain, low, high = compared.gain
    return "\n".join(
        [
            *_head(recipe.version, sha256, use),
            *_network(recipe.config),
            "[calibration]",
            "# [slope, intercept] of each output, fitted on all nodules, each read by the member that never saw it",
            *(f"{name} = [{line.slope:.4f}, {line.intercept:.4f}]" for name, line in lines.items()),
            "",
            *_data(nodules, "ratings of one to four readers; no diagnosis"),
            *_recipe(recipe.member, "malignancy"),
            "[measured]",
            f"# Nodules of {MEMBERS} of {FOLDS} folds with 3 readers or more, by members that never saw them;",
            "# calibrated on others; all together, as shipped, were not measured. Intervals: 95 %, patients.",
            *_measured(found, ("nodules", "patients", "malignancy", "attributes")),
            "",
            "[nested]",
            "# AUC of the readers' suspicion by size, by the network, by both, by size with the readers' own ratings",
            f"volume = {compared.volume:.4f}",
            f"network = {compared.network:.4f}",
            f"volume_and_network = {compared.volume_and_network:.4f}",
            f"volume_and_readers_attributes = {compared.volume_and_readers:.4f}",
            f"gain_over_volume = {gain:.4f}",
            f"gain_ci95 = [{low:.4f}, {high:.4f}]",
            "",
        ]
    )


def _head(version: str, sha256: str, use: str) -> list[str]:
    return [
        f'version = "{version}"',
        f'sha256 = "{sha256}"',
        'licence = "Apache-2.0 (weights); learnt from data under CC BY 3.0, see data"',
        f"use = {json.dumps(use)}",
        "",
    ]


def _network(config: TrunkConfig) -> list[str]:
    return ["[network]", f"members = {MEMBERS}", f"channels = {list(config.channels)}", ""]


def _data(nodules: Sequence[RatedNodule], truth: str) -> list[str]:
    patients = sorted({n.patient for n in nodules})
    return [
        "[data]",
        f"scans = {json.dumps(LIDC)}",
        f"truth = {json.dumps(truth)}",
        f"nodules = {len(nodules)}",
        f"# member n of {MEMBERS} left out fold n of {FOLDS}, by the patient's name (models/nodules/folds.py)",
        f"patients = {json.dumps(patients)}",
        "",
    ]


def _recipe(member: PhaseRecipe, command: str) -> list[str]:
    return [
        "[recipe]",
        f'command = "lungcad train {command} --data DATA --out OUT"',
        f"steps = {member.steps}",
        f"learning_rate = {member.learning_rate}",
        f"weight_decay = {member.weight_decay}",
        f"seed = {member.seed}",
        "",
    ]


def _measured(found: Mapping[str, object], names: Sequence[str]) -> list[str]:
    return [f"{name} = {_inline(found[name])}" for name in names]


def _inline(value: object) -> str:
    """A value as inline TOML; what is unknown is left out of a table."""
    if isinstance(value, Mapping):
        parts = (f"{name} = {_inline(part)}" for name, part in value.items() if part is not None)
        return f"{{{', '.join(parts)}}}"
    return json.dumps(value)
