# SPDX-License-Identifier: MIT OR Apache-2.0
"""The watch of the peers' agents: `react` turns against a scripted server, and the line of JSON that each script prints.

The server (`cargo run --release -p priory-bench --bin provider`) speaks OpenAI's chat completions and answers at once: as
long as there are fewer results of tools than the first message says it wants the tool `add` called, then it is done. So a
turn is one request, its answer, and one call of a function that adds two numbers; the rest is the peer's own. Each run is
checked by what the server says at its end. The first round is not counted.
"""

import asyncio
import importlib.metadata
import inspect
import json
import os
import statistics
import sys
import time

TURNS = (3, 100)
WARM_ROUNDS = 2
ROUNDS = 7
BASE_URL = os.environ.get("SCRIPTED_URL", "")
# The server asks for none, and the clients want one.
KEY = "none"
INSTRUCTIONS = "You add numbers. Call the tool until you are done."


def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


def task(turns: int) -> str:
    return f"turns={turns}"


async def watch(peer: str, package: str, run) -> None:
    """Measures `run(text)`, which returns the agent's last words, and prints the line of JSON: microseconds a turn."""
    readings = {turns: [] for turns in TURNS}
    for round_number in range(WARM_ROUNDS + ROUNDS):
        for turns in TURNS:
            began = time.perf_counter()
            said = run(task(turns))
            if inspect.isawaitable(said):
                said = await said
            took_us = (time.perf_counter() - began) * 1e6
            if said != f"done {turns}":
                sys.exit(f"{peer}: `done {turns}` should be its last words, not {said!r}")
            if round_number >= WARM_ROUNDS:
                readings[turns].append(took_us / turns)
    figures = {f"turn_{turns}_us": round(statistics.median(readings[turns]), 1) for turns in TURNS}
    print(json.dumps({"peer": peer, "version": importlib.metadata.version(package), **figures}), flush=True)


def main(script) -> None:
    """Runs the coroutine function of a script."""
    asyncio.run(script())
