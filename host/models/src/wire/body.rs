// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bodies of requests, written straight into their bytes: a conversation is long, and a tree of it would be built only to be
//! thrown away.
//!
//! Keys are words of this room and need no escape. JSON that is known to be valid is copied as it stands.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use priory_core::json::Json;
use serde_json::value::RawValue;

/// More fields of a body, from the configuration. They take the place of those that a format writes; one that is `null` or
/// an empty text is not written at all.
#[derive(Debug, Clone, Default)]
pub(crate) struct Extra {
    fields: Vec<(String, Option<Json>)>,
}

/// An object that is being written.
pub(crate) struct Object<'a> {
    out: &'a mut Vec<u8>,
    is_empty: bool,
    /// Only the body itself has some.
    extra: &'a Extra,
}

/// A list that is being written.
pub(crate) struct List<'a> {
    out: &'a mut Vec<u8>,
    is_empty: bool,
}

/// Nothing more.
static NOTHING: Extra = Extra { fields: Vec::new() };

/// Writes a body: an object, with the fields of the configuration at its end. `capacity` is about how long it gets.
pub(crate) fn write<R>(capacity: usize, extra: &Extra, fill: impl FnOnce(&mut Object<'_>) -> R) -> (Vec<u8>, R) {
    let mut out = Vec::with_capacity(capacity);
    out.push(b'{');
    let mut object = Object { out: &mut out, is_empty: true, extra };
    let result = fill(&mut object);
    object.extra = &NOTHING;
    for (key, value) in &extra.fields {
        if let Some(value) = value {
            object.begin();
            string(object.out, key);
            object.out.push(b':');
            object.out.extend_from_slice(value.as_str().as_bytes());
        }
    }
    out.push(b'}');
    (out, result)
}

/// Writes a text as JSON.
fn string(out: &mut Vec<u8>, text: &str) {
    // Writing a text into memory never fails.
    let _ = serde_json::to_writer(out, text);
}

fn base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(STANDARD.encode(bytes).as_bytes());
}

// === impl Extra ===

impl Extra {
    /// Reads it from the configuration; `None` where that is no object.
    pub(crate) fn of(json: Option<&Json>) -> Option<Self> {
        let Some(json) = json else { return Some(Self::default()) };
        let fields: BTreeMap<String, Box<RawValue>> = json.read().ok()?;
        let fields = fields.into_iter().map(|(key, value)| match value.get() {
            "null" | "\"\"" => Some((key, None)),
            text => Some((key, Some(Json::parse(text).ok()?))),
        });
        Some(Self { fields: fields.collect::<Option<_>>()? })
    }

    /// Tells whether it says something about a field.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.fields.iter().any(|(name, _)| name == key)
    }

    /// Tells whether it takes a field away.
    pub(crate) fn removes(&self, key: &str) -> bool {
        self.fields.iter().any(|(name, value)| name == key && value.is_none())
    }

    /// Returns the fields that it sets.
    pub(crate) fn set(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().filter(|(_, value)| value.is_some()).map(|(name, _)| name.as_str())
    }
}

// === impl Object ===

impl Object<'_> {
    fn begin(&mut self) {
        if !self.is_empty {
            self.out.push(b',');
        }
        self.is_empty = false;
    }

    /// Writes a field, unless the configuration says something else about it.
    fn field<R>(&mut self, key: &'static str, value: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        let (before, was_empty) = (self.out.len(), self.is_empty);
        self.begin();
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
        let result = value(self.out);
        if self.extra.has(key) {
            self.out.truncate(before);
            self.is_empty = was_empty;
        }
        result
    }

    /// Writes a text.
    pub(crate) fn text(&mut self, key: &'static str, text: &str) {
        self.field(key, |out| string(out, text));
    }

    /// Writes a whole number.
    pub(crate) fn number(&mut self, key: &'static str, number: u64) {
        self.field(key, |out| out.extend_from_slice(number.to_string().as_bytes()));
    }

    /// Writes thousandths as a decimal number.
    pub(crate) fn thousandths(&mut self, key: &'static str, number: u32) {
        let text = format!("{}.{:03}", number / 1_000, number % 1_000);
        self.field(key, |out| out.extend_from_slice(text.as_bytes()));
    }

    /// Writes yes or no.
    pub(crate) fn flag(&mut self, key: &'static str, flag: bool) {
        self.field(key, |out| out.extend_from_slice(if flag { b"true" } else { b"false" }));
    }

    /// Writes `null`.
    pub(crate) fn null(&mut self, key: &'static str) {
        self.field(key, |out| out.extend_from_slice(b"null"));
    }

    /// Writes JSON as it stands.
    pub(crate) fn json(&mut self, key: &'static str, json: &Json) {
        self.field(key, |out| out.extend_from_slice(json.as_str().as_bytes()));
    }

    /// Writes JSON as it stands where it is valid, and `null` where it is not: it came from a conversation, which a program
    /// can have written itself.
    pub(crate) fn untrusted(&mut self, key: &'static str, text: &str) {
        let json = Json::parse(text).unwrap_or_else(|_| Json::null());
        self.json(key, &json);
    }

    /// Writes bytes as base64.
    pub(crate) fn base64(&mut self, key: &'static str, bytes: &[u8]) {
        self.field(key, |out| {
            out.push(b'"');
            base64(out, bytes);
            out.push(b'"');
        });
    }

    /// Writes bytes as a URL that holds them.
    pub(crate) fn data_url(&mut self, key: &'static str, mime: &str, bytes: &[u8]) {
        self.field(key, |out| {
            string(out, &format!("data:{mime};base64,"));
            // The quote at its end.
            out.pop();
            base64(out, bytes);
            out.push(b'"');
        });
    }

    /// Writes an object.
    pub(crate) fn object<R>(&mut self, key: &'static str, fill: impl FnOnce(&mut Object<'_>) -> R) -> R {
        self.field(key, |out| object(out, fill))
    }

    /// Writes a list.
    pub(crate) fn list<R>(&mut self, key: &'static str, fill: impl FnOnce(&mut List<'_>) -> R) -> R {
        self.field(key, |out| {
            out.push(b'[');
            let result = fill(&mut List { out, is_empty: true });
            out.push(b']');
            result
        })
    }
}

fn object<R>(out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>) -> R) -> R {
    out.push(b'{');
    let result = fill(&mut Object { out, is_empty: true, extra: &NOTHING });
    out.push(b'}');
    result
}

// === impl List ===

impl List<'_> {
    fn begin(&mut self) {
        if !self.is_empty {
            self.out.push(b',');
        }
        self.is_empty = false;
    }

    /// Writes a text.
    pub(crate) fn text(&mut self, text: &str) {
        self.begin();
        string(self.out, text);
    }

    /// Writes an object.
    pub(crate) fn object<R>(&mut self, fill: impl FnOnce(&mut Object<'_>) -> R) -> R {
        self.begin();
        object(self.out, fill)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(extra: &str, fill: impl FnOnce(&mut Object<'_>)) -> String {
        let extra = Extra::of(Some(&Json::parse(extra).unwrap())).unwrap();
        let (bytes, ()) = write(16, &extra, fill);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_body_is_written_in_the_order_in_which_it_is_said() {
        let text = written("{}", |body| {
            body.text("model", "a\"b\n");
            body.list("messages", |list| {
                list.object(|object| object.number("n", 7));
                list.text("é");
            });
            body.thousandths("temperature", 50);
            body.data_url("image", "image/png", b"abc");
            body.object("empty", |_| ());
            body.flag("stream", true);
        });
        let expected = concat!(
            r#"{"model":"a\"b\n","messages":[{"n":7},"é"],"temperature":0.050,"#,
            r#""image":"data:image/png;base64,YWJj","empty":{},"stream":true}"#
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn fields_of_the_configuration_take_the_place_of_others() {
        let text = written(r#"{"top_k": 5, "seed": null, "stop": "", "model": "other"}"#, |body| {
            body.text("model", "m");
            body.number("seed", 1);
            body.text("stop", "x");
            body.object("inner", |inner| inner.number("seed", 2));
        });
        assert_eq!(text, r#"{"inner":{"seed":2},"model":"other","top_k":5}"#);
        assert!(Extra::of(Some(&Json::parse("[1]").unwrap())).is_none());
    }

    #[test]
    fn what_is_no_json_is_not_copied() {
        let text = written("{}", |body| {
            body.untrusted("good", " {\"a\": 1}");
            body.untrusted("bad", "1}, \"x\": {");
        });
        assert_eq!(text, r#"{"good":{"a": 1},"bad":null}"#);
    }
}
