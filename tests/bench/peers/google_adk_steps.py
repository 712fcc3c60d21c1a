# SPDX-License-Identifier: MIT OR Apache-2.0
"""Google ADK: a workflow of function nodes in a row, and a parallel worker over a list.

Durable means that the session, which holds each event of the run, is kept in SQLite.
"""

import logging
import os

from google.adk.runners import Runner
from google.adk.sessions import InMemorySessionService
from google.adk.sessions.sqlite_session_service import SqliteSessionService
from google.adk.workflow import START, FunctionNode, Workflow, node
from google.genai import types

from watch import STEPS, WIDTH, folder, main, watch

# One line for each node that starts would be measured too.
logging.disable(logging.WARNING)


async def begin() -> int:
    return 0


async def numbers() -> list[int]:
    return list(range(WIDTH))


async def add(node_input: int) -> int:
    return node_input + 1


async def merge(node_input: list[int]) -> int:
    return sum(node_input)


def chain() -> Workflow:
    row = [FunctionNode(func=add, name=f"s{index}") for index in range(STEPS)]
    return Workflow(name="chain", edges=[(START, FunctionNode(func=begin), *row)])


def fanout() -> Workflow:
    each = node(add, name="each", parallel_worker=True)
    return Workflow(name="fanout", edges=[(START, FunctionNode(func=numbers), each, FunctionNode(func=merge))])


def run(workflow, sessions):
    """Returns a run of a workflow: a session of its own each time."""
    runner = Runner(app_name="steps", node=workflow, session_service=sessions, auto_create_session=True)
    message = types.Content(role="user", parts=[types.Part(text="go")])

    async def waited(name):
        last = None
        async for event in runner.run_async(user_id="user", session_id=name, new_message=message):
            if event.output is not None:
                last = event.output
        return last

    return waited


async def script() -> None:
    path = os.path.join(folder(), "sessions.sqlite")
    await watch(
        "Google ADK",
        "google-adk",
        chain_ms=run(chain(), InMemorySessionService()),
        chain_durable_ms=run(chain(), SqliteSessionService(path)),
        fanout_ms=run(fanout(), InMemorySessionService()),
        fanout_durable_ms=run(fanout(), SqliteSessionService(path)),
    )


main(script)
