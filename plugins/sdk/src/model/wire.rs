// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages and completions as JSON, in the form in which the host gives the result of a started request.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::{Completion, Media, Message, Part, Reasoning, Role, StopReason, TokenUsage, ToolCall, ToolResult};

/// The twin of an enum without values.
macro_rules! words {
    ($($type:ident as $twin:ident { $($case:ident),* })*) => {$(
        #[derive(Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        enum $twin { $($case),* }

        impl From<$twin> for $type {
            fn from(twin: $twin) -> Self {
                match twin { $($twin::$case => Self::$case),* }
            }
        }

        impl From<$type> for $twin {
            fn from(word: $type) -> Self {
                match word { $($type::$case => Self::$case),* }
            }
        }
    )*};
}

words! {
    Role as RoleTwin { System, User, Assistant, Tool }
    StopReason as StopTwin { End, ToolCalls, Length, StopSequence, Refused }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct MessageTwin {
    role: RoleTwin,
    parts: Vec<PartTwin>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    label: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum PartTwin {
    Text(String),
    Image(MediaTwin),
    File(MediaTwin),
    Reasoning(ReasoningTwin),
    ToolCall(CallTwin),
    ToolResult(ResultTwin),
}

#[derive(Serialize, Deserialize)]
struct MediaTwin {
    mime: String,
    artifact: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct ReasoningTwin {
    text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    opaque: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct CallTwin {
    id: String,
    name: String,
    arguments: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    opaque: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ResultTwin {
    id: String,
    name: String,
    content: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_error: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct CompletionTwin {
    message: MessageTwin,
    stop: StopTwin,
    model: String,
    #[serde(default)]
    usage: UsageTwin,
    #[serde(default)]
    microusd: u64,
    output: Option<Value>,
    problem: Option<String>,
    #[serde(default)]
    is_cached: bool,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct UsageTwin {
    input: u64,
    output: u64,
    cached: u64,
    cache_written: u64,
    reasoning: u64,
}

impl From<PartTwin> for Part {
    fn from(part: PartTwin) -> Self {
        let media = |MediaTwin { mime, artifact, name }| Media { mime, artifact, name };
        match part {
            PartTwin::Text(text) => Self::Text(text),
            PartTwin::Image(image) => Self::Image(media(image)),
            PartTwin::File(file) => Self::File(media(file)),
            PartTwin::Reasoning(ReasoningTwin { text, opaque }) => Self::Reasoning(Reasoning { text, opaque }),
            PartTwin::ToolCall(CallTwin { id, name, arguments, problem, opaque }) => {
                Self::ToolCall(ToolCall { id, name, arguments: arguments.to_string(), problem, opaque })
            }
            PartTwin::ToolResult(ResultTwin { id, name, content, is_error }) => {
                Self::ToolResult(ToolResult { id, name, content, is_error })
            }
        }
    }
}

impl From<&Part> for PartTwin {
    fn from(part: &Part) -> Self {
        let media = |media: &Media| {
            let Media { mime, artifact, name } = media.clone();
            MediaTwin { mime, artifact, name }
        };
        match part {
            Part::Text(text) => Self::Text(text.clone()),
            Part::Image(image) => Self::Image(media(image)),
            Part::File(file) => Self::File(media(file)),
            Part::Reasoning(reasoning) => {
                let Reasoning { text, opaque } = reasoning.clone();
                Self::Reasoning(ReasoningTwin { text, opaque })
            }
            Part::ToolCall(call) => {
                let (arguments, ToolCall { id, name, problem, opaque, .. }) = (call.arguments(), call.clone());
                Self::ToolCall(CallTwin { id, name, arguments, problem, opaque })
            }
            Part::ToolResult(result) => {
                let ToolResult { id, name, content, is_error } = result.clone();
                Self::ToolResult(ResultTwin { id, name, content, is_error })
            }
        }
    }
}

impl From<MessageTwin> for Message {
    fn from(message: MessageTwin) -> Self {
        let MessageTwin { role, parts, label } = message;
        Self { role: role.into(), parts: parts.into_iter().map(Into::into).collect(), label }
    }
}

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let parts = self.parts.iter().map(Into::into).collect();
        MessageTwin { role: self.role.into(), parts, label: self.label.clone() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(MessageTwin::deserialize(deserializer)?.into())
    }
}

impl<'de> Deserialize<'de> for Completion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let twin = CompletionTwin::deserialize(deserializer)?;
        let UsageTwin { input, output, cached, cache_written, reasoning } = twin.usage;
        Ok(Self {
            message: twin.message.into(),
            stop: twin.stop.into(),
            model: twin.model,
            usage: TokenUsage { input, output, cached, cache_written, reasoning },
            microusd: twin.microusd,
            output: twin.output.map(|output| output.to_string()),
            problem: twin.problem,
            is_cached: twin.is_cached,
        })
    }
}
