"""Malformed inputs by file and by C-STORE: crashes, hangs, memory, what is left, and whether the next good one is read.

python -m tests.endurance.hostile [--files 250] [--objects 3000]
"""

from __future__ import annotations

import argparse
import functools
import io
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from pynetdicom import AE, _config
from pynetdicom.association import Association

from tests.endurance.stage import Stage, a_stage, chests, quiet, use_of
from tests.integration.rigs import wait_for
from tests.made.series import save_series
from tests.places import ROOT
from tests.slow.fuzz.changes import broken_bytes, broken_dataset

LONGEST_S, LARGEST_MB = 60.0, 3000.0
EACH_ASSOCIATION = 50
MEASURED = """
import resource, sys
from cad.commands.main import main
code = main(sys.argv[1:])
print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, file=sys.stderr)
sys.exit(code)
"""


def by_file(number: int) -> int:
    """Runs `lungcad analyze` on series with broken files; how many ended otherwise than they may."""
    rng = random.Random(1)
    (chest,) = chests("hostile", 1)
    wrong, ends = 0, Counter[int]()
    for n in range(number):
        with tempfile.TemporaryDirectory() as name:
            folder = save_series(chest, Path(name) / "ct")
            for path in rng.sample(sorted(folder.iterdir()), rng.choice([1, 3, len(chest)])):
                path.write_bytes(broken_bytes(path.read_bytes(), rng))
            command = [sys.executable, "-c", MEASURED, "analyze", str(folder), "--out", f"{name}/out"]
            began = time.monotonic()
            done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=600, check=False)
            seconds, said = time.monotonic() - began, done.stderr.decode()
            peak = float(said.rpartition("peak ")[2] or "inf")
            ends[done.returncode] += 1
            left = list(Path(f"{name}/out").glob("**/*")) if done.returncode else []
            bad = done.returncode not in (0, 3) or "Traceback" in said or seconds > LONGEST_S or peak > LARGEST_MB
            if bad or left:
                wrong += 1
                print(
                    f"file {n}: exit {done.returncode}, {seconds:.0f} s, {peak:.0f} MB, {len(left)} left: {said[-300:]}"
                )
    print(f"{number} by file: exits {dict(ends)}, {wrong} wrong", flush=True)
    return wrong


def by_c_store(number: int) -> int:
    """Sends broken objects to a service; how many things went wrong."""
    rng = random.Random(2)
    with a_stage() as stage:
        (service,) = stage.services
        statuses, largest, began = Counter[str](), 0.0, time.monotonic()
        for start in range(0, number, EACH_ASSOCIATION):
            for status in _send(stage, min(EACH_ASSOCIATION, number - start), rng):
                statuses[status] += 1
            largest = max(largest, use_of(service).largest_mb)
        print(f"{number} by C-STORE in {time.monotonic() - began:.0f} s: {dict(statuses)}", flush=True)
        (good,) = chests("good", 1)
        began = time.monotonic()
        stage.orthanc.send(good, stage.folder)
        service.wait_until("done", good[0].SeriesInstanceUID)
        waited = time.monotonic() - began
        ends = wait_for(lambda: _ended(service.health()["jobs"]), "every job to end", patience_s=600)
        aside = len(list((service.data_folder / "spool" / "aside").glob("*")))
        with suppress(AssertionError):  # what is left is counted
            wait_for(lambda: not _partial(stage), "nothing to be left behind", patience_s=30)
        partial = _partial(stage)
        print(f"the next good series took {waited:.0f} s; largest process {largest:.0f} MB")
        print(f"jobs {ends}; {aside} set aside")
        for told in service.log.split("cad.service.dispatch: ")[1:]:
            if ": unexpected " in told[:80]:
                print(told[:4000])
        print(f"left behind: {len(partial)}; tracebacks in the log: {service.log.count('Traceback')}")
        return len(partial) + (waited > LONGEST_S) + (largest > LARGEST_MB) + int((ends or {}).get("failed", 0) > 0)


def _partial(stage: Stage) -> list[str]:
    return [name for name in stage.left_behind() if not name.startswith(("spool/aside", ".probe"))]


def _ended(jobs: dict[str, int]) -> dict[str, int] | None:
    return None if any(jobs.get(state) for state in ("queued", "running", "delivering")) else jobs


def _send(stage: Stage, number: int, rng: random.Random) -> list[str]:
    """One association with so many broken objects; the status of each."""
    _config.STORE_SEND_CHUNKED_DATASET = True
    entity = AE("HOSTILE")
    entity.add_requested_context(CTImageStorage, ExplicitVRLittleEndian)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 30
    port = int(stage.services[0].environment["LUNGCAD_SCP_PORT"])
    association = entity.associate("127.0.0.1", port, ae_title="LUNGCAD")
    if not association.is_established:
        return ["no association"] * number
    found = [_store(association, stage.folder, rng) for _ in range(number)]
    association.release()
    return found


def _store(association: Association, folder: Path, rng: random.Random) -> str:
    image = rng.choice(_images())
    if rng.random() < 0.5:
        image = broken_dataset(image, rng)
    try:
        content = _encoded(image)
    except Exception:  # noqa: BLE001 - what cannot even be written is broken as bytes instead
        content = _encoded(_images()[0])
    head = content.index(b"\x08\x00\x05\x00") if b"\x08\x00\x05\x00" in content else 400
    body = content[head:] if rng.random() < 0.3 else broken_bytes(content[head:], rng)
    path = folder / "broken.dcm"
    path.write_bytes(content[:head] + body)
    try:
        answer = association.send_c_store(path)
    except Exception as problem:  # noqa: BLE001 - our own sender refuses to send some of it
        return f"unsendable ({type(problem).__name__})"
    return f"0x{answer.Status:04X}" if "Status" in answer else "no answer"


@functools.lru_cache(maxsize=1)
def _images() -> list[Dataset]:
    """Those of ten series, which are broken on their way."""
    return [image for chest in chests("hostile", 10) for image in chest]


def _encoded(image: Dataset) -> bytes:
    content = io.BytesIO()
    image.save_as(content, enforce_file_format=True)
    return content.getvalue()


def main() -> int:
    """Runs both and prints what went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=250)
    parser.add_argument("--objects", type=int, default=3000)
    arguments = parser.parse_args()
    quiet()
    wrong = by_c_store(arguments.objects) if arguments.objects else 0
    wrong += by_file(arguments.files) if arguments.files else 0
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
