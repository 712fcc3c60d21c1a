// SPDX-License-Identifier: MIT OR Apache-2.0
//! What no request to a model may be: longer, wider or stranger than is foreseen.

use std::collections::BTreeSet;
use std::sync::Arc;

use priory_core::Failure;
use priory_core::model::{
    CALL_ID_BYTES_MAX, Choice, LABEL_BYTES_MAX, MESSAGES_MAX, Message, ModelRequest, OFFERS_MAX, OUTPUT_TOKENS_MAX,
    Offer, PARTS_MAX, PROMPT_BYTES_MAX, Part, STOP_BYTES_MAX, STOPS_MAX, TEXTS_MAX,
};

/// The highest temperature, in thousandths.
const TEMPERATURE_MILLI_MAX: u32 = 2_000;

/// Tells whether the messages of a request are few and short enough to be asked at all.
pub(crate) fn is_kept(messages: &[Arc<Message>]) -> bool {
    messages.len() <= MESSAGES_MAX && bytes(messages) <= PROMPT_BYTES_MAX
}

/// Returns how long the texts of messages are, in bytes.
pub(crate) fn bytes(messages: &[Arc<Message>]) -> u64 {
    messages.iter().fold(0, |sum, message| sum.saturating_add(message.byte_len()))
}

/// Refuses a request that is out of bounds. `messages` are all of its messages.
pub(crate) fn check(request: &ModelRequest, messages: &[Arc<Message>]) -> Result<(), Failure> {
    if messages.is_empty() || messages.len() > MESSAGES_MAX {
        return refuse("/messages", format!("they are {}; 1 to {MESSAGES_MAX} are expected", messages.len()));
    }
    let length = bytes(messages);
    if length > PROMPT_BYTES_MAX {
        return refuse("/messages", format!("their texts have {length} bytes, and {PROMPT_BYTES_MAX} are the most"));
    }
    messages.iter().enumerate().try_for_each(|(at, message)| check_message(at, message))?;
    check_offers(request)?;
    check_sampling(request)
}

/// Refuses texts that are too many or too long to become vectors.
pub(crate) fn check_texts(texts: &[String]) -> Result<(), Failure> {
    let invalid = |reason: String| Err(Failure::invalid("texts to embed", "", reason));
    if texts.is_empty() || texts.len() > TEXTS_MAX {
        return invalid(format!("they are {}; 1 to {TEXTS_MAX} are expected", texts.len()));
    }
    let length = texts.iter().fold(0_u64, |sum, text| sum.saturating_add(text.len() as u64));
    if length > PROMPT_BYTES_MAX {
        return invalid(format!("they have {length} bytes, and {PROMPT_BYTES_MAX} are the most"));
    }
    Ok(())
}

fn refuse<T>(pointer: impl Into<String>, reason: String) -> Result<T, Failure> {
    Err(Failure::invalid("request to a model", pointer, reason))
}

fn check_message(at: usize, message: &Message) -> Result<(), Failure> {
    if message.parts.len() > PARTS_MAX {
        let reason = format!("it has {} parts, and {PARTS_MAX} are the most", message.parts.len());
        return refuse(format!("/messages/{at}"), reason);
    }
    check_label(message.label.as_deref(), || format!("/messages/{at}/label"))?;
    for (part_at, part) in message.parts.iter().enumerate() {
        let id = match part {
            Part::ToolCall(call) => &call.id,
            Part::ToolResult(result) => &result.id,
            _ => continue,
        };
        if id.is_empty() || id.len() > CALL_ID_BYTES_MAX {
            let reason = format!("the id of a call has {} bytes; 1 to {CALL_ID_BYTES_MAX} are expected", id.len());
            return refuse(format!("/messages/{at}/parts/{part_at}"), reason);
        }
    }
    Ok(())
}

fn check_label(label: Option<&str>, pointer: impl FnOnce() -> String) -> Result<(), Failure> {
    match label.map_or(0, str::len) {
        length if length > LABEL_BYTES_MAX => {
            refuse(pointer(), format!("it has {length} bytes, and {LABEL_BYTES_MAX} are the most"))
        }
        _ => Ok(()),
    }
}

fn check_offers(request: &ModelRequest) -> Result<(), Failure> {
    let offers = &request.tools;
    if offers.len() > OFFERS_MAX {
        return refuse("/tools", format!("they are {}, and {OFFERS_MAX} are the most", offers.len()));
    }
    let mut names = BTreeSet::new();
    for (at, offer) in offers.iter().enumerate() {
        if offer.name().is_empty() || !names.insert(offer.name()) {
            return refuse(format!("/tools/{at}"), format!("the name `{}` stands twice, or is empty", offer.name()));
        }
    }
    match &request.sampling.choice {
        Choice::Any if offers.is_empty() => refuse("/choice", "no tool is offered, so none can be called".to_owned()),
        Choice::Only(name) if !names.contains(name.as_str()) => {
            refuse("/choice", format!("the tool `{}` is not offered", name.chars().take(80).collect::<String>()))
        }
        _ => Ok(()),
    }
}

fn check_sampling(request: &ModelRequest) -> Result<(), Failure> {
    let sampling = &request.sampling;
    check_label(request.purpose.as_deref(), || "/purpose".to_owned())?;
    if let Some(most) = sampling.output_tokens_max.filter(|most| !(1..=OUTPUT_TOKENS_MAX).contains(most)) {
        return refuse("/output-tokens-max", format!("it is {most}; 1 to {OUTPUT_TOKENS_MAX} are expected"));
    }
    if let Some(temperature) = sampling.temperature_milli.filter(|milli| *milli > TEMPERATURE_MILLI_MAX) {
        return refuse(
            "/temperature",
            format!("it is {temperature} thousandths; 0 to {TEMPERATURE_MILLI_MAX} are expected"),
        );
    }
    if sampling.stop.len() > STOPS_MAX {
        return refuse("/stop", format!("they are {}, and {STOPS_MAX} are the most", sampling.stop.len()));
    }
    match sampling.stop.iter().position(|stop| stop.is_empty() || stop.len() > STOP_BYTES_MAX) {
        Some(at) => refuse(format!("/stop/{at}"), format!("it is empty or longer than {STOP_BYTES_MAX} bytes")),
        None => Ok(()),
    }
}

/// Returns the tools of the router that are offered.
pub(crate) fn offered_tools(request: &ModelRequest) -> impl Iterator<Item = &str> {
    request.tools.iter().filter_map(|offer| match offer {
        Offer::Tool(name) => Some(name.as_str()),
        Offer::Custom(_) => None,
    })
}
