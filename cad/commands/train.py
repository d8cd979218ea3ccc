"""`lungcad train`: one network, from data to weights and card."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cad.commands.options import Commands, Whole, existing, say

TRAINING_FILES = ("ct/truth.json", "lidc_crops.npz", "lidc_hu_crops.npz")


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """The arguments of the command."""
    command = commands.add_parser("train", help="one network, from data to weights and card")
    networks = command.add_subparsers(required=True, metavar="NETWORK")
    detector = _add_training(networks, "detector", "the nodule detector")
    detector.add_argument("--docs", type=Path, metavar="DIR", help="folder of detector.md and its plots (default OUT)")
    detector.add_argument(
        "--compare", action="store_true", help="train and measure the variants only; their table is then published"
    )
    _add_training(networks, "segmentation", "the networks that outline nodules")
    _add_training(networks, "malignancy", "the networks that rate nodules, on outlines of the installed ones")
    _add_training(networks, "calcium", "what finds the heart and names calcified lesions")
    _add_training(networks, "lungs", "what says where lungs are to be expected")
    _add_training(networks, "masses", "what finds and outlines masses")


def _add_training(networks: Commands[argparse.ArgumentParser], name: str, words: str) -> argparse.ArgumentParser:
    command = networks.add_parser(name, help=words)
    command.add_argument(
        "--data",
        type=_training_data,
        required=True,
        metavar="DIR",
        help="folder with ct/, ct/truth.json, lidc_crops.npz and lidc_hu_crops.npz",
    )
    command.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="weights, card and checkpoints; resumes what is there"
    )
    command.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where to train")
    command.add_argument(
        "--processes", type=Whole(1, 64), metavar="N", help="networks trained at once (default: one a core; CUDA: one)"
    )
    command.set_defaults(run=run, network=name, docs=None, compare=False)
    return command


def run(arguments: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    import logging

    from cad.case.networks import usable_cores
    from cad.commands.training import TRAININGS, TrainingOrder, compare_variants_from

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    processes = arguments.processes or (usable_cores() if arguments.device == "cpu" else 1)
    docs = arguments.docs or arguments.out
    order = TrainingOrder(arguments.data, arguments.out, docs, arguments.device, processes)
    if arguments.compare:
        print(f"comparison: {compare_variants_from(order, say)}")
        return 0
    card = TRAININGS[arguments.network](order, say)
    print(f"weights and card: {card.with_suffix('.safetensors')}, {card}")
    return 0


def _training_data(text: str) -> Path:
    folder = existing(text)
    missing = [name for name in TRAINING_FILES if not (folder / name).is_file()]
    if missing:
        raise argparse.ArgumentTypeError(f"{text} has no {missing[0]}")
    return folder
