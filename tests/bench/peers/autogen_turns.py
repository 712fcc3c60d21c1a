# SPDX-License-Identifier: MIT OR Apache-2.0
"""AutoGen: an AssistantAgent that iterates over its tool, a new one for each run, since it keeps its conversation."""

from autogen_agentchat.agents import AssistantAgent
from autogen_core.models import ModelFamily
from autogen_ext.models.openai import OpenAIChatCompletionClient

from turns import BASE_URL, INSTRUCTIONS, KEY, TURNS, add, main, watch

ABILITIES = {
    "vision": False,
    "function_calling": True,
    "json_output": False,
    "structured_output": False,
    "family": ModelFamily.UNKNOWN,
}


async def script() -> None:
    model = OpenAIChatCompletionClient(model="scripted", base_url=BASE_URL, api_key=KEY, model_info=ABILITIES)

    async def run(text: str) -> str:
        agent = AssistantAgent(
            "adder", model, tools=[add], system_message=INSTRUCTIONS, max_tool_iterations=max(TURNS) + 2
        )
        return (await agent.run(task=text)).messages[-1].content

    await watch("AutoGen", "autogen-agentchat", run)


main(script)
