// SPDX-License-Identifier: MIT OR Apache-2.0
//! The names of the OpenTelemetry conventions for GenAI, as of 2026, and of what Priory adds to them.

/// What is done: `chat`, `invoke_agent` and others.
pub(crate) const OPERATION: &str = "gen_ai.operation.name";
/// Who provides a model.
pub(crate) const PROVIDER: &str = "gen_ai.provider.name";
/// An agent.
pub(crate) const AGENT: &str = "gen_ai.agent.name";
/// A workflow.
pub(crate) const WORKFLOW: &str = "gen_ai.workflow.name";
/// A tool.
pub(crate) const TOOL: &str = "gen_ai.tool.name";
/// What kind of tool.
pub(crate) const TOOL_TYPE: &str = "gen_ai.tool.type";
/// What a tool is given.
pub(crate) const TOOL_ARGUMENTS: &str = "gen_ai.tool.call.arguments";
/// What a tool gave back.
pub(crate) const TOOL_RESULT: &str = "gen_ai.tool.call.result";

/// The model that is asked.
pub(crate) const REQUEST_MODEL: &str = "gen_ai.request.model";
/// How many tokens the answer may have.
pub(crate) const REQUEST_MAX_TOKENS: &str = "gen_ai.request.max_tokens";
/// The temperature.
pub(crate) const REQUEST_TEMPERATURE: &str = "gen_ai.request.temperature";
/// The seed.
pub(crate) const REQUEST_SEED: &str = "gen_ai.request.seed";
/// Texts at which the answer ends.
pub(crate) const REQUEST_STOP: &str = "gen_ai.request.stop_sequences";
/// Whether the answer is heard while it is written.
pub(crate) const REQUEST_STREAM: &str = "gen_ai.request.stream";
/// What kind of answer is wanted.
pub(crate) const OUTPUT_TYPE: &str = "gen_ai.output.type";
/// The model that answered.
pub(crate) const RESPONSE_MODEL: &str = "gen_ai.response.model";
/// Why it stopped.
pub(crate) const RESPONSE_FINISH: &str = "gen_ai.response.finish_reasons";
/// After how many seconds the first piece came.
pub(crate) const RESPONSE_FIRST: &str = "gen_ai.response.time_to_first_chunk";
/// Tokens that were read.
pub(crate) const USAGE_INPUT: &str = "gen_ai.usage.input_tokens";
/// Tokens that were written.
pub(crate) const USAGE_OUTPUT: &str = "gen_ai.usage.output_tokens";
/// Of those that were read: from the provider's cache.
pub(crate) const USAGE_CACHED: &str = "gen_ai.usage.cache_read.input_tokens";
/// Of those that were read: to the provider's cache.
pub(crate) const USAGE_CACHE_WRITTEN: &str = "gen_ai.usage.cache_creation.input_tokens";
/// Of those that were written: spent on reasoning.
pub(crate) const USAGE_REASONING: &str = "gen_ai.usage.reasoning.output_tokens";
/// Which tokens a figure is about.
pub(crate) const TOKEN_TYPE: &str = "gen_ai.token.type";

/// What a model is told about its task.
pub(crate) const SYSTEM: &str = "gen_ai.system_instructions";
/// What it is asked.
pub(crate) const INPUT: &str = "gen_ai.input.messages";
/// What it answers.
pub(crate) const OUTPUT: &str = "gen_ai.output.messages";

/// What kind of failure it was.
pub(crate) const ERROR: &str = "error.type";

/// The run.
pub(crate) const RUN: &str = "priory.run";
/// The place of a frame in its run.
pub(crate) const FRAME: &str = "priory.frame";
/// The node of a workflow.
pub(crate) const NODE: &str = "priory.node";
/// What it cost, in micro-dollars.
pub(crate) const COST: &str = "priory.cost_microusd";
/// How often a request was sent.
pub(crate) const ATTEMPTS: &str = "priory.attempts";
/// Whether it was answered before, and nobody was asked.
pub(crate) const CACHED: &str = "priory.is_cached";
/// What a request is for.
pub(crate) const PURPOSE: &str = "priory.purpose";
/// Compute of a frame, in fuel.
pub(crate) const FUEL: &str = "priory.fuel";
/// Memory of a frame, in bytes.
pub(crate) const MEMORY: &str = "priory.memory_bytes";
/// Effects of a frame.
pub(crate) const CALLS: &str = "priory.calls";

/// Metric: how many tokens one request took.
pub(crate) const METRIC_TOKENS: &str = "gen_ai.client.token.usage";
/// Metric: how long one request took.
pub(crate) const METRIC_OPERATION: &str = "gen_ai.client.operation.duration";
/// Metric: after how long its first piece came.
pub(crate) const METRIC_FIRST: &str = "gen_ai.client.operation.time_to_first_chunk";
/// Metric: how long a workflow took.
pub(crate) const METRIC_WORKFLOW: &str = "gen_ai.workflow.duration";
/// Metric: how long an agent took.
pub(crate) const METRIC_AGENT: &str = "gen_ai.invoke_agent.duration";
/// Metric: how long a tool took.
pub(crate) const METRIC_TOOL: &str = "gen_ai.execute_tool.duration";
/// Metric: what models cost, in micro-dollars.
pub(crate) const METRIC_COST: &str = "priory.model.cost";
