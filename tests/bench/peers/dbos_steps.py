# SPDX-License-Identifier: MIT OR Apache-2.0
"""DBOS: a workflow of steps in a row, and steps that are gathered. There is no run in memory only: each step is kept.

Durable means that the outcome of each step is a transaction in the system database, here SQLite.
"""

import asyncio
import os

from dbos import DBOS, DBOSConfig, SetWorkflowID

from watch import STEPS, WIDTH, folder, main, watch


@DBOS.step()
async def add(number: int) -> int:
    return number + 1


@DBOS.workflow()
async def chain() -> int:
    number = 0
    for _ in range(STEPS):
        number = await add(number)
    return number


@DBOS.workflow()
async def fanout() -> int:
    return sum(await asyncio.gather(*(add(index) for index in range(WIDTH))))


def run(workflow):
    """Returns a run of a workflow: an id of its own each time."""

    async def waited(name):
        with SetWorkflowID(name):
            return await workflow()

    return waited


async def script() -> None:
    path = os.path.join(folder(), "dbos.sqlite")
    config: DBOSConfig = {"name": "steps", "system_database_url": f"sqlite:///{path}", "log_level": "ERROR"}
    DBOS(config=config)
    DBOS.launch()
    try:
        await watch("DBOS", "dbos", chain_durable_ms=run(chain), fanout_durable_ms=run(fanout))
    finally:
        DBOS.destroy()


main(script)
