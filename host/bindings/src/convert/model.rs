// SPDX-License-Identifier: MIT OR Apache-2.0
//! Conversions of what models are asked and of what they answer.

use std::sync::Arc;

use priory_core::Failure;
use priory_core::model::{self as core_model, Ability, ModelRequest, Sampling, ToolDefinition};

use super::json_of_guest;
use crate::wit::priory::agent::model as wit;

/// The highest temperature that can be asked for.
const TEMPERATURE_MAX: f32 = 2.0;
/// What a message is called in failures.
const MESSAGE: &str = "message of a request";

/// Takes over a request of a guest. How much of each thing there may be is the engine's to decide; here it only has to be
/// what it says it is.
pub fn request_of_guest(request: wit::Request) -> Result<ModelRequest, Failure> {
    let most = core_model::MESSAGES_MAX;
    if request.messages.len() > most {
        let reason = format!("it has {} messages, and {most} are the most; compact it", request.messages.len());
        return Err(Failure::invalid("request to a model", "/messages", reason));
    }
    let messages = request.messages.into_iter().map(|message| Ok(Arc::new(message_of_guest(message)?)));
    let messages = messages.collect::<Result<Vec<_>, Failure>>()?;
    Ok(ModelRequest {
        model: request.model,
        messages: messages.into(),
        tools: request.tools.into_iter().map(offer).collect::<Result<_, _>>()?,
        sampling: Sampling {
            choice: match request.choice {
                wit::Choice::Auto => core_model::Choice::Auto,
                wit::Choice::None => core_model::Choice::None,
                wit::Choice::Any => core_model::Choice::Any,
                wit::Choice::Only(name) => core_model::Choice::Only(name),
            },
            output: request.output.map(|schema| json_of_guest(&schema, "schema of the answer")).transpose()?,
            output_tokens_max: request.output_tokens_max,
            temperature_milli: request.temperature.map(thousandths).transpose()?,
            seed: request.seed,
            stop: request.stop,
            effort: request.effort.map(|effort| match effort {
                wit::Effort::None => core_model::Effort::None,
                wit::Effort::Low => core_model::Effort::Low,
                wit::Effort::Medium => core_model::Effort::Medium,
                wit::Effort::High => core_model::Effort::High,
            }),
        },
        purpose: request.purpose,
    })
}

fn thousandths(temperature: f32) -> Result<u32, Failure> {
    if !(0.0..=TEMPERATURE_MAX).contains(&temperature) {
        let reason = format!("it is {temperature}, and a number from 0 to {TEMPERATURE_MAX} is expected");
        return Err(Failure::invalid("request to a model", "/temperature", reason));
    }
    // In range, so it is at most 2,000.
    Ok((f64::from(temperature) * 1_000.0).round() as u32)
}

fn offer(offer: wit::Offer) -> Result<core_model::Offer, Failure> {
    Ok(match offer {
        wit::Offer::Tool(name) => core_model::Offer::Tool(name),
        wit::Offer::Custom(definition) => core_model::Offer::Custom(ToolDefinition {
            input_schema: json_of_guest(&definition.input_schema, "schema of a tool")?,
            name: definition.name,
            description: definition.description,
        }),
    })
}

fn message_of_guest(message: wit::Message) -> Result<core_model::Message, Failure> {
    let most = core_model::PARTS_MAX;
    if message.parts.len() > most {
        let reason = format!("it has {} parts, and {most} are the most", message.parts.len());
        return Err(Failure::invalid(MESSAGE, "/parts", reason));
    }
    Ok(core_model::Message {
        role: match message.role {
            wit::Role::System => core_model::Role::System,
            wit::Role::User => core_model::Role::User,
            wit::Role::Assistant => core_model::Role::Assistant,
            wit::Role::Tool => core_model::Role::Tool,
        },
        parts: message.parts.into_iter().map(part_of_guest).collect::<Result<_, _>>()?,
        label: message.label,
    })
}

fn part_of_guest(part: wit::Part) -> Result<core_model::Part, Failure> {
    Ok(match part {
        wit::Part::Text(text) => core_model::Part::Text(text),
        wit::Part::Image(media) => core_model::Part::Image(media_of_guest(media)?),
        wit::Part::File(media) => core_model::Part::File(media_of_guest(media)?),
        wit::Part::Reasoning(wit::Reasoning { text, opaque }) => {
            core_model::Part::Reasoning(core_model::Reasoning { text, opaque })
        }
        wit::Part::ToolCall(call) => core_model::Part::ToolCall(core_model::CalledTool {
            arguments: json_of_guest(&call.arguments, "arguments in a message")?,
            id: call.id,
            name: call.name,
            problem: call.problem,
            opaque: call.opaque,
        }),
        wit::Part::ToolResult(wit::ToolResult { id, name, content, is_error }) => {
            core_model::Part::ToolResult(core_model::ToolResult { id, name, content, is_error })
        }
    })
}

fn media_of_guest(media: wit::Media) -> Result<core_model::Media, Failure> {
    let artifact = media.artifact.parse();
    let artifact = artifact.map_err(|error: priory_core::id::IdError| Failure::invalid(MESSAGE, "", error.to_string()));
    Ok(core_model::Media { mime: media.mime, artifact: artifact?, name: media.name })
}

impl From<core_model::Message> for wit::Message {
    fn from(message: core_model::Message) -> Self {
        Self {
            role: match message.role {
                core_model::Role::System => wit::Role::System,
                core_model::Role::User => wit::Role::User,
                core_model::Role::Assistant => wit::Role::Assistant,
                core_model::Role::Tool => wit::Role::Tool,
            },
            parts: message.parts.into_iter().map(Into::into).collect(),
            label: message.label,
        }
    }
}

impl From<core_model::Part> for wit::Part {
    fn from(part: core_model::Part) -> Self {
        match part {
            core_model::Part::Text(text) => Self::Text(text),
            core_model::Part::Image(media) => Self::Image(media.into()),
            core_model::Part::File(media) => Self::File(media.into()),
            core_model::Part::Reasoning(core_model::Reasoning { text, opaque }) => {
                Self::Reasoning(wit::Reasoning { text, opaque })
            }
            core_model::Part::ToolCall(call) => Self::ToolCall(call.into()),
            core_model::Part::ToolResult(core_model::ToolResult { id, name, content, is_error }) => {
                Self::ToolResult(wit::ToolResult { id, name, content, is_error })
            }
        }
    }
}

impl From<core_model::Media> for wit::Media {
    fn from(media: core_model::Media) -> Self {
        Self { mime: media.mime, artifact: media.artifact.to_string(), name: media.name }
    }
}

impl From<core_model::CalledTool> for wit::ToolCall {
    fn from(call: core_model::CalledTool) -> Self {
        let core_model::CalledTool { id, name, arguments, problem, opaque } = call;
        Self { id, name, arguments: arguments.to_string(), problem, opaque }
    }
}

impl From<core_model::TokenUsage> for wit::TokenUsage {
    fn from(usage: core_model::TokenUsage) -> Self {
        let core_model::TokenUsage { input, output, cached, cache_written, reasoning } = usage;
        Self { input, output, cached, cache_written, reasoning }
    }
}

impl From<core_model::Completion> for wit::Completion {
    fn from(completion: core_model::Completion) -> Self {
        Self {
            message: completion.message.into(),
            stop: match completion.stop {
                core_model::StopReason::End => wit::StopReason::End,
                core_model::StopReason::ToolCalls => wit::StopReason::ToolCalls,
                core_model::StopReason::Length => wit::StopReason::Length,
                core_model::StopReason::StopSequence => wit::StopReason::StopSequence,
                core_model::StopReason::Refused => wit::StopReason::Refused,
            },
            model: completion.model.to_string(),
            usage: completion.usage.into(),
            microusd: completion.microusd,
            output: completion.output.map(|output| output.to_string()),
            problem: completion.problem,
            is_cached: completion.is_cached,
        }
    }
}

impl From<core_model::Delta> for wit::Delta {
    fn from(delta: core_model::Delta) -> Self {
        match delta {
            core_model::Delta::Text(text) => Self::Text(text),
            core_model::Delta::Reasoning(text) => Self::Reasoning(text),
            core_model::Delta::ToolCall(call) => Self::ToolCall(call.into()),
        }
    }
}

impl From<core_model::Embedded> for wit::Embedded {
    fn from(embedded: core_model::Embedded) -> Self {
        Self {
            vectors: embedded.vectors.into_iter().map(|vector| vector.0.to_vec()).collect(),
            model: embedded.model.to_string(),
            usage: embedded.usage.into(),
            microusd: embedded.microusd,
        }
    }
}

impl From<core_model::ListedModel> for wit::ModelInfo {
    /// Tells a guest of a model what it may know: neither its price nor who provides it.
    fn from(listed: core_model::ListedModel) -> Self {
        let core_model::ListedModel { info: model, is_default } = listed;
        let abilities = model.abilities.iter().fold(wit::Abilities::empty(), |all, ability| {
            all | match ability {
                Ability::Tools => wit::Abilities::TOOLS,
                Ability::Schema => wit::Abilities::SCHEMA,
                Ability::Images => wit::Abilities::IMAGES,
                Ability::Files => wit::Abilities::FILES,
                Ability::Reasoning => wit::Abilities::REASONING,
                Ability::Streaming => wit::Abilities::STREAMING,
                Ability::Embedding => wit::Abilities::EMBEDDING,
            }
        });
        Self {
            name: model.name.to_string(),
            id: model.id.to_string(),
            context_tokens: model.context_tokens,
            output_tokens_max: model.output_tokens_max,
            abilities,
            is_default,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> wit::Request {
        wit::Request {
            model: None,
            messages: vec![wit::Message {
                role: wit::Role::User,
                parts: vec![wit::Part::Text("hi".into())],
                label: None,
            }],
            tools: vec![],
            choice: wit::Choice::Auto,
            output: None,
            output_tokens_max: None,
            temperature: None,
            seed: None,
            stop: vec![],
            effort: None,
            purpose: None,
        }
    }

    #[test]
    fn temperatures_are_thousandths() {
        let milli = |temperature| {
            let request = wit::Request { temperature: Some(temperature), ..request() };
            request_of_guest(request).map(|request| request.sampling.temperature_milli)
        };
        for (temperature, expect) in [(0.0, 0), (-0.0, 0), (0.7, 700), (1.0, 1_000), (0.0004, 0), (2.0, 2_000)] {
            assert_eq!(milli(temperature), Ok(Some(expect)));
        }
        for temperature in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.001, 2.001] {
            assert!(matches!(milli(temperature), Err(Failure::Invalid(invalid)) if invalid.pointer == "/temperature"));
        }
    }

    #[test]
    fn what_is_not_what_it_says_is_refused() {
        let subject = |edit: &dyn Fn(&mut wit::Request)| {
            let mut request = request();
            edit(&mut request);
            match request_of_guest(request) {
                Err(Failure::Invalid(invalid)) => format!("{}{}", invalid.subject, invalid.pointer),
                other => format!("{other:?}"),
            }
        };
        let part = |request: &mut wit::Request, part| request.messages[0].parts.push(part);
        assert_eq!(subject(&|request| request.output = Some("{".into())), "schema of the answer");
        let media = || wit::Media { mime: "image/png".into(), artifact: "x".into(), name: None };
        assert_eq!(subject(&|request| part(request, wit::Part::Image(media()))), MESSAGE);
        let call = || wit::ToolCall {
            id: "1".into(),
            name: "a.b".into(),
            arguments: "not JSON".into(),
            problem: None,
            opaque: None,
        };
        assert_eq!(subject(&|request| part(request, wit::Part::ToolCall(call()))), "arguments in a message");
        let many = |request: &mut wit::Request| request.messages = vec![request.messages[0].clone(); 4_097];
        assert_eq!(subject(&many), "request to a model/messages");
        let parts = |request: &mut wit::Request| (0..256).for_each(|_| part(request, wit::Part::Text(String::new())));
        assert_eq!(subject(&parts), "message of a request/parts");
    }

    #[test]
    fn a_message_comes_back_as_it_went() {
        let said = core_model::Message {
            role: core_model::Role::Assistant,
            parts: vec![
                core_model::Part::Reasoning(core_model::Reasoning { text: "hm".into(), opaque: Some("sig".into()) }),
                core_model::Part::Text("hello".into()),
                core_model::Part::ToolCall(core_model::CalledTool {
                    id: "1".into(),
                    name: "a.b".into(),
                    arguments: priory_core::Json::parse(r#"{"x":1}"#).unwrap(),
                    problem: Some("p".into()),
                    opaque: Some("o".into()),
                }),
                core_model::Part::ToolResult(core_model::ToolResult {
                    id: "1".into(),
                    name: "a.b".into(),
                    content: "2".into(),
                    is_error: true,
                }),
                core_model::Part::File(core_model::Media {
                    mime: "text/plain".into(),
                    artifact: priory_core::Digest::of(b"x"),
                    name: Some("x.txt".into()),
                }),
            ],
            label: Some("recent".into()),
        };
        assert_eq!(message_of_guest(said.clone().into()), Ok(said));
    }
}
