// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writes values as JSON, never more than a given number of bytes.

use std::fmt::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use priory_core::json::Json;
use wasmtime::component::Val;

use crate::values::plan::{Cases, Codec, Fields, Plan, ResultPlan};

/// How many bytes are made base64 in one go; a multiple of three, so that only the last go pads.
const BASE64_STEP: usize = 768;

/// Why values were not written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The text would be too long.
    #[error("the value needs {used} bytes or more as JSON, and {allowed} are allowed")]
    TooLarge {
        /// The length that was reached when writing stopped.
        used: u64,
        /// The maximum.
        allowed: u64,
    },
    /// The values are not of the function's type: a mistake of the host, not of a guest.
    #[error("a value is {found} where {wanted} is wanted; it belongs to another type")]
    Mismatch {
        /// What the type says.
        wanted: String,
        /// What the value is.
        found: &'static str,
    },
}

/// What a function returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Its result; for a function that returns `result<T, E>` the T, for one that returns nothing `null`.
    Ok(Json),
    /// The E of a `result<T, E>`.
    Err(Json),
}

// === impl Codec ===

impl Codec {
    /// Writes arguments as an object with one property a parameter.
    pub fn encode_arguments(&self, arguments: &[Val], bytes_max: usize) -> Result<Json, EncodeError> {
        let mut writer = Writer::new(bytes_max);
        if arguments.len() != self.params.plans.len() {
            return Err(mismatch(format!("{} parameters", self.params.plans.len()), "a list of another length"));
        }
        writer.fields(&self.params, arguments.iter())?;
        Ok(writer.finish())
    }

    /// Writes what the function returned: no value or one.
    pub fn encode_result(&self, returned: &[Val], bytes_max: usize) -> Result<Answer, EncodeError> {
        let mut writer = Writer::new(bytes_max);
        let is_ok = match (&self.result, returned) {
            (ResultPlan::Nothing, []) => {
                writer.push("null")?;
                true
            }
            (ResultPlan::Plain(plan), [value]) => {
                writer.value(plan, value)?;
                true
            }
            (ResultPlan::Split { ok, err }, [Val::Result(value)]) => {
                let (plan, payload) = match value {
                    Ok(payload) => (ok, payload),
                    Err(payload) => (err, payload),
                };
                match (plan, payload) {
                    (None, None) => writer.push("null")?,
                    (Some(plan), Some(value)) => writer.value(plan, value)?,
                    (plan, _) => return Err(mismatch_payload(plan.as_ref())),
                }
                value.is_ok()
            }
            (_, [value]) => return Err(mismatch("the result of the function".to_owned(), kind(value))),
            _ => return Err(mismatch("the result of the function".to_owned(), "a list of another length")),
        };
        let text = writer.finish();
        Ok(if is_ok { Answer::Ok(text) } else { Answer::Err(text) })
    }
}

/// Returns a text as a JSON string.
pub(super) fn quoted(text: &str) -> String {
    let mut writer = Writer::new(usize::MAX);
    // Without a maximum nothing can be refused.
    let _ = writer.string(text);
    writer.text
}

/// A text that grows up to a maximum and not beyond.
struct Writer {
    text: String,
    bytes_max: usize,
    /// The length at which writing was refused.
    refused_at: usize,
}

// === impl Writer ===

impl Writer {
    fn new(bytes_max: usize) -> Self {
        Self { text: String::new(), bytes_max, refused_at: 0 }
    }

    fn finish(self) -> Json {
        Json::from_encoder(self.text)
    }

    /// Fails when so many more bytes would be too many.
    fn room(&mut self, more: usize) -> Result<(), EncodeError> {
        let used = self.text.len().saturating_add(more);
        if used <= self.bytes_max {
            return Ok(());
        }
        self.refused_at = used;
        Err(self.too_large())
    }

    fn too_large(&self) -> EncodeError {
        EncodeError::TooLarge { used: self.refused_at as u64, allowed: self.bytes_max as u64 }
    }

    fn push(&mut self, text: &str) -> Result<(), EncodeError> {
        self.room(text.len())?;
        self.text.push_str(text);
        Ok(())
    }

    fn display(&mut self, arguments: fmt::Arguments<'_>) -> Result<(), EncodeError> {
        self.write_fmt(arguments).map_err(|_| self.too_large())
    }

    fn string(&mut self, text: &str) -> Result<(), EncodeError> {
        self.push("\"")?;
        let mut start = 0;
        for (at, byte) in text.bytes().enumerate() {
            if byte >= 0x20 && byte != b'"' && byte != b'\\' {
                continue;
            }
            // Only ASCII stops here, so both ends are borders of characters.
            self.push(text.get(start..at).unwrap_or_default())?;
            match byte {
                b'"' => self.push("\\\"")?,
                b'\\' => self.push("\\\\")?,
                b'\n' => self.push("\\n")?,
                b'\r' => self.push("\\r")?,
                b'\t' => self.push("\\t")?,
                other => self.display(format_args!("\\u{other:04x}"))?,
            }
            start = at + 1;
        }
        self.push(text.get(start..).unwrap_or_default())?;
        self.push("\"")
    }

    fn value(&mut self, plan: &Plan, value: &Val) -> Result<(), EncodeError> {
        match (plan, value) {
            (Plan::Bool, Val::Bool(true)) => self.push("true"),
            (Plan::Bool, Val::Bool(false)) => self.push("false"),
            (Plan::Integer(_), Val::S8(number)) => self.display(format_args!("{number}")),
            (Plan::Integer(_), Val::U8(number)) => self.display(format_args!("{number}")),
            (Plan::Integer(_), Val::S16(number)) => self.display(format_args!("{number}")),
            (Plan::Integer(_), Val::U16(number)) => self.display(format_args!("{number}")),
            (Plan::Integer(_), Val::S32(number)) => self.display(format_args!("{number}")),
            (Plan::Integer(_), Val::U32(number)) => self.display(format_args!("{number}")),
            (Plan::Integer(_), Val::S64(number)) => self.display(format_args!("{number}")),
            (Plan::Integer(_), Val::U64(number)) => self.display(format_args!("{number}")),
            (Plan::F32, Val::Float32(number)) => self.float(f64::from(*number), format_args!("{number:?}")),
            (Plan::F64, Val::Float64(number)) => self.float(*number, format_args!("{number:?}")),
            (Plan::Char, Val::Char(one)) => self.string(one.encode_utf8(&mut [0; 4])),
            (Plan::String, Val::String(text)) => self.string(text),
            (Plan::Bytes, Val::List(items)) => self.bytes(items),
            (Plan::List(inner), Val::List(items)) => self.list(items.iter().map(|item| (&**inner, item))),
            (Plan::Tuple(parts), Val::Tuple(items)) if parts.len() == items.len() => self.list(parts.iter().zip(items)),
            (Plan::Record(fields), Val::Record(values))
                if values.iter().map(|(name, _)| name.as_str()).eq(fields.names.iter()) =>
            {
                self.fields(fields, values.iter().map(|(_, value)| value))
            }
            (Plan::Variant(cases), Val::Variant(name, payload)) => {
                let at = cases.names.find(name, 0);
                self.case(cases, at, payload.as_deref())
            }
            (Plan::Result(cases), Val::Result(Ok(payload))) => self.case(cases, Some(0), payload.as_deref()),
            (Plan::Result(cases), Val::Result(Err(payload))) => self.case(cases, Some(1), payload.as_deref()),
            (Plan::Enum(_), Val::Enum(name)) => self.string(name),
            (Plan::Flags(_), Val::Flags(names)) => self.flags(names),
            (Plan::Option(_) | Plan::Wrapped(_), Val::Option(None)) => self.push("null"),
            (Plan::Option(inner), Val::Option(Some(value))) => self.value(inner, value),
            (Plan::Wrapped(inner), Val::Option(Some(value))) => {
                self.push("{\"some\":")?;
                self.value(inner, value)?;
                self.push("}")
            }
            (plan, value) => Err(mismatch(plan.wanted(), kind(value))),
        }
    }

    fn float(&mut self, number: f64, shortest: fmt::Arguments<'_>) -> Result<(), EncodeError> {
        if number.is_finite() {
            return self.display(shortest);
        }
        self.push(match number {
            f64::INFINITY => "\"Infinity\"",
            f64::NEG_INFINITY => "\"-Infinity\"",
            _ => "\"NaN\"",
        })
    }

    fn list<'a>(&mut self, items: impl Iterator<Item = (&'a Plan, &'a Val)>) -> Result<(), EncodeError> {
        self.push("[")?;
        for (at, (plan, item)) in items.enumerate() {
            if at > 0 {
                self.push(",")?;
            }
            self.value(plan, item)?;
        }
        self.push("]")
    }

    fn fields<'a>(&mut self, fields: &Fields, values: impl Iterator<Item = &'a Val>) -> Result<(), EncodeError> {
        self.push("{")?;
        for (at, (plan, value)) in fields.plans.iter().zip(values).enumerate() {
            if at > 0 {
                self.push(",")?;
            }
            self.push(fields.names.quoted(at))?;
            self.push(":")?;
            self.value(plan, value)?;
        }
        self.push("}")
    }

    fn case(&mut self, cases: &Cases, at: Option<usize>, payload: Option<&Val>) -> Result<(), EncodeError> {
        let Some((at, plan)) = at.and_then(|at| Some((at, cases.payloads.get(at)?))) else {
            return Err(mismatch(format!("one case of {}", cases.names.listed()), "another case"));
        };
        match (plan, payload) {
            (None, None) => self.push(cases.names.quoted(at)),
            (Some(plan), Some(value)) => {
                self.push("{")?;
                self.push(cases.names.quoted(at))?;
                self.push(":")?;
                self.value(plan, value)?;
                self.push("}")
            }
            (plan, _) => Err(mismatch_payload(plan.as_ref())),
        }
    }

    fn flags(&mut self, names: &[String]) -> Result<(), EncodeError> {
        self.push("[")?;
        for (at, name) in names.iter().enumerate() {
            if at > 0 {
                self.push(",")?;
            }
            self.string(name)?;
        }
        self.push("]")
    }

    fn bytes(&mut self, items: &[Val]) -> Result<(), EncodeError> {
        self.room(items.len().div_ceil(3).saturating_mul(4).saturating_add(2))?;
        self.push("\"")?;
        let mut step = Vec::with_capacity(BASE64_STEP.min(items.len()));
        for chunk in items.chunks(BASE64_STEP) {
            step.clear();
            for item in chunk {
                let Val::U8(byte) = item else { return Err(mismatch("u8".to_owned(), kind(item))) };
                step.push(*byte);
            }
            STANDARD.encode_string(&step, &mut self.text);
        }
        self.push("\"")
    }
}

impl Write for Writer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text).map_err(|_| fmt::Error)
    }
}

fn mismatch(wanted: String, found: &'static str) -> EncodeError {
    EncodeError::Mismatch { wanted, found }
}

fn mismatch_payload(plan: Option<&Plan>) -> EncodeError {
    match plan {
        Some(plan) => mismatch(plan.wanted(), "a case without payload"),
        None => mismatch("a case without payload".to_owned(), "one with a payload"),
    }
}

fn kind(value: &Val) -> &'static str {
    match value {
        Val::Bool(_) => "a bool",
        Val::S8(_) | Val::U8(_) | Val::S16(_) | Val::U16(_) => "an integer",
        Val::S32(_) | Val::U32(_) | Val::S64(_) | Val::U64(_) => "an integer",
        Val::Float32(_) | Val::Float64(_) => "a float",
        Val::Char(_) => "a char",
        Val::String(_) => "a string",
        Val::List(_) => "a list",
        Val::Record(_) => "a record",
        Val::Tuple(_) => "a tuple",
        Val::Variant(..) => "a variant",
        Val::Enum(_) => "an enum",
        Val::Option(_) => "an option",
        Val::Result(_) => "a result",
        Val::Flags(_) => "flags",
        Val::Map(_) => "a map",
        Val::FixedLengthList(_) => "a list of fixed length",
        Val::Resource(_) | Val::Future(_) | Val::Stream(_) | Val::ErrorContext(_) => "a handle",
    }
}
