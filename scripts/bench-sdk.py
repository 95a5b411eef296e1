"""Measures E2B's Python SDK against the daemon that the environment names, for scripts/bench.

    bench-sdk.py ROUNDS POOL

Prints one JSON object with a list of milliseconds for each thing that was measured.
"""

import json
import os
import sys
import time
import urllib.request

from e2b import Sandbox

ROUNDS, POOL = int(sys.argv[1]), int(sys.argv[2])
TEMPLATE = "claude"


def await_pool():
    """Waits until the pool is full: what is measured next is not to compete with its filling."""
    request = urllib.request.Request(
        os.environ["E2B_API_URL"] + "/martlet.v1.Daemon/Get",
        data=b"{}",
        headers={"X-API-Key": os.environ["E2B_API_KEY"], "Content-Type": "application/json"},
    )
    while True:
        daemon = json.load(urllib.request.urlopen(request))
        # Machines wait for each template: a count of all of them says nothing about one.
        if daemon.get("starting", 0) == 0 and daemon.get("waiting", POOL) >= POOL:
            return
        time.sleep(0.025)


def milliseconds(start):
    return (time.perf_counter() - start) * 1000


creates, runs = [], []
# The first one of a process opens its connections, and is left out.
for number in range(ROUNDS + 1):
    await_pool()
    start = time.perf_counter()
    sandbox = Sandbox.create(TEMPLATE)
    sandbox.commands.run("true")
    created = milliseconds(start)
    await_pool()
    for _ in range(3):
        sandbox.commands.run("true")
    start = time.perf_counter()
    sandbox.commands.run("true")
    run = milliseconds(start)
    sandbox.kill()
    if number:
        creates.append(created)
        runs.append(run)

print(json.dumps({"create": creates, "run": runs}))
