# SPDX-License-Identifier: MIT OR Apache-2.0
"""LangGraph: a StateGraph of nodes in a row, and branches made by Send whose results a reducer merges.

Durable means a checkpoint in SQLite after each superstep, written before the next one starts (`durability="sync"`).
With the argument `async` the graph is run by `ainvoke` and the asynchronous saver.
"""

import operator
import os
import sqlite3
import sys
from typing import Annotated, TypedDict

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

from watch import STEPS, WIDTH, folder, main, watch

ASYNC = "async" in sys.argv[2:]


class Number(TypedDict):
    number: int


class Branches(TypedDict):
    numbers: Annotated[list[int], operator.add]
    merged: int


def step(body):
    """Returns a body as it is, or as a coroutine function."""

    async def waited(state):
        return body(state)

    return waited if ASYNC else body


def chain() -> StateGraph:
    graph = StateGraph(Number)
    for index in range(STEPS):
        graph.add_node(f"s{index}", step(lambda state: {"number": state["number"] + 1}))
        graph.add_edge(f"s{index - 1}" if index else START, f"s{index}")
    graph.add_edge(f"s{STEPS - 1}", END)
    return graph


def fanout() -> StateGraph:
    graph = StateGraph(Branches)
    graph.add_node("each", step(lambda state: {"numbers": [state["number"] + 1]}))
    graph.add_node("merge", step(lambda state: {"merged": sum(state["numbers"])}))
    graph.add_conditional_edges(START, lambda _: [Send("each", {"number": index}) for index in range(WIDTH)], ["each"])
    graph.add_edge("each", "merge")
    graph.add_edge("merge", END)
    return graph


def run(graph, first, result, **options):
    """Returns a run of a graph: a thread of its own each time."""

    def config(name):
        return {"recursion_limit": 2 * STEPS, "configurable": {"thread_id": name}}

    async def waited(name):
        return (await graph.ainvoke(first, config(name), **options))[result]

    return waited if ASYNC else lambda name: graph.invoke(first, config(name), **options)[result]


async def measure(saver) -> None:
    kept_chain, kept_fanout = chain().compile(checkpointer=saver), fanout().compile(checkpointer=saver)
    number, branches = {"number": 0}, {"numbers": [], "merged": 0}
    await watch(
        "LangGraph async" if ASYNC else "LangGraph",
        "langgraph",
        chain_ms=run(chain().compile(), number, "number"),
        chain_durable_ms=run(kept_chain, number, "number", durability="sync"),
        fanout_ms=run(fanout().compile(), branches, "merged"),
        fanout_durable_ms=run(kept_fanout, branches, "merged", durability="sync"),
    )


async def script() -> None:
    path = os.path.join(folder(), "checkpoints.sqlite")
    if ASYNC:
        async with AsyncSqliteSaver.from_conn_string(path) as saver:
            await measure(saver)
    else:
        await measure(SqliteSaver(sqlite3.connect(path, check_same_thread=False)))


main(script)
