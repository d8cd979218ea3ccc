"""Long runs against real processes, too long for every test run: each is a command that prints what it counted.

python -m tests.endurance.kills     SIGKILL of service, worker and Orthanc at moments of a job
python -m tests.endurance.hostile   malformed inputs by file and by C-STORE
python -m tests.endurance.rounds    many series in a row: rate, memory, handles, disk
python -m tests.endurance.stranger  what another user of the machine can read and reach
"""
