// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tells what JSON a function takes and gives, as JSON Schema 2020-12.
//!
//! A schema is written for models too, so it is as short as exactness allows: `null` is merged into the type that it
//! joins, and cases without payload share one `enum`. The order of the component is kept.

use std::collections::BTreeMap;
use std::fmt::Write;

use priory_core::json::Json;
use priory_core::value_type::{FunctionType, ValueType};

use crate::values::encode::quoted;
use crate::values::number::{F32_GREATEST, FLOAT_WORDS, Integer};
use crate::values::plan::is_nullable;

/// What base64 with padding looks like. `contentEncoding` alone only remarks, and refuses nothing.
const BASE64_PATTERN: &str = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$";

/// What the author says of the parts of a function, by place: `/parameter`, `/parameter/field`, `/parameter/case`.
///
/// Lists, options, tuples and results add nothing to a place, so the fields of a list of records are
/// `/parameter/field` as well. Places of a result begin with `/result`.
pub type Descriptions = BTreeMap<String, String>;

/// Returns the schema of a function's arguments, always an object.
pub fn input(ty: &FunctionType, descriptions: &Descriptions) -> Json {
    let mut schema = Schema::new(descriptions);
    schema.object(&ty.params, false);
    schema.finish()
}

/// Returns the schema of what a function returns; for `result<T, E>` that of T, where there is nothing `null`.
pub fn output(ty: &FunctionType, descriptions: &Descriptions) -> Json {
    let returned = match &ty.result {
        Some(ValueType::Result(ok, _)) => ok.as_deref(),
        other => other.as_ref(),
    };
    let mut schema = Schema::new(descriptions);
    match returned {
        Some(ty) => schema.within("result", |schema| schema.node(ty, false)),
        None => schema.text.push_str("{\"type\":\"null\"}"),
    }
    schema.finish()
}

/// A schema that is being written.
struct Schema<'a> {
    text: String,
    descriptions: &'a Descriptions,
    place: String,
}

// === impl Schema ===

impl<'a> Schema<'a> {
    fn new(descriptions: &'a Descriptions) -> Self {
        Self { text: String::new(), descriptions, place: String::new() }
    }

    fn finish(self) -> Json {
        Json::from_encoder(self.text)
    }

    fn within(&mut self, part: &str, write: impl FnOnce(&mut Self)) {
        let length = self.place.len();
        self.place.push('/');
        self.place.push_str(part);
        write(self);
        self.place.truncate(length);
    }

    fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Writes `"type": kind`, with `null` beside it where that is allowed.
    fn kind(&mut self, kind: &str, nullable: bool) {
        let null = if nullable { format!("[\"{kind}\",\"null\"]") } else { format!("\"{kind}\"") };
        self.push("\"type\":");
        self.push(&null);
    }

    /// Writes the items of an array or object, with commas between.
    fn join<T>(&mut self, items: impl Iterator<Item = T>, mut write: impl FnMut(&mut Self, T)) {
        for (at, item) in items.enumerate() {
            if at > 0 {
                self.push(",");
            }
            write(self, item);
        }
    }

    /// Writes the schema of a type that stands at a place of its own, with what the author says of it.
    fn described(&mut self, name: &str, ty: &ValueType) {
        self.within(name, |schema| {
            let start = schema.text.len();
            schema.node(ty, false);
            if let Some(description) = schema.descriptions.get(&schema.place) {
                // Every schema of a type begins with a brace and is not empty.
                schema.text.insert_str(start + 1, &format!("\"description\":{},", quoted(description)));
            }
        });
    }

    /// Writes the schema of a type.
    fn node(&mut self, ty: &ValueType, nullable: bool) {
        match ty {
            ValueType::Option(inner) if is_nullable(inner) => return self.wrapped(inner, nullable),
            ValueType::Option(inner) => return self.node(inner, true),
            ValueType::Record(fields) => return self.object(fields, nullable),
            _ => {}
        }
        self.push("{");
        match ty {
            ValueType::Bool => self.kind("boolean", nullable),
            ValueType::S8 => self.integer(Integer::S8, nullable),
            ValueType::U8 => self.integer(Integer::U8, nullable),
            ValueType::S16 => self.integer(Integer::S16, nullable),
            ValueType::U16 => self.integer(Integer::U16, nullable),
            ValueType::S32 => self.integer(Integer::S32, nullable),
            ValueType::U32 => self.integer(Integer::U32, nullable),
            ValueType::S64 => self.integer(Integer::S64, nullable),
            ValueType::U64 => self.integer(Integer::U64, nullable),
            ValueType::F32 => {
                let bounds = format!(",\"minimum\":-{F32_GREATEST:e},\"maximum\":{F32_GREATEST:e}");
                self.float(&bounds, nullable);
            }
            // No validator holds a number beyond f64, so there are no bounds to state.
            ValueType::F64 => self.float("", nullable),
            ValueType::Char => {
                self.kind("string", nullable);
                self.push(",\"minLength\":1,\"maxLength\":1");
            }
            ValueType::String => self.kind("string", nullable),
            ValueType::List(inner) if **inner == ValueType::U8 => {
                self.kind("string", nullable);
                self.push(",\"contentEncoding\":\"base64\",\"pattern\":");
                self.push(&quoted(BASE64_PATTERN));
            }
            ValueType::List(inner) => {
                self.kind("array", nullable);
                self.push(",\"items\":");
                self.node(inner, false);
            }
            ValueType::Tuple(parts) => self.tuple(parts, nullable),
            ValueType::Variant(cases) => {
                let cases: Vec<_> = cases.iter().map(|(name, ty)| (name.as_str(), ty.as_ref())).collect();
                self.cases(&cases, nullable);
            }
            ValueType::Result(ok, err) => self.cases(&[("ok", ok.as_deref()), ("err", err.as_deref())], nullable),
            ValueType::Enum(names) => self.names(names.iter().map(String::as_str), nullable),
            ValueType::Flags(names) => {
                self.kind("array", nullable);
                self.push(",\"items\":{");
                self.names(names.iter().map(String::as_str), false);
                self.push("},\"uniqueItems\":true");
            }
            ValueType::Option(_) | ValueType::Record(_) => {}
        }
        self.push("}");
    }

    fn integer(&mut self, integer: Integer, nullable: bool) {
        let (_, least, greatest) = integer.facts();
        self.kind("integer", nullable);
        // Writing to a string cannot fail.
        let _ = write!(self.text, ",\"minimum\":{least},\"maximum\":{greatest}");
    }

    fn float(&mut self, bounds: &str, nullable: bool) {
        self.push("\"anyOf\":[{");
        self.kind("number", nullable);
        self.push(bounds);
        self.push("},{\"enum\":[");
        self.join(FLOAT_WORDS.iter(), |schema, (word, _)| schema.push(&quoted(word)));
        self.push("]}]");
    }

    fn tuple(&mut self, parts: &[ValueType], nullable: bool) {
        self.kind("array", nullable);
        if parts.is_empty() {
            // An empty `prefixItems` is not a schema.
            return self.push(",\"maxItems\":0");
        }
        self.push(",\"prefixItems\":[");
        self.join(parts.iter(), |schema, part| schema.node(part, false));
        let _ = write!(self.text, "],\"items\":false,\"minItems\":{}", parts.len());
    }

    fn names<'n>(&mut self, names: impl Iterator<Item = &'n str>, nullable: bool) {
        self.kind("string", nullable);
        self.push(",\"enum\":[");
        self.join(names.map(Some).chain(nullable.then_some(None)), |schema, name| match name {
            Some(name) => schema.push(&quoted(name)),
            None => schema.push("null"),
        });
        self.push("]");
    }

    fn cases(&mut self, cases: &[(&str, Option<&ValueType>)], nullable: bool) {
        let mut bare = cases.iter().filter(|(_, ty)| ty.is_none()).map(|(name, _)| *name).peekable();
        let loaded: Vec<_> = cases.iter().filter_map(|(name, ty)| Some((*name, (*ty)?))).collect();
        if loaded.is_empty() {
            return self.names(bare, nullable);
        }
        self.push("\"oneOf\":[");
        let has_bare = bare.peek().is_some();
        if has_bare {
            self.push("{");
            self.names(bare, nullable);
            self.push("},");
        }
        self.join(loaded.iter(), |schema, (name, ty)| {
            let _ = write!(schema.text, "{{\"type\":\"object\",\"properties\":{{{}:", quoted(name));
            schema.described(name, ty);
            let _ = write!(schema.text, "}},\"required\":[{}],\"additionalProperties\":false}}", quoted(name));
        });
        if nullable && !has_bare {
            self.push(",{\"type\":\"null\"}");
        }
        self.push("]");
    }

    fn wrapped(&mut self, inner: &ValueType, nullable: bool) {
        debug_assert!(!nullable, "an option in an option is wrapped, so null is not merged into it");
        self.push("{");
        self.kind("object", true);
        self.push(",\"properties\":{\"some\":");
        self.node(inner, false);
        self.push("},\"required\":[\"some\"],\"additionalProperties\":false}");
    }

    fn object(&mut self, fields: &[(String, ValueType)], nullable: bool) {
        self.push("{");
        self.kind("object", nullable);
        self.push(",\"properties\":{");
        self.join(fields.iter(), |schema, (name, ty)| {
            schema.push(&quoted(name));
            schema.push(":");
            schema.described(name, ty);
        });
        self.push("}");
        let required: Vec<_> = fields.iter().filter(|(_, ty)| !is_nullable(ty)).map(|(name, _)| quoted(name)).collect();
        if !required.is_empty() {
            let _ = write!(self.text, ",\"required\":[{}]", required.join(","));
        }
        self.push(",\"additionalProperties\":false}");
    }
}
