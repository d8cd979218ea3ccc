"""The `lungcad` command.

Exit codes: 0 done (also when nothing was found), 1 a bug (traceback on stderr), 2 wrong arguments, 3 refused,
4 a needed system is unavailable. What a command needs is imported when it runs, so that help is quick.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from cad.case.folders import FolderInUse, check_free, complete_folder
from cad.errors import Refusal, Unavailable

if TYPE_CHECKING:
    from cad.case.case import CaseResult
    from cad.case.networks import CaseTools, Machinery
    from cad.case.stopwatch import Stopwatch
    from cad.domain import FloatArray

WRONG_ARGUMENTS, REFUSED, UNAVAILABLE = 2, 3, 4

TRAINING_FILES = ("ct/truth.json", "lidc_crops.npz", "lidc_hu_crops.npz")

PARTS = ("nodules", "calcium")
"""The values of `cad.case.request.Part`, without its imports."""

LEAST_SCORE = 0.05
"""The least score of a mark in a validation: FROC needs marks far below the threshold of the reports."""

LANGUAGES = ("en", "zh", "both")
"""The values of `cad.report.words.language.Language`, without its imports."""

RUNTIMES = ("auto", "torch", "openvino")
"""`models.running.runtimes.RUNTIMES`, without its imports."""


LoadTools = Callable[["Machinery"], "CaseTools"]


def load_tools(machinery: Machinery) -> CaseTools:
    """The trained networks; imported when they are needed."""
    from cad.case.networks import load_tools as load

    return load(machinery)


def main(argv: Sequence[str] | None = None, load: LoadTools = load_tools) -> int:
    """Runs one command and returns its exit code; bugs leave as exceptions, and Python exits with 1.

    `load` gives the networks, and is called only when a series is fit for analysis.
    """
    arguments = _parser().parse_args(argv)
    arguments.load = load
    before = signal.signal(signal.SIGTERM, _leave_on_signal)
    try:
        code: int = arguments.run(arguments)
    except Refusal as refusal:
        print(f"refused ({refusal.reason}): {refusal.text}", file=sys.stderr)
        return REFUSED
    except Unavailable as unavailable:
        print(f"unavailable ({unavailable.what}): {unavailable.text}", file=sys.stderr)
        return UNAVAILABLE
    except FolderInUse as problem:
        print(f"lungcad: {problem}", file=sys.stderr)
        return WRONG_ARGUMENTS
    finally:
        signal.signal(signal.SIGTERM, before)
    return code


def _leave_on_signal(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - signature of a signal handler
    """Turns SIGTERM into an exit that runs every clean-up."""
    raise SystemExit(128 + number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lungcad", description="Open chest-CT nodule reader beside a PACS.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_analyze(commands)
    _add_serve(commands)
    _add_simulate(commands)
    _add_validate(commands)
    _add_train(commands)
    _add_evaluate_crops(commands)
    _add_evaluate_followup(commands)
    _add_register(commands)
    _add_bench(commands)
    _add_demo(commands)
    return parser


def _add_analyze(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = commands.add_parser("analyze", help="one CT series to SR, SEG, findings.json and a report")
    command.add_argument(
        "series", type=_existing, nargs="+", metavar="SERIES", help="folder, zip archive or files, in any order"
    )
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="new folder for the results")
    command.add_argument(
        "--prior", type=_existing, nargs="+", action="extend", metavar="SERIES", help="earlier examinations, one each"
    )
    command.add_argument("--patient", type=_existing_file, metavar="FILE.json", help="risk factors of the patient")
    command.add_argument("--only", type=_parts, metavar="PARTS", help="nodules, calcium or both, with a comma between")
    command.add_argument("--min-score", type=_score, metavar="S", help="least score of a mark, 0..1")
    command.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where the networks run")
    command.add_argument(
        "--runtime", choices=RUNTIMES, default="auto", help="what runs lungcad's networks (auto: torch)"
    )
    command.add_argument(
        "--detector", type=_detector, default="lungcad", metavar="WHICH", help="lungcad or monai-bundle:FOLDER"
    )
    command.add_argument(
        "--language", choices=LANGUAGES, default="both", help="of the report: English, Chinese or both (default)"
    )
    command.add_argument("--images", action="store_true", help="also write overlay/*.png")
    command.set_defaults(run=_analyze)


def _analyze(arguments: argparse.Namespace) -> int:
    from cad.case.files import Order, write_refusal, write_results
    from cad.case.stopwatch import Stopwatch

    check_free(arguments.out)
    stopwatch = Stopwatch(_say)
    try:
        result = _case(arguments, stopwatch)
    except Refusal as refusal:
        write_refusal(refusal, arguments.out)
        raise
    document = write_results(result, Order(arguments.out, arguments.images), stopwatch)
    print(_summary(document, arguments.out))
    return 0


def _case(arguments: argparse.Namespace, stopwatch: Stopwatch) -> CaseResult:
    """Reads and analyses the series that the arguments name. Raises Refusal."""
    from cad.case.case import read_case
    from cad.case.patient import parse_patient
    from cad.case.request import CaseRequest, Part
    from cad.domain import ClinicalContext
    from cad.policy import Policy
    from cad.report.words.language import Language
    from dicom_io.read.priors import Priors, load_priors
    from dicom_io.read.reading import load_series

    context = ClinicalContext() if arguments.patient is None else parse_patient(arguments.patient.read_bytes())
    with stopwatch.stage("read"):
        loaded = load_series(arguments.series, Policy().series)
        priors = load_priors(loaded, arguments.prior, Policy().series) if arguments.prior else Priors()
    _say(loaded.series.choice)
    for caution in priors.cautions:
        _say(caution.text)
    request = CaseRequest(
        parts=frozenset(map(Part, arguments.only)) if arguments.only else frozenset(Part),
        min_score=arguments.min_score,
        context=context,
        priors=priors,
        language=Language(arguments.language),
        stopwatch=stopwatch,
    )
    return read_case(loaded, arguments.load(_machinery(arguments)), request)


def _machinery(arguments: argparse.Namespace) -> Machinery:
    """Which networks run; without those of nodules when these are not asked for."""
    from cad.case.networks import Machinery

    nodules = not arguments.only or "nodules" in arguments.only
    return Machinery(arguments.device, arguments.detector, arguments.runtime, nodules)


def _say(text: str) -> None:
    print(f"lungcad: {text}", file=sys.stderr, flush=True)


def _summary(document: Mapping[str, Any], folder: Path) -> str:
    """What was found and where it is, in one line."""
    nodules = document["nodules"]
    if nodules is None:
        found = "nodules not assessed"
    else:
        sizes = [nodule["diameters_mm"]["mean"] for nodule in nodules]
        count = f"{len(sizes)} nodule{'' if len(sizes) == 1 else 's'}"
        found = f"{count}, the largest {max(sizes):.1f} mm" if sizes else "no nodule"
        found += _changes(document["followup"])
    slices, seconds = document["series"]["slices"], document["timings_s"]["total"]
    said = "; ".join([f"{found} in {slices} slices", *_calcium_summary(document["calcium"])])
    return f"{said}; {seconds:.1f} s; results in {folder}"


def _calcium_summary(calcium: Mapping[str, Any]) -> list[str]:
    """What is said of coronary calcium; nothing when it was not asked for."""
    if calcium["status"] == "scored":
        categories = ", ".join(f"{one['scheme']}: {one['value']}" for one in calcium["categories"])
        return [f"coronary calcium {calcium['agatston']:.1f} Agatston, {calcium['estimate']} estimate ({categories})"]
    if calcium["reason"] == "not-requested":
        return []
    return [f"coronary calcium not assessed ({calcium['reason']})"]


def _changes(followup: Mapping[str, Any] | None) -> str:
    """How many nodules have which status; nothing when nothing was compared."""
    if followup is None:
        return ""
    counts = Counter(nodule["status"] for nodule in followup["nodules"])
    order = ("growing", "stable", "shrinking", "new", "resolved")
    named = ", ".join(f"{counts[status]} {status}" for status in order if counts[status])
    return f" ({named or 'nothing to compare'} since {followup['prior_acquired']})"


def _existing(text: str) -> Path:
    path = Path(text)
    if not path.exists():
        raise argparse.ArgumentTypeError(f"there is no {text}")
    return path


def _existing_file(text: str) -> Path:
    path = _existing(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"{text} is not a file")
    return path


def _parts(text: str) -> tuple[str, ...]:
    parts = tuple(part.strip() for part in text.split(","))
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(PARTS)}")
    return parts


def _detector(text: str) -> str:
    which, _, folder = text.partition(":")
    if which not in ("lungcad", "monai-bundle") or (which == "lungcad") == bool(folder):
        raise argparse.ArgumentTypeError(f"{text!r} is neither lungcad nor monai-bundle:FOLDER")
    if folder:
        _existing(folder)
    return text


def _score(text: str) -> float:
    score = float(text)
    if not 0 <= score <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not in 0..1")
    return score


def _add_serve(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = commands.add_parser("serve", help="the service beside Orthanc")
    command.add_argument("--config", type=_existing_file, metavar="FILE", help="settings as TOML")
    command.set_defaults(run=_serve)


def _serve(arguments: argparse.Namespace) -> int:
    from cad.commands.wiring import serve
    from cad.service.analysis import installed_analysis
    from cad.service.settings import SettingsError, load_settings

    try:
        settings = load_settings(arguments.config)
    except SettingsError as problem:
        _say(str(problem))
        return WRONG_ARGUMENTS
    return serve(settings, installed_analysis)


def _add_simulate(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = commands.add_parser("simulate", help="a deterministic synthetic chest CT study as DICOM, with its truth")
    command.add_argument("out", type=Path, metavar="OUT", help="new folder for series and truth.json")
    command.add_argument("--seed", type=_Whole(0, 2**32 - 1), default=0, help="which patient (default 0)")
    command.add_argument("--nodules", type=_Whole(0, 20), default=3, help="how many nodules (default 3)")
    command.add_argument("--followup", type=_Whole(1, 3650), metavar="DAYS", help="a second visit after DAYS")
    command.add_argument("--calcium", action="store_true", help="with calcified coronary plaques")
    command.set_defaults(run=_simulate)


def _simulate(arguments: argparse.Namespace) -> int:
    from models.phantom.simulation import Recipe, simulate

    recipe = Recipe(arguments.seed, arguments.nodules, arguments.followup, arguments.calcium)
    with complete_folder(arguments.out) as partial:
        visits = [folder.relative_to(partial) for folder in simulate(partial, recipe)]
    for visit in visits:
        print(f"{arguments.out / visit / 'series'}  (truth: {arguments.out / visit / 'truth.json'})")
    return 0


def _add_validate(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = commands.add_parser("validate", help="a batch of series with references: FROC, agreement, report")
    command.add_argument(
        "manifest", type=_existing_file, metavar="MANIFEST", help="CSV or JSON list of series and truth, perhaps prior"
    )
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="new folder for report.json, report.md")
    command.add_argument("--only", type=_parts, metavar="PARTS", help="nodules, calcium or both, with a comma between")
    command.add_argument(
        "--min-score", type=_score, default=LEAST_SCORE, metavar="S", help=f"least score of a mark ({LEAST_SCORE})"
    )
    command.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where the networks run")
    command.add_argument("--runtime", choices=RUNTIMES, default="auto", help="what runs lungcad's networks")
    command.add_argument("--detector", type=_detector, default="lungcad", metavar="WHICH", help="as for analyze")
    command.set_defaults(run=_validate, patient=None, language="en")


def _validate(arguments: argparse.Namespace) -> int:
    from functools import cache

    from cad.case.stopwatch import Stopwatch
    from cad.commands.references import BadReference, ManifestRow, read_manifest
    from cad.commands.validate import Batch, validate
    from cad.policy import Policy

    check_free(arguments.out)
    try:
        rows = read_manifest(arguments.manifest)
    except BadReference as problem:
        _say(str(problem))
        return WRONG_ARGUMENTS
    load = cache(arguments.load)

    def analyse(row: ManifestRow) -> Mapping[str, Any]:
        prior = None if row.prior is None else [row.prior]
        one = argparse.Namespace(**{**vars(arguments), "series": [row.series], "prior": prior, "load": load})
        return _case(one, Stopwatch()).document

    def threshold() -> float:
        return (
            0.0 if arguments.only == ("calcium",) else load(_machinery(arguments)).networks.detector.default_min_score
        )

    report = validate(Batch(rows, analyse, threshold(), Policy().calcium), arguments.out, _say)
    print(f"{report['read']} of {report['series']} series read; report in {arguments.out}")
    return 0


def _add_register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = commands.add_parser("register", help="where points of one chest CT lie in another")
    scan = "DICOM folder, zip archive, .mha, .nii.gz or .nrrd"
    command.add_argument("fixed", type=_existing, metavar="FIXED", help=scan)
    command.add_argument("moving", type=_existing, metavar="MOVING", help=scan)
    command.add_argument("--points", type=_points, required=True, metavar="POINTS.json", help="LPS mm points of FIXED")
    command.add_argument("--out", type=Path, required=True, metavar="FILE.json", help="the points in MOVING")
    command.add_argument("--fixed-lungs", type=_existing_file, metavar="MASK", help="lungs of FIXED (else segmented)")
    command.add_argument("--moving-lungs", type=_existing_file, metavar="MASK", help="lungs of MOVING (else segmented)")
    command.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where the registration runs")
    command.set_defaults(run=_register)


def _points(text: str) -> FloatArray:
    from cad.commands.register import parse_points

    try:
        return parse_points(_existing_file(text).read_bytes())
    except ValueError as problem:
        raise argparse.ArgumentTypeError(f"{text}: {problem}") from None


def _register(arguments: argparse.Namespace) -> int:
    from cad.commands.register import RegisterOrder, registered_points, write_document
    from cad.policy import Policy
    from models.registration.registrar import TorchRegistrar

    order = RegisterOrder(arguments.fixed, arguments.moving, arguments.fixed_lungs, arguments.moving_lungs)
    document = registered_points(order, arguments.points, TorchRegistrar(arguments.device), Policy())
    write_document(document, arguments.out)
    quality = document["quality"]
    assert isinstance(quality, dict)
    for caution in quality["cautions"]:
        _say(caution["text"])
    print(f"{len(arguments.points)} points, {quality['method']}, {document['seconds']:.1f} s; in {arguments.out}")
    return 0


def _add_demo(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = commands.add_parser("demo", help="a made-up study through an embedded Orthanc and the service")
    command.add_argument("--out", type=Path, default=Path("demo_output"), metavar="DIR", help="folder of it all")
    then = command.add_argument("--then", choices=("exit", "serve", "viewer"), default="exit")
    then.help = "afterwards: end, keep Orthanc and the service running, or put the OHIF viewer in front of them"
    command.set_defaults(run=_demo)


def _demo(arguments: argparse.Namespace) -> int:
    from cad.commands.demo import Afterwards, run_demo

    return run_demo(arguments.out, Afterwards(arguments.then), lambda line: print(line, flush=True))


def _add_evaluate_crops(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = commands.add_parser("evaluate-crops", help="how well nodules are outlined and rated, on readers' crops")
    command.add_argument(
        "crops", type=_existing_file, metavar="FILE.npz", help="nodules with outlines and ratings of several readers"
    )
    command.add_argument("--out", type=Path, required=True, metavar="FILE.json", help="where the figures go")
    command.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where the networks run")
    command.set_defaults(run=_evaluate_crops)


def _evaluate_crops(arguments: argparse.Namespace) -> int:
    from cad.commands.evaluate_crops import evaluate_crops, summary_line

    document = evaluate_crops(arguments.crops, arguments.device, _say)
    arguments.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(summary_line(document))
    return 0


def _add_evaluate_followup(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = commands.add_parser("evaluate-followup", help="how well nodules are followed, on pairs of known course")
    command.add_argument("--data", type=_existing, required=True, metavar="DIR", help="labelled scans and crops")
    command.add_argument("--out", type=Path, required=True, metavar="FILE.json", help="where the figures go")
    command.add_argument("--pairs", type=_Whole(1, 20), default=1, metavar="N", help="pairs of each scan (default 1)")
    command.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where the networks run")
    command.set_defaults(run=_evaluate_followup)


def _evaluate_followup(arguments: argparse.Namespace) -> int:
    from cad.case.networks import Machinery
    from cad.commands.evaluate_followup import PairsOrder, evaluate_followup, summary_line

    order = PairsOrder(arguments.data, arguments.pairs)
    document = evaluate_followup(order, arguments.load(Machinery(arguments.device)), _say)
    arguments.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(summary_line(document))
    return 0


def _add_bench(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = commands.add_parser("bench", help="the detector's speed and memory beside a peer's, on one volume")
    command.add_argument("series", type=_existing, nargs="*", metavar="SERIES", help="default: a simulated study")
    command.add_argument(
        "--registration",
        action="store_true",
        help="instead the registration beside its peers, on FIXED and MOVING (default: a simulated pair)",
    )
    command.add_argument("--landmarks", type=_landmarks, metavar="FILE.json", help="the same points in both, LPS mm")
    command.add_argument("--fixed-lungs", type=_existing_file, metavar="MASK", help="lungs of FIXED (else segmented)")
    command.add_argument("--moving-lungs", type=_existing_file, metavar="MASK", help="lungs of MOVING (else segmented)")
    command.add_argument("--runs", type=_Whole(1, 100), default=3, metavar="N", help="runs after the first (default 3)")
    command.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where the networks run")
    command.add_argument("--skip-peer", action="store_true", help="without MONAI's RetinaNet, which takes minutes")
    command.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    command.set_defaults(run=_bench)


def _landmarks(text: str) -> tuple[FloatArray, FloatArray]:
    from cad.commands.registration_bench import parse_landmarks

    try:
        return parse_landmarks(_existing_file(text).read_bytes())
    except ValueError as problem:
        raise argparse.ArgumentTypeError(f"{text}: {problem}") from None


def _bench_registration(arguments: argparse.Namespace) -> int:
    from cad.commands.register import RegisterOrder
    from cad.commands.registration_bench import RegistrationBenchOrder, as_json, registration_bench, table
    from models.registration.registrar import RegistrationSettings

    pair = None
    if bool(arguments.series) != (arguments.landmarks is not None) or len(arguments.series) not in (0, 2):
        _say("lungcad bench --registration takes FIXED, MOVING and --landmarks, or none of them")
        return WRONG_ARGUMENTS
    if arguments.series:
        fixed, moving = arguments.series
        pair = RegisterOrder(fixed, moving, arguments.fixed_lungs, arguments.moving_lungs)
    order = RegistrationBenchOrder(pair, arguments.landmarks, arguments.device)
    found = registration_bench(order, RegistrationSettings())
    print(table(found))
    if arguments.json is not None:
        arguments.json.write_text(as_json(found), encoding="utf-8")
    return 0


def _bench(arguments: argparse.Namespace) -> int:
    if arguments.registration:
        return _bench_registration(arguments)
    from cad.commands.detector_bench import BenchOrder, as_json, bench, table

    order = BenchOrder(tuple(arguments.series), arguments.device, arguments.runs, not arguments.skip_peer)
    found = bench(order)
    print(table(found))
    if arguments.json is not None:
        arguments.json.write_text(as_json(found), encoding="utf-8")
    return 0


def _add_train(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
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


def _add_training(
    networks: argparse._SubParsersAction[argparse.ArgumentParser], name: str, words: str
) -> argparse.ArgumentParser:
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
        "--processes", type=_Whole(1, 64), metavar="N", help="networks trained at once (default: one a core; CUDA: one)"
    )
    command.set_defaults(run=_train, network=name, docs=None, compare=False)
    return command


def _train(arguments: argparse.Namespace) -> int:
    import logging

    from cad.case.networks import usable_cores
    from cad.commands.train import TRAININGS, TrainingOrder, compare_variants_from

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    processes = arguments.processes or (usable_cores() if arguments.device == "cpu" else 1)
    docs = arguments.docs or arguments.out
    order = TrainingOrder(arguments.data, arguments.out, docs, arguments.device, processes)
    if arguments.compare:
        print(f"comparison: {compare_variants_from(order, _say)}")
        return 0
    card = TRAININGS[arguments.network](order, _say)
    print(f"weights and card: {card.with_suffix('.safetensors')}, {card}")
    return 0


def _training_data(text: str) -> Path:
    folder = _existing(text)
    missing = [name for name in TRAINING_FILES if not (folder / name).is_file()]
    if missing:
        raise argparse.ArgumentTypeError(f"{text} has no {missing[0]}")
    return folder


class _Whole:
    """Parses a whole number within bounds."""

    def __init__(self, low: int, high: int) -> None:
        self.low, self.high = low, high

    def __call__(self, text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
        if not self.low <= number <= self.high:
            raise argparse.ArgumentTypeError(f"{number} is not in {self.low}..{self.high}")
        return number
