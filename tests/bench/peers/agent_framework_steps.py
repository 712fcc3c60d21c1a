# SPDX-License-Identifier: MIT OR Apache-2.0
"""Microsoft Agent Framework: executors in a row, and executors between a fan-out and a fan-in edge.

Durable means a checkpoint in a file after each superstep; the framework does not wait until the file is on the disk.
"""

from agent_framework import FileCheckpointStorage, FunctionExecutor, WorkflowBuilder, WorkflowContext

from watch import STEPS, WIDTH, folder, main, watch


async def add(number: int, ctx: WorkflowContext[int]) -> None:
    await ctx.send_message(number + 1)


async def start(number: int, ctx: WorkflowContext[int]) -> None:
    await ctx.send_message(number)


async def last(number: int, ctx: WorkflowContext[int, int]) -> None:
    await ctx.yield_output(number + 1)


async def merge(numbers: list[int], ctx: WorkflowContext[int, int]) -> None:
    await ctx.yield_output(sum(numbers))


def branch(index: int) -> FunctionExecutor:
    """Returns a branch that takes nothing from the start but the word to begin, and adds one to its own number."""

    async def each(number: int, ctx: WorkflowContext[int]) -> None:
        await ctx.send_message(number + index + 1)

    return FunctionExecutor(each, id=f"each{index}")


def chain(storage=None):
    row = [FunctionExecutor(add, id=f"s{index}") for index in range(STEPS - 1)]
    row.append(FunctionExecutor(last, id=f"s{STEPS - 1}"))
    builder = WorkflowBuilder(
        start_executor=row[0], output_from=[row[-1]], max_iterations=2 * STEPS, checkpoint_storage=storage
    )
    return builder.add_chain(row).build()


def fanout(storage=None):
    first, branches = FunctionExecutor(start, id="start"), [branch(index) for index in range(WIDTH)]
    end = FunctionExecutor(merge, id="merge")
    builder = WorkflowBuilder(start_executor=first, output_from=[end], checkpoint_storage=storage)
    return builder.add_fan_out_edges(first, branches).add_fan_in_edges(branches, end).build()


def run(workflow):
    async def waited(_name):
        return (await workflow.run(0)).get_outputs()[-1]

    return waited


async def script() -> None:
    await watch(
        "Agent Framework",
        "agent-framework-core",
        chain_ms=run(chain()),
        chain_durable_ms=run(chain(FileCheckpointStorage(folder()))),
        fanout_ms=run(fanout()),
        fanout_durable_ms=run(fanout(FileCheckpointStorage(folder()))),
    )


main(script)
