# SPDX-License-Identifier: MIT OR Apache-2.0
"""Microsoft Agent Framework: an Agent with a function tool over its chat completions client."""

from agent_framework import Agent
from agent_framework.openai import OpenAIChatCompletionClient

from turns import BASE_URL, INSTRUCTIONS, KEY, TURNS, add, main, watch


async def script() -> None:
    client = OpenAIChatCompletionClient(model="scripted", base_url=BASE_URL, api_key=KEY)
    client.function_invocation_configuration["max_iterations"] = max(TURNS) + 2
    agent = Agent(client=client, instructions=INSTRUCTIONS, tools=[add])

    async def run(text: str) -> str:
        return (await agent.run(text)).text

    await watch("Agent Framework", "agent-framework-core", run)


main(script)
