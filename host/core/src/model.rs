// SPDX-License-Identifier: MIT OR Apache-2.0
//! Models: what is asked of one, what it answers, and what that costs. No provider is named here.

mod completion;
mod expense;
mod info;
mod message;
mod pages;
mod prompt;
mod request;
mod spec;
mod transcript;

pub use completion::{Answered, Completion, Delta, Embedded, StopReason, TokenUsage, Unanswered, Vector};
pub use expense::{Expense, ExpenseKey, ExpenseQuery, ExpenseTotal, GroupBy, Spent, day_of};
pub use info::{Ability, ListedModel, ModelInfo, Price};
pub use message::{CalledTool, Media, Message, Part, Reasoning, Role, ToolResult};
pub use pages::page_tokens;
pub use prompt::{Prompt, PromptDigest};
pub use request::{Choice, Effort, ModelRequest, Offer, Sampling, ToolDefinition};
pub use spec::{
    ATTEMPTS_MAX, KEY_HEADERS, KeySource, ModelSpec, ModelsSpec, OWN_HEADERS, ProviderKind, ProviderSpec,
    REQUEST_TIME_MS_MAX,
};

pub use transcript::{Slice, Transcript};

/// How many messages one request may have: a longer conversation is compacted first.
pub const MESSAGES_MAX: usize = 4_096;
/// How many parts one message may have.
pub const PARTS_MAX: usize = 256;
/// How many tools one request may offer. Providers take 128 at most, and models get worse long before.
pub const OFFERS_MAX: usize = 128;
/// How many texts are embedded at once.
pub const TEXTS_MAX: usize = 256;
/// How many numbers one vector may have.
pub const VECTOR_LEN_MAX: usize = 8_192;
/// How long the texts of one request may be together, in bytes: more than the largest window of a model that there is.
pub const PROMPT_BYTES_MAX: u64 = 16 << 20;
/// How long one answer may be, in bytes, reasoning and tool calls included.
pub const ANSWER_BYTES_MAX: u64 = 4 << 20;
/// How many tool calls one answer may have.
pub const CALLS_MAX: usize = 128;
/// How long the label of a message and the purpose of a request may be, in bytes.
pub const LABEL_BYTES_MAX: usize = 128;
/// How long the id of a tool call may be, in bytes.
pub const CALL_ID_BYTES_MAX: usize = 256;
/// How many stop sequences there may be, and how long one may be, in bytes.
pub const STOPS_MAX: usize = 4;
/// How long a stop sequence may be, in bytes.
pub const STOP_BYTES_MAX: usize = 256;
/// How many tokens of output may be asked for at most: it keeps the arithmetic of money exact.
pub const OUTPUT_TOKENS_MAX: u64 = 10_000_000;
