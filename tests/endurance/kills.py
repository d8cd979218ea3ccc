"""SIGKILL of service, worker and Orthanc at moments of a job: lost, doubled, left behind.

python -m tests.endurance.kills [--moments 20] [--two]
"""

from __future__ import annotations

import argparse
import random
import sys
import time

from tests.endurance.stage import Stage, a_stage, chests, quiet
from tests.integration.rigs import wait_for

VICTIMS = ("service", "worker", "orthanc")
LONGEST_S = 3.0
"""A job of the quick analysis takes about two seconds from its arrival to its end."""


def kill(stage: Stage, victim: str, number: int) -> None:
    """One death, and the return of what died."""
    service = stage.services[number % len(stage.services)]
    match victim:
        case "service":
            service.kill()
            service.start()
        case "worker":
            service.kill_worker()
        case _:
            stage.orthanc.restart()


def main() -> int:
    """Runs the deaths and prints what was lost, doubled and left."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moments", type=int, default=20)
    parser.add_argument("--two", action="store_true", help="two services on one PostgreSQL table")
    arguments = parser.parse_args()
    quiet()
    rng = random.Random(20261201)
    lost = doubled = 0
    began = time.monotonic()
    with a_stage(2 if arguments.two else 1, postgres=arguments.two) as stage:
        for number in range(arguments.moments):
            for victim in VICTIMS:
                (chest,) = chests(f"kill/{victim}/{number}", 1)
                stage.orthanc.send(chest, stage.folder)
                time.sleep(rng.uniform(0.0, LONGEST_S))
                kill(stage, victim, number)
                stage.services[0].wait_until("done", chest[0].SeriesInstanceUID)
                found = stage.results(chest)
                lost += min(found) < 1
                doubled += max(found) > 1
                print(f"{victim} {number + 1}: results {found}", flush=True)
        wait_for(lambda: not stage.left_behind(), "nothing to be left behind", patience_s=60)
        left = stage.left_behind()
    deaths = arguments.moments * len(VICTIMS)
    print(f"{deaths} deaths: {lost} lost, {doubled} doubled, {len(left)} left behind; {time.monotonic() - began:.0f} s")
    return int(bool(lost or doubled or left))


if __name__ == "__main__":
    sys.exit(main())
