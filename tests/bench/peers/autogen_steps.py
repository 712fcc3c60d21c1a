# SPDX-License-Identifier: MIT OR Apache-2.0
"""AutoGen core: messages to agents in a row, each with the answer of the one before, and messages that are gathered.

There is nothing durable to measure: the runtime keeps no messages.
"""

import asyncio
from dataclasses import dataclass

from autogen_core import AgentId, MessageContext, RoutedAgent, SingleThreadedAgentRuntime, message_handler

from watch import STEPS, WIDTH, main, watch


@dataclass
class Number:
    number: int


class Adder(RoutedAgent):
    def __init__(self) -> None:
        super().__init__("adds one")

    @message_handler
    async def add(self, message: Number, ctx: MessageContext) -> Number:
        return Number(message.number + 1)


async def script() -> None:
    runtime = SingleThreadedAgentRuntime()
    await Adder.register(runtime, "adder", Adder)
    runtime.start()

    async def chain(_name) -> int:
        message = Number(0)
        for index in range(STEPS):
            message = await runtime.send_message(message, AgentId("adder", f"s{index}"))
        return message.number

    async def fanout(_name) -> int:
        sent = (runtime.send_message(Number(index), AgentId("adder", f"each{index}")) for index in range(WIDTH))
        return sum(answer.number for answer in await asyncio.gather(*sent))

    await watch("AutoGen", "autogen-core", chain_ms=chain, fanout_ms=fanout)
    await runtime.stop()


main(script)
