// SPDX-License-Identifier: MIT OR Apache-2.0
//! Requests as the input writes them.

use priory_sdk::model::{Choice, Definition, Effort, Message, Request};
use serde_json::Value;

pub(crate) fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

pub(crate) fn read(value: &Value) -> Request {
    let text = |key: &str| value[key].as_str().map(str::to_owned);
    let messages: Vec<Message> = match &value["messages"] {
        Value::Null => vec![Message::user(text("say").unwrap_or_default())],
        messages => serde_json::from_value(messages.clone()).unwrap(),
    };
    let mut request = Request::new(messages);
    for tool in texts(&value["tools"]) {
        request = request.tool(tool);
    }
    for custom in value["custom"].as_array().into_iter().flatten() {
        let text = |key: &str| custom[key].as_str().unwrap_or_default();
        request = request.custom(Definition::new(text("name"), text("description"), &custom["schema"]));
    }
    request.model = text("model");
    request.choice = match text("choice").as_deref() {
        None | Some("auto") => Choice::Auto,
        Some("none") => Choice::None,
        Some("any") => Choice::Any,
        Some(name) => Choice::Only(name.to_owned()),
    };
    request.output = (!value["output"].is_null()).then(|| value["output"].to_string());
    request.output_tokens_max = value["output-tokens-max"].as_u64();
    request.temperature = match &value["temperature"] {
        Value::String(_) => Some(f32::NAN),
        temperature => temperature.as_f64().map(|temperature| temperature as f32),
    };
    request.seed = value["seed"].as_u64();
    request.stop = texts(&value["stop"]);
    request.effort = match text("effort").as_deref() {
        Some("none") => Some(Effort::None),
        Some("low") => Some(Effort::Low),
        Some("medium") => Some(Effort::Medium),
        Some("high") => Some(Effort::High),
        _ => None,
    };
    request.purpose = text("purpose");
    request
}
