"""Many series in a row: series per hour, memory and handles at 10, 100, 200 jobs, disk.

python -m tests.endurance.rounds --jobs 200            a quick analysis of a small phantom
python -m tests.endurance.rounds --jobs 60 --networks  the installed networks on simulated chests
"""

from __future__ import annotations

import argparse
import sys
import time

from tests.endurance.stage import a_stage, disk_mb, quiet, use_of
from tests.integration.rigs import ServiceRig, a_chest

AT_ONCE = 10
SHOWN = (10, 20, 40, 60, 100, 150, 200)


def main() -> int:
    """Sends series one after another and prints what they cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--networks", action="store_true", help="the installed networks instead of a quick analysis")
    arguments = parser.parse_args()
    quiet()
    if arguments.networks:
        ServiceRig.module = "cad.commands.main"
        ServiceRig.arguments = ("serve",)
    began = time.monotonic()
    with a_stage(worker_jobs=100_000) as stage:
        (service,) = stage.services
        done = 0
        while done < arguments.jobs:
            batch = [a_chest(f"rounds/{done + n}") for n in range(min(AT_ONCE, arguments.jobs - done))]
            for chest in batch:
                stage.orthanc.send(chest, stage.folder)
            for chest in batch:
                service.wait_until("done", chest[0].SeriesInstanceUID)
            done += len(batch)
            if done in SHOWN or done == arguments.jobs:
                use, passed = use_of(service), time.monotonic() - began
                print(
                    f"{done} jobs: {3600 * done / passed:.0f} an hour; service {use.service_mb:.0f} MB, "
                    f"worker {use.workers_mb:.0f} MB, {use.handles} handles, "
                    f"{disk_mb(service.data_folder):.1f} MB on disk",
                    flush=True,
                )
    return 0


if __name__ == "__main__":
    sys.exit(main())
