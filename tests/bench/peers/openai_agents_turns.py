# SPDX-License-Identifier: MIT OR Apache-2.0
"""OpenAI Agents SDK: an Agent with a function tool, run by `Runner.run` without a session."""

from agents import Agent, OpenAIChatCompletionsModel, Runner, function_tool, set_tracing_disabled
from openai import AsyncOpenAI

from turns import BASE_URL, INSTRUCTIONS, KEY, TURNS, add, main, watch


async def script() -> None:
    set_tracing_disabled(True)
    model = OpenAIChatCompletionsModel(model="scripted", openai_client=AsyncOpenAI(base_url=BASE_URL, api_key=KEY))
    agent = Agent(name="adder", instructions=INSTRUCTIONS, model=model, tools=[function_tool(add)])

    async def run(text: str) -> str:
        return (await Runner.run(agent, text, max_turns=max(TURNS) + 2)).final_output

    await watch("OpenAI Agents SDK", "openai-agents", run)


main(script)
