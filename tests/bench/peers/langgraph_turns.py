# SPDX-License-Identifier: MIT OR Apache-2.0
"""LangGraph's prebuilt `create_react_agent`, without a checkpointer."""

from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.prebuilt import create_react_agent

from turns import BASE_URL, INSTRUCTIONS, KEY, TURNS, add, main, watch


async def script() -> None:
    model = ChatOpenAI(model="scripted", base_url=BASE_URL, api_key=KEY)
    agent = create_react_agent(model, [tool(add)], prompt=INSTRUCTIONS)

    async def run(text: str) -> str:
        config = {"recursion_limit": 3 * max(TURNS)}
        state = await agent.ainvoke({"messages": [{"role": "user", "content": text}]}, config)
        return state["messages"][-1].content

    await watch("LangGraph", "langgraph", run)


main(script)
