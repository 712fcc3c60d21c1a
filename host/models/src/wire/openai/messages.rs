// SPDX-License-Identifier: MIT OR Apache-2.0
//! The messages of a conversation, as chat completions have them.

use std::borrow::Cow;

use priory_core::failure::Failure;
use priory_core::model::{Message, Part, Role};

use super::super::body::{List, Object};
use super::super::{Asked, unmarked};
use super::{CALL_EXTRA, REASONING_FIELD, arguments, bytes_of, text_of};

/// Writes one message, as several where it has results of tools.
pub(super) fn write_message(
    list: &mut List<'_>,
    message: &Message,
    at: usize,
    is_current: bool,
    asked: &Asked<'_>,
) -> Result<(), Failure> {
    for part in &message.parts {
        if let Part::ToolResult(result) = part {
            list.object(|object| {
                object.text("role", "tool");
                object.text("tool_call_id", &result.id);
                match result.is_error {
                    true => object.text("content", &format!("error: {}", result.content)),
                    false => object.text("content", &result.content),
                }
            });
        }
    }
    let has_more = message.parts.iter().any(|part| !matches!(part, Part::ToolResult(_)));
    let has_results = message.parts.iter().any(|part| matches!(part, Part::ToolResult(_)));
    if message.role == Role::Assistant {
        return list.object(|object| write_assistant(object, message, at, is_current, asked));
    }
    if has_results && !has_more {
        return Ok(());
    }
    list.object(|object| {
        // What a tool gave back besides words is shown by the user: providers take words from tools only.
        object.text("role", if message.role == Role::System { "system" } else { "user" });
        match message.media().next() {
            None => {
                object.text("content", &joined(message, "\n\n"));
                Ok(())
            }
            Some(_) => object.list("content", |list| {
                let mut shown = message.parts.iter().filter(|part| !matches!(part, Part::ToolResult(_)));
                shown.try_for_each(|part| write_part(list, part, at, asked))
            }),
        }
    })
}

fn write_part(list: &mut List<'_>, part: &Part, at: usize, asked: &Asked<'_>) -> Result<(), Failure> {
    let text = |list: &mut List<'_>, text: &str| {
        list.object(|object| {
            object.text("type", "text");
            object.text("text", text);
        });
    };
    match part {
        Part::Text(words) => text(list, words),
        Part::Image(media) => {
            let bytes = bytes_of(media, at, asked)?;
            list.object(|object| {
                object.text("type", "image_url");
                object.object("image_url", |url| url.data_url("url", &media.mime, bytes));
            });
        }
        Part::File(media) => {
            let bytes = bytes_of(media, at, asked)?;
            match text_of(media, bytes) {
                Some(words) => text(list, &words),
                None => list.object(|object| {
                    object.text("type", "file");
                    object.object("file", |file| {
                        file.text("filename", media.name.as_deref().unwrap_or("file"));
                        file.data_url("file_data", &media.mime, bytes);
                    });
                }),
            }
        }
        Part::Reasoning(_) | Part::ToolCall(_) | Part::ToolResult(_) => {}
    }
    Ok(())
}

fn write_assistant(
    object: &mut Object<'_>,
    message: &Message,
    at: usize,
    is_current: bool,
    asked: &Asked<'_>,
) -> Result<(), Failure> {
    if message.media().next().is_some() {
        let reason = "this provider takes no pictures and files from a model; put them into a message of the user";
        return Err(Failure::invalid("model request", format!("/messages/{at}"), reason));
    }
    object.text("role", "assistant");
    let has_calls = message.calls().next().is_some();
    match joined(message, "") {
        words if words.is_empty() && has_calls => object.null("content"),
        words => object.text("content", &words),
    }
    if is_current {
        write_reasoning(object, message);
    }
    if has_calls {
        object.list("tool_calls", |list| {
            for call in message.calls() {
                list.object(|object| {
                    object.text("id", &call.id);
                    object.text("type", "function");
                    object.object("function", |function| {
                        function.text("name", &asked.names.sent(&call.name));
                        function.text("arguments", &arguments(call));
                    });
                    if let Some(extra) = unmarked(CALL_EXTRA, call.opaque.as_deref()) {
                        object.untrusted("extra_content", extra);
                    }
                });
            }
        });
    }
    Ok(())
}

/// Gives reasoning back to a server that tells it: some models lose their thread without it while they call tools.
fn write_reasoning(object: &mut Object<'_>, message: &Message) {
    for (field, name) in [("reasoning_content", "reasoning_content"), ("reasoning", "reasoning")] {
        let texts = message.parts.iter().filter_map(|part| match part {
            Part::Reasoning(reasoning) => (unmarked(REASONING_FIELD, reasoning.opaque.as_deref()) == Some(name))
                .then_some(reasoning.text.as_str()),
            _ => None,
        });
        let text = texts.collect::<String>();
        if !text.is_empty() {
            object.text(field, &text);
        }
    }
}

/// Returns the words of a message.
fn joined<'a>(message: &'a Message, between: &str) -> Cow<'a, str> {
    let mut texts = message.parts.iter().filter_map(|part| match part {
        Part::Text(text) => Some(text.as_str()),
        _ => None,
    });
    let Some(first) = texts.next() else { return Cow::Borrowed("") };
    let mut joined = Cow::Borrowed(first);
    for text in texts {
        let joined = joined.to_mut();
        joined.push_str(between);
        joined.push_str(text);
    }
    joined
}
