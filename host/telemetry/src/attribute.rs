// SPDX-License-Identifier: MIT OR Apache-2.0
//! Attributes of spans and figures.

use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, any_value};

/// Makes an attribute that is a text.
pub(crate) fn text(key: &str, value: impl Into<String>) -> KeyValue {
    attribute(key, any_value::Value::StringValue(value.into()))
}

/// Makes an attribute that is a whole number.
pub(crate) fn int(key: &str, value: u64) -> KeyValue {
    attribute(key, any_value::Value::IntValue(i64::try_from(value).unwrap_or(i64::MAX)))
}

/// Makes an attribute that is a number.
pub(crate) fn decimal(key: &str, value: f64) -> KeyValue {
    attribute(key, any_value::Value::DoubleValue(value))
}

/// Makes an attribute that holds or does not.
pub(crate) fn boolean(key: &str, value: bool) -> KeyValue {
    attribute(key, any_value::Value::BoolValue(value))
}

/// Makes an attribute of several texts.
pub(crate) fn texts(key: &str, values: impl IntoIterator<Item = String>) -> KeyValue {
    let value = |text| AnyValue { value: Some(any_value::Value::StringValue(text)) };
    let values = values.into_iter().map(value).collect();
    attribute(key, any_value::Value::ArrayValue(ArrayValue { values }))
}

fn attribute(key: &str, value: any_value::Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}
