// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is said of a call of a model.

use opentelemetry_proto::tonic::common::v1::KeyValue;
use priory_core::model::{Completion, ModelRequest, StopReason};

use crate::attribute::{boolean, decimal, int, text, texts};
use crate::config::TelemetryConfig;
use crate::{content, names};

/// Returns what is asked, but for the model, which may be another one in the end.
pub(crate) fn asked(request: &ModelRequest, is_heard: bool, config: &TelemetryConfig) -> Vec<KeyValue> {
    let sampling = &request.sampling;
    let mut said = Vec::new();
    said.extend(sampling.output_tokens_max.map(|most| int(names::REQUEST_MAX_TOKENS, most)));
    said.extend(
        sampling.temperature_milli.map(|milli| decimal(names::REQUEST_TEMPERATURE, f64::from(milli) / 1_000.0)),
    );
    said.extend(sampling.seed.map(|seed| int(names::REQUEST_SEED, seed)));
    if !sampling.stop.is_empty() {
        said.push(texts(names::REQUEST_STOP, sampling.stop.iter().cloned()));
    }
    if is_heard {
        said.push(boolean(names::REQUEST_STREAM, true));
    }
    if sampling.output.is_some() {
        said.push(text(names::OUTPUT_TYPE, "json"));
    }
    said.extend(request.purpose.as_ref().map(|purpose| text(names::PURPOSE, purpose.clone())));
    if config.content {
        // What an earlier request of the frame had already was told with that.
        let new = || request.messages.new_messages().map(|message| &**message);
        said.extend(content::system(new()).map(|system| text(names::SYSTEM, system)));
        said.push(text(names::INPUT, content::messages(new())));
    }
    said
}

/// Returns what was answered.
pub(crate) fn answered(completion: &Completion, config: &TelemetryConfig) -> Vec<KeyValue> {
    let finish = finish(completion.stop);
    let mut said = vec![
        text(names::RESPONSE_MODEL, model_id(&completion.model, config)),
        texts(names::RESPONSE_FINISH, [finish.to_owned()]),
    ];
    if completion.is_cached {
        said.push(boolean(names::CACHED, true));
    }
    if config.content {
        said.push(text(names::OUTPUT, content::answer(&completion.message, finish)));
    }
    said
}

/// Returns how the provider calls a model; its name in the manifest where nobody knows.
pub(crate) fn model_id(name: &str, config: &TelemetryConfig) -> String {
    config.models.get(name).map_or_else(|| name.to_owned(), ToString::to_string)
}

/// Returns why a model stopped, in the words of the conventions.
fn finish(stop: StopReason) -> &'static str {
    match stop {
        StopReason::End | StopReason::StopSequence => "stop",
        StopReason::ToolCalls => "tool_call",
        StopReason::Length => "length",
        StopReason::Refused => "content_filter",
    }
}
