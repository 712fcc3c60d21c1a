// SPDX-License-Identifier: MIT OR Apache-2.0
//! What was said, in the form of the conventions. It is told only where that is switched on.

use priory_core::model::{Message, Part, Role};
use serde_json::{Value, json};

/// How much of one text is told, in bytes. Collectors refuse attributes that are much longer.
pub(crate) const TEXT_BYTES_MAX: usize = 64 << 10;

/// Writes messages but those of the system, as `gen_ai.input.messages` has them.
pub(crate) fn messages<'a>(messages: impl Iterator<Item = &'a Message>) -> String {
    let messages = messages.filter(|message| message.role != Role::System).map(message);
    cut(Value::Array(messages.collect()).to_string())
}

/// Writes what the messages of the system say, as `gen_ai.system_instructions` has it; `None` where there is none.
pub(crate) fn system<'a>(messages: impl Iterator<Item = &'a Message>) -> Option<String> {
    let parts: Vec<Value> =
        messages.filter(|message| message.role == Role::System).flat_map(|message| &message.parts).map(part).collect();
    (!parts.is_empty()).then(|| cut(Value::Array(parts).to_string()))
}

/// Writes an answer, as `gen_ai.output.messages` has it.
pub(crate) fn answer(answer: &Message, finish: &str) -> String {
    let mut written = message(answer);
    if let Value::Object(fields) = &mut written {
        fields.insert("finish_reason".to_owned(), finish.into());
    }
    cut(Value::Array(vec![written]).to_string())
}

/// Returns as much of a text as is told, with a mark where it was cut.
pub(crate) fn cut(mut text: String) -> String {
    if text.len() > TEXT_BYTES_MAX {
        text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
        text.push('…');
    }
    text
}

fn message(message: &Message) -> Value {
    json!({ "role": message.role.as_str(), "parts": message.parts.iter().map(part).collect::<Vec<_>>() })
}

fn part(part: &Part) -> Value {
    match part {
        Part::Text(text) => json!({ "type": "text", "content": text }),
        Part::Reasoning(reasoning) => json!({ "type": "reasoning", "content": reasoning.text }),
        Part::Image(media) => {
            json!({ "type": "uri", "modality": "image", "mime_type": media.mime, "uri": media.artifact })
        }
        Part::File(media) => {
            json!({ "type": "uri", "modality": "file", "mime_type": media.mime, "uri": media.artifact })
        }
        Part::ToolCall(call) => json!({
            "type": "tool_call", "id": call.id, "name": call.name, "arguments": call.arguments.to_value(),
        }),
        Part::ToolResult(result) => {
            json!({ "type": "tool_call_response", "id": result.id, "response": result.content })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_cut_between_letters() {
        let long = "ä".repeat(TEXT_BYTES_MAX);
        let shown = cut(long);
        assert!(shown.len() <= TEXT_BYTES_MAX + "…".len() && shown.ends_with("ä…"));
        assert_eq!(cut("short".to_owned()), "short");
    }

    #[test]
    fn messages_have_the_form_of_the_conventions() {
        let all = [Message::text(Role::System, "Be brief."), Message::text(Role::User, "Why?")];
        assert_eq!(messages(all.iter()), r#"[{"parts":[{"content":"Why?","type":"text"}],"role":"user"}]"#);
        assert_eq!(system(all.iter()).unwrap(), r#"[{"content":"Be brief.","type":"text"}]"#);
        let said = answer(&Message::text(Role::Assistant, "So."), "stop");
        assert_eq!(said, r#"[{"finish_reason":"stop","parts":[{"content":"So.","type":"text"}],"role":"assistant"}]"#);
    }
}
