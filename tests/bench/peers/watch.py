# SPDX-License-Identifier: MIT OR Apache-2.0
"""The watch of the peers' scripts: what is measured, how often, and the line of JSON that each of them prints.

Every script measures the same two things with steps that add one to a number and no model: a chain of STEPS steps, each
fed by the one before it, and a fan-out of WIDTH branches whose results are merged. Both are measured in memory and with
the peer's own durability, where it has one. All four take turns round by round, so that a machine whose speed drifts
does not favour one of them; the first round is not counted; and each result is checked, so that nothing is measured
that was not done. The graph or program is built before the watch starts: a user builds it once and runs it often.
"""

import asyncio
import importlib.metadata
import inspect
import json
import statistics
import sys
import tempfile
import time

STEPS = 100
WIDTH = 1_000
WARM_ROUNDS = 1
ROUNDS = 3
MERGED = sum(range(1, WIDTH + 1))
FIGURES = {"chain_ms": STEPS, "chain_durable_ms": STEPS, "fanout_ms": MERGED, "fanout_durable_ms": MERGED}


def folder() -> str:
    """Makes an empty folder for what a peer keeps, below the first argument: so it is on the disk that is meant."""
    return tempfile.mkdtemp(prefix="state-", dir=sys.argv[1] if len(sys.argv) > 1 else None)


async def watch(peer: str, package: str, **runs) -> None:
    """Measures the runs, one for each name of FIGURES that the peer can do, and prints the line of JSON.

    A run is a function of a text that no other run has got; it returns the result, or something to await for it.
    """
    readings = {name: [] for name in runs}
    for round_number in range(WARM_ROUNDS + ROUNDS):
        for name, run in runs.items():
            began = time.perf_counter()
            result = run(f"{name}-{round_number}")
            if inspect.isawaitable(result):
                result = await result
            took_ms = (time.perf_counter() - began) * 1e3
            if result != FIGURES[name]:
                sys.exit(f"{peer}: {name} should end in {FIGURES[name]}, not in {result!r}")
            if round_number >= WARM_ROUNDS:
                readings[name].append(took_ms)
    figures = {name: round(statistics.median(readings[name]), 3) if name in runs else None for name in FIGURES}
    print(json.dumps({"peer": peer, "version": importlib.metadata.version(package), **figures}), flush=True)


def main(script) -> None:
    """Runs the coroutine function of a script."""
    asyncio.run(script())
