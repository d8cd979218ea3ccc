"""`lungcad evaluate-crops`: an archive of readers' crops to a document of figures."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path

from cad.policy import Policy
from models.nodules.crop_evaluation import evaluation, measurable, read_by
from models.nodules.lidc_crops import read_crops
from models.nodules.lidc_vois import is_volumes, read_volumes
from models.nodules.reader import load_nodule_networks
from models.nodules.volume_evaluation import COARSER, FINER, OWN, volume_document, volume_readings

SCHEMA, VOLUMES_SCHEMA = "lungcad.crops/1", "lungcad.volumes/1"


def evaluate_crops(archive: Path, device: str, say: Callable[[str], None]) -> dict[str, object]:
    """The figures of the installed networks on an archive in the layout of `models.nodules.lidc_crops`, or volumes of
    one in that of `models.nodules.lidc_vois`.

    A nodule whose patient the networks learnt from is read by the member that never saw that patient and, where every
    member may have, left out; `read_by` says how many were. Raises Refusal when the file is no such archive and
    Unavailable when the device is absent.
    """
    networks = load_nodule_networks(device)
    models = [{"name": m.name, "version": m.version, "sha256": m.sha256} for m in networks.identities]
    if is_volumes(archive):
        volumes = read_volumes(archive)
        say(f"measuring {len(volumes)} nodules on three grids")
        measured_volumes = volume_readings(volumes, networks, Policy(), say)
        return {"schema": VOLUMES_SCHEMA, "volumes": volume_document(measured_volumes), "models": models}
    nodules = measurable(read_crops(archive))
    say(f"reading {len(nodules)} nodules with at least 3 readers")
    measured, readings = read_by(networks, nodules)
    strange = sum(n.patient not in networks.patients for n in measured)
    document = evaluation(measured, readings)
    return {
        "schema": SCHEMA,
        **document,
        "read_by": {
            "all_members": strange,
            "the_member_that_never_saw_the_patient": len(measured) - strange,
            "left_out_as_learnt_from": len(nodules) - len(measured),
        },
        "models": models,
    }


def summary_line(document: Mapping[str, object]) -> str:
    """The main figures in a line."""
    if document["schema"] == VOLUMES_SCHEMA:
        return _volumes_line(document)
    dice, readers, malignancy = document["dice"], document["reader_dice"], document["malignancy"]
    assert isinstance(dice, dict)
    assert isinstance(readers, dict)
    assert isinstance(malignancy, dict)
    return (
        f"{document['nodules']} nodules: Dice {_shown(dice['mean'])} (readers {_shown(readers['mean'])}), "
        f"suspicion AUC {_shown(malignancy['auc'])}, ECE {_shown(malignancy['ece'])}"
    )


def _volumes_line(document: Mapping[str, object]) -> str:
    volumes = document["volumes"]
    assert isinstance(volumes, dict)
    if "all" not in volumes:
        return "0 nodules"
    own, variation = volumes["all"][OWN], volumes["all"][f"variation, {OWN}, {FINER}, {COARSER}"]
    return (
        f"{own['nodules']} nodules: median volume ratio to the readers {own['median_ratio']:.2f}, "
        f"coefficient of variation between grids {variation.get('median', math.nan):.3f}"
    )


def _shown(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else "unknown"
