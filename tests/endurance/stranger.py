"""What another user of the machine can do to a running service: read its files and environment, talk to its ports.

python -m tests.endurance.stranger     (as root, which starts the service and then becomes nobody)
"""

from __future__ import annotations

import os
import pwd
import socket
import subprocess
import sys
from pathlib import Path

from tests.endurance.stage import Stage, a_stage, chests, quiet

NOBODY = "nobody"

LOOK = r"""
import pathlib, socket, sys
folder, pids, ports = pathlib.Path(sys.argv[1]), sys.argv[2].split(","), [int(p) for p in sys.argv[3].split(",")]
found = []
def readable(path):
    try:
        with open(path, "rb") as file:
            return bool(file.read(1)) or True
    except OSError:
        return False
try:
    found += [f"readable: {path}" for path in folder.rglob("*") if path.is_file() and readable(path)]
except OSError:
    pass
for pid in pids:
    found += [f"readable: /proc/{pid}/{name}" for name in ("environ", "mem", "maps") if readable(f"/proc/{pid}/{name}")]
for port in ports:
    for first in (b"GET / HTTP/1.0\r\n\r\n", b"\x00" * 64, b"{}\n"):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=3) as connection:
                connection.settimeout(3)
                connection.sendall(first)
                answer = connection.recv(200)
        except OSError:
            continue
        if answer:
            found.append(f"port {port} answers {answer[:60]!r}")
print("\n".join(found))
"""


def ports_of(stage: Stage) -> dict[int, str]:
    """The ports that a service and its workers listen on, by process."""
    processes = [stage.services[0].process, *stage.services[0].process.children(recursive=True)]
    return {
        connection.laddr.port: process.name()
        for process in processes
        for connection in process.net_connections("tcp")
        if connection.status == "LISTEN"
    }


def main() -> int:
    """Starts a service with a token, looks at it as nobody, and prints what was found."""
    if os.getuid() != 0:
        print("only root can become somebody else")
        return 2
    quiet()
    with a_stage(api_token="a-secret-token") as stage:
        service = stage.services[0]
        (chest,) = chests("stranger", 1)
        stage.orthanc.send(chest, stage.folder)
        socket.setdefaulttimeout(5)
        stage.folder.chmod(0o755)
        processes = [service.process, *service.process.children(recursive=True)]
        ports = ports_of(stage)
        command = [sys.executable, "-c", LOOK, str(service.data_folder)]
        command += [",".join(str(process.pid) for process in processes), ",".join(map(str, ports))]
        user = pwd.getpwnam(NOBODY).pw_uid
        seen = subprocess.run(
            ["/usr/bin/python3", *command[1:]],
            user=user,
            cwd="/",
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        files = sum(1 for _ in Path(service.data_folder).rglob("*"))
        print(f"{len(ports)} ports, {len(processes)} processes, {files} files")
        print(seen.stdout.strip() or "nothing is readable and nothing answers", seen.stderr[-500:])
    return 0


if __name__ == "__main__":
    sys.exit(main())
