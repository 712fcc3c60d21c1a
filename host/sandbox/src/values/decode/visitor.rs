// SPDX-License-Identifier: MIT OR Apache-2.0
//! Takes what the parser finds and makes of it what the type says.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use wasmtime::component::Val;

use crate::values::decode::cursor::Cursor;
use crate::values::names::{Names, shown};
use crate::values::number::{self, FLOAT_WORDS};
use crate::values::plan::{Cases, Fields, Plan};

/// What one value takes, apart from what it points to.
const VALUE_BYTES: usize = size_of::<Val>();

/// Reads one value.
#[derive(Clone, Copy)]
pub(super) struct Node<'p> {
    pub(super) plan: &'p Plan,
    pub(super) cursor: &'p Cursor,
}

/// Reads the arguments of a function.
#[derive(Clone, Copy)]
pub(super) struct Arguments<'p> {
    pub(super) fields: &'p Fields,
    pub(super) cursor: &'p Cursor,
}

/// Reads a property's name; `what` is how messages call it.
struct Key<'p> {
    names: &'p Names,
    guess: usize,
    what: &'static str,
    cursor: &'p Cursor,
}

// === impl Node ===

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Val;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Val, D::Error> {
        self.cursor.spend(VALUE_BYTES)?;
        match self.plan {
            // The parser would round large numbers, so numbers are read from their text.
            Plan::Integer(_) | Plan::F32 | Plan::F64 => {
                let raw = <&RawValue>::deserialize(deserializer)?;
                self.number(raw.get()).map_err(|reason| self.cursor.wrong(reason))
            }
            Plan::Option(_) | Plan::Wrapped(_) => deserializer.deserialize_option(self),
            _ => deserializer.deserialize_any(self),
        }
    }
}

impl<'p> Node<'p> {
    fn at(self, plan: &'p Plan) -> Self {
        Self { plan, ..self }
    }

    /// Makes the error for something of another kind.
    fn other<E: Error>(self, given: impl fmt::Display) -> E {
        self.cursor.wrong(format!("{given} is given, {} is wanted", self.plan.wanted()))
    }

    fn number(self, raw: &str) -> Result<Val, String> {
        if raw.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
            return match self.plan {
                Plan::Integer(integer) => integer.read(raw),
                Plan::F32 => number::read_f32(raw).map(Val::Float32),
                _ => number::read_f64(raw).map(Val::Float64),
            };
        }
        if raw.starts_with('"') && matches!(self.plan, Plan::F32 | Plan::F64) {
            let text: Cow<'_, str> = serde_json::from_str(raw).map_err(|error| format!("not JSON: {error}"))?;
            let Some((_, number)) = FLOAT_WORDS.iter().find(|(word, _)| *word == text) else {
                let words = FLOAT_WORDS.map(|(word, _)| format!("\"{word}\"")).join(", ");
                return Err(format!("the string \"{}\" is not a number; a number or {words} is wanted", shown(&text)));
            };
            return Ok(if matches!(self.plan, Plan::F32) {
                Val::Float32(*number as f32)
            } else {
                Val::Float64(*number)
            });
        }
        let given = match raw.as_bytes().first() {
            Some(b'"') => "a string",
            Some(b'[') => "an array",
            Some(b'{') => "an object",
            _ => raw,
        };
        Err(format!("{given} is given, {} is wanted", self.plan.wanted()))
    }

    fn bytes<E: Error>(self, text: &str) -> Result<Val, E> {
        let length = base64::decoded_len_estimate(text.len());
        self.cursor.spend(length.saturating_mul(VALUE_BYTES))?;
        let bytes = STANDARD.decode(text).map_err(|error| {
            self.cursor.wrong(format!("not base64 with padding (RFC 4648): {}", error.to_string().to_lowercase()))
        })?;
        Ok(Val::List(bytes.into_iter().map(Val::U8).collect()))
    }

    fn bare_case<E: Error>(self, cases: &Cases, text: &str) -> Result<Val, E> {
        let Some(at) = cases.names.find(text, 0) else {
            return Err(self.cursor.wrong(unknown("case", text, &cases.names)));
        };
        match cases.payloads.get(at) {
            Some(None) => self.case(cases, at, None),
            Some(Some(plan)) => Err(self
                .cursor
                .wrong(format!("the case `{text}` has a value: {{\"{text}\": …}} is wanted, with {}", plan.wanted()))),
            None => Err(self.other("a string")),
        }
    }

    fn case<E: Error>(self, cases: &Cases, at: usize, payload: Option<Val>) -> Result<Val, E> {
        let payload = payload.map(Box::new);
        if matches!(self.plan, Plan::Result(_)) {
            return Ok(Val::Result(if at == 0 { Ok(payload) } else { Err(payload) }));
        }
        let name = cases.names.text(at);
        self.cursor.spend(name.len())?;
        Ok(Val::Variant(name.to_owned(), payload))
    }

    fn case_with_value<'de, A: MapAccess<'de>>(self, cases: &Cases, mut map: A) -> Result<Val, A::Error> {
        let key = Key { names: &cases.names, guess: 0, what: "case", cursor: self.cursor };
        let Some(at) = map.next_key_seed(key)? else { return Err(self.other("an empty object")) };
        let name = cases.names.text(at);
        let Some(Some(plan)) = cases.payloads.get(at) else {
            return Err(self.cursor.wrong(format!("the case `{name}` has no value: the string \"{name}\" is wanted")));
        };
        let value = map.next_value_seed(self.at(plan)).map_err(|error| self.cursor.inside(name, error))?;
        if map.next_key::<IgnoredAny>()?.is_some() {
            return Err(self.cursor.wrong(format!("more than `{name}` is given, one case is wanted")));
        }
        self.case(cases, at, Some(value))
    }

    fn some<'de, A: MapAccess<'de>>(self, inner: &'p Plan, mut map: A) -> Result<Val, A::Error> {
        let wrong = || self.cursor.wrong(format!("{{\"some\": …}} is wanted, with {}", inner.wanted()));
        match map.next_key::<Cow<'_, str>>()? {
            Some(key) if key == "some" => {}
            _ => return Err(wrong()),
        }
        let value = map.next_value_seed(self.at(inner)).map_err(|error| self.cursor.inside("some", error))?;
        if map.next_key::<IgnoredAny>()?.is_some() {
            return Err(wrong());
        }
        Ok(Val::Option(Some(Box::new(value))))
    }

    fn list<'de, A: SeqAccess<'de>>(self, inner: &'p Plan, mut seq: A) -> Result<Val, A::Error> {
        let mut items = Vec::new();
        while let Some(item) =
            seq.next_element_seed(self.at(inner)).map_err(|error| self.cursor.inside(items.len(), error))?
        {
            items.push(item);
        }
        Ok(Val::List(items))
    }

    fn tuple<'de, A: SeqAccess<'de>>(self, parts: &'p [Plan], mut seq: A) -> Result<Val, A::Error> {
        let mut items = Vec::with_capacity(parts.len());
        for plan in parts {
            let item = seq.next_element_seed(self.at(plan)).map_err(|error| self.cursor.inside(items.len(), error))?;
            items.push(item.ok_or_else(|| self.other(format_args!("an array of {}", items.len())))?);
        }
        if seq.next_element::<IgnoredAny>()?.is_some() {
            return Err(self.other("a longer array"));
        }
        Ok(Val::Tuple(items))
    }

    fn flags<'de, A: SeqAccess<'de>>(self, names: &Names, mut seq: A) -> Result<Val, A::Error> {
        let mut set = vec![false; names.len()];
        for index in 0..=names.len() {
            let inside = |error| self.cursor.inside(index, error);
            let key = Key { names, guess: index, what: "flag", cursor: self.cursor };
            let Some(at) = seq.next_element_seed(key).map_err(inside)? else { break };
            if set.get(at).copied().unwrap_or(true) {
                return Err(inside(self.cursor.wrong(format!("the flag `{}` is given twice", names.text(at)))));
            }
            if let Some(slot) = set.get_mut(at) {
                *slot = true;
            }
        }
        let mut flags = Vec::new();
        for (name, _) in names.iter().zip(set).filter(|(_, is_set)| *is_set) {
            self.cursor.spend(VALUE_BYTES + name.len())?;
            flags.push(name.to_owned());
        }
        Ok(Val::Flags(flags))
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Val;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.plan.wanted())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Val, E> {
        match self.plan {
            Plan::Bool => Ok(Val::Bool(value)),
            _ => Err(self.other(value)),
        }
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Val, E> {
        Err(self.other(format_args!("the number {value}")))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Val, E> {
        Err(self.other(format_args!("the number {value}")))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Val, E> {
        Err(self.other(format_args!("the number {value:?}")))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Val, E> {
        match self.plan {
            Plan::String => {
                self.cursor.spend(text.len())?;
                Ok(Val::String(text.to_owned()))
            }
            Plan::Char => {
                let mut chars = text.chars();
                match (chars.next(), chars.next()) {
                    (Some(one), None) => Ok(Val::Char(one)),
                    (None, _) => Err(self.other("an empty string")),
                    _ => Err(self.other("a longer string")),
                }
            }
            Plan::Bytes => self.bytes(text),
            Plan::Enum(names) => match names.find(text, 0) {
                Some(_) => {
                    self.cursor.spend(text.len())?;
                    Ok(Val::Enum(text.to_owned()))
                }
                None => Err(self.cursor.wrong(unknown("case", text, names))),
            },
            Plan::Variant(cases) | Plan::Result(cases) => self.bare_case(cases, text),
            _ => Err(self.other(format_args!("the string \"{}\"", shown(text)))),
        }
    }

    fn visit_unit<E: Error>(self) -> Result<Val, E> {
        Err(self.other("null"))
    }

    fn visit_none<E: Error>(self) -> Result<Val, E> {
        Ok(Val::Option(None))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Val, D::Error> {
        match self.plan {
            Plan::Option(inner) => {
                let value = self.at(inner).deserialize(deserializer)?;
                Ok(Val::Option(Some(Box::new(value))))
            }
            _ => deserializer.deserialize_any(self),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Val, A::Error> {
        match self.plan {
            Plan::List(inner) => self.list(inner, seq),
            Plan::Tuple(parts) => self.tuple(parts, seq),
            Plan::Flags(names) => self.flags(names, seq),
            _ => Err(self.other("an array")),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Val, A::Error> {
        match self.plan {
            Plan::Record(fields) => {
                let mut values = Vec::with_capacity(fields.plans.len());
                let found = read_fields(self.cursor, fields, "field", map)?;
                for (name, value) in fields.names.iter().zip(found) {
                    self.cursor.spend(size_of::<String>() + name.len())?;
                    values.push((name.to_owned(), value));
                }
                Ok(Val::Record(values))
            }
            Plan::Variant(cases) | Plan::Result(cases) => self.case_with_value(cases, map),
            Plan::Wrapped(inner) => self.some(inner, map),
            _ => Err(self.other("an object")),
        }
    }
}

// === impl Arguments ===

impl<'de> DeserializeSeed<'de> for Arguments<'_> {
    type Value = Vec<Val>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Val>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Arguments<'_> {
    type Value = Vec<Val>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fields.names.len() {
            0 => f.write_str("an empty object"),
            _ => write!(f, "an object with {}", self.fields.names.listed()),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Vec<Val>, A::Error> {
        read_fields(self.cursor, self.fields, "parameter", map)
    }
}

/// Reads an object with known properties, and returns their values in the order of the type.
fn read_fields<'de, A: MapAccess<'de>>(
    cursor: &Cursor,
    fields: &Fields,
    what: &'static str,
    mut map: A,
) -> Result<Vec<Val>, A::Error> {
    let mut slots: Vec<Option<Val>> = vec![None; fields.plans.len()];
    let mut next = 0;
    while let Some(at) = map.next_key_seed(Key { names: &fields.names, guess: next, what, cursor })? {
        next = at + 1;
        let name = fields.names.text(at);
        let (Some(slot), Some(plan)) = (slots.get_mut(at), fields.plans.get(at)) else {
            return Err(cursor.wrong(unknown(what, name, &fields.names)));
        };
        if slot.is_some() {
            return Err(cursor.wrong(format!("the {what} `{name}` is given twice")));
        }
        *slot = Some(map.next_value_seed(Node { plan, cursor }).map_err(|error| cursor.inside(name, error))?);
    }
    let mut values = Vec::with_capacity(slots.len());
    for (slot, plan) in slots.into_iter().zip(&fields.plans) {
        match slot {
            Some(value) => values.push(value),
            None if plan.is_optional() => {
                cursor.spend(VALUE_BYTES)?;
                values.push(Val::Option(None));
            }
            None => {
                let name = fields.names.text(values.len());
                return Err(cursor.wrong(format!("the {what} `{name}` is missing: {} is wanted", plan.wanted())));
            }
        }
    }
    Ok(values)
}

// === impl Key ===

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key<'_> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the name of a {}", self.what)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<usize, E> {
        self.names.find(text, self.guess).ok_or_else(|| self.cursor.wrong(unknown(self.what, text, self.names)))
    }
}

fn unknown(what: &str, text: &str, names: &Names) -> String {
    format!("there is no {what} `{}`; {}", shown(text), names.suggestion(text))
}
