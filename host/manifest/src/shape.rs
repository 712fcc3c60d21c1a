// SPDX-License-Identifier: MIT OR Apache-2.0
//! Compares the text of a manifest with the schema of its form.
//!
//! What does not fit is reported and taken out, so that what is left can be read and checked further.

use std::ops::Range;

use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeArray, DeString, DeTable, DeValue};

use crate::problem::Problems;
use crate::schema;
use crate::suggest;

/// Takes out of a table what does not fit the form of a schema; `whole` names it.
pub(crate) fn prune(root: &mut Spanned<DeTable<'_>>, schema: &Value, whole: &'static str, problems: &mut Problems<'_>) {
    let mut shape = Shape { problems, path: Vec::new(), whole };
    // Values that the whole text lacks are reported at its beginning.
    shape.table(root.get_mut(), 0..0, schema);
}

struct Shape<'p, 'a> {
    problems: &'p mut Problems<'a>,
    /// The keys on the way to what is looked at.
    path: Vec<String>,
    /// What the whole text is called.
    whole: &'static str,
}

impl Shape<'_, '_> {
    /// Compares a value; tells whether it can stay.
    fn value(&mut self, value: &mut Spanned<DeValue<'_>>, schema: &Value) -> bool {
        let span = value.span();
        let forms = alternatives(schema);
        if forms.iter().any(|form| form.get("type").is_none()) {
            as_texts(value.get_mut());
            return true;
        }
        let Some(schema) = forms.iter().find(|form| has_type(value.get_ref(), form)) else {
            return self.refuse_type(value, &forms);
        };
        match value.get_mut() {
            DeValue::Table(table) => {
                self.table(table, span, schema);
                true
            }
            DeValue::Array(list) => {
                if self.has_too_many(list.len(), span, bound(schema, "maxItems")) {
                    return false;
                }
                let Some(items) = schema.get("items") else { return true };
                let kept = std::mem::replace(list, DeArray::new())
                    .into_iter()
                    .filter_map(|mut item| self.value(&mut item, items).then_some(item));
                *list = kept.collect();
                true
            }
            DeValue::Integer(_) if schema.get("type").is_some_and(|ty| ty == "number") => true,
            DeValue::Integer(number) => {
                let number = i128::from_str_radix(number.as_str(), number.radix()).ok();
                self.integer(number, span, schema)
            }
            DeValue::String(text) => self.text(text, span, schema),
            DeValue::Datetime(time) => {
                // The schema says that this is a text of this very form, so it may also be written without quotes.
                let text = time.to_string();
                *value.get_mut() = DeValue::String(text.into());
                true
            }
            DeValue::Boolean(_) | DeValue::Float(_) => true,
        }
    }

    fn table(&mut self, table: &mut DeTable<'_>, span: Range<usize>, schema: &Value) {
        let none = Map::new();
        let known = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
        let open = schema.get("additionalProperties").filter(|open| open.is_object());
        if self.has_too_many(table.len(), span.clone(), bound(schema, "maxProperties")) {
            table.clear();
            return;
        }
        let required = schema.get("required").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let misspelt: Vec<_> = table
            .keys()
            .filter(|key| open.is_none() && !known.contains_key(key.get_ref().as_ref()))
            .filter_map(|key| suggest::nearest(key.get_ref(), known.keys().map(String::as_str)))
            .collect();
        for key in required.iter().filter_map(Value::as_str) {
            // Where the key was meant, the problem is its spelling.
            if table.contains_key(key) || misspelt.contains(&key) {
                continue;
            }
            let hint = known.get(key).and_then(|s| s.get("description")).and_then(Value::as_str).map(as_hint);
            self.problems.push(span.clone(), format!("`{key}` is missing{}", self.of_here()), hint);
        }
        let mut refused = Vec::new();
        for (key, value) in table.iter_mut() {
            let fits = match known.get(key.get_ref().as_ref()).or(open) {
                Some(schema) => {
                    self.path.push(key.get_ref().to_string());
                    let fits = self.value(value, schema);
                    self.path.pop();
                    fits
                }
                None => self.refuse_key(key, known),
            };
            if !fits {
                refused.push(key.get_ref().to_string());
            }
        }
        for key in refused {
            table.remove(key.as_str());
        }
    }

    fn has_too_many(&mut self, count: usize, span: Range<usize>, most: Option<u64>) -> bool {
        let Some(most) = most.filter(|most| count as u64 > *most) else { return false };
        self.problems.push(span, format!("{} has {count} entries, and {most} are allowed", self.here()), None);
        true
    }

    fn integer(&mut self, number: Option<i128>, span: Range<usize>, schema: &Value) -> bool {
        let most = match schema.get("format").and_then(Value::as_str) {
            Some("uint32") => i128::from(u32::MAX),
            _ => i128::from(u64::MAX),
        };
        let most = bound(schema, "maximum").map_or(most, i128::from);
        let least = i128::from(bound(schema, "minimum").unwrap_or(0));
        if number.is_some_and(|number| (least..=most).contains(&number)) {
            return true;
        }
        self.problems.push(span, format!("{} is a whole number from {least} to {most}", self.here()), None);
        false
    }

    fn text(&mut self, text: &str, span: Range<usize>, schema: &Value) -> bool {
        let Some(allowed) = schema.get("enum").and_then(Value::as_array) else { return true };
        let allowed: Vec<_> = allowed.iter().filter_map(Value::as_str).collect();
        if allowed.contains(&text) {
            return true;
        }
        let hint = suggest::hint(text, "values", allowed.iter().copied());
        self.problems.push(span, format!("`{text}` is not a value of {}", self.here()), hint);
        false
    }

    fn refuse_key(&mut self, key: &Spanned<DeString<'_>>, known: &Map<String, Value>) -> bool {
        if self.problems.is_full() {
            return false;
        }
        let name = key.get_ref();
        let hint = suggest::hint(name, "keys", known.keys().map(String::as_str));
        self.problems.push(key.span(), format!("unknown key `{name}`{}", self.of_here()), hint);
        false
    }

    /// Reports a wrong type. A table that was meant to be there stays, empty, so that its name is known.
    fn refuse_type(&mut self, value: &mut Spanned<DeValue<'_>>, forms: &[&Value]) -> bool {
        let expected: Vec<_> = forms.iter().filter_map(|form| form.get("type")?.as_str()).map(type_words).collect();
        let found = value_words(value.get_ref());
        let message = format!("{} is {found}, and {} is expected", self.here(), expected.join(" or "));
        self.problems.push(value.span(), message, None);
        if let [form] = forms
            && form.get("type").is_some_and(|ty| ty == "object")
        {
            *value.get_mut() = DeValue::Table(DeTable::new());
            return true;
        }
        false
    }

    /// Names what is looked at.
    fn here(&self) -> String {
        match self.path.as_slice() {
            [] => self.whole.to_owned(),
            path => format!("`{}`", path.join(".")),
        }
    }

    /// Names the table that is looked at, behind something that it has or lacks.
    fn of_here(&self) -> String {
        match self.path.as_slice() {
            [] => String::new(),
            path => format!(" in `{}`", path.join(".")),
        }
    }
}

/// Returns the forms that a schema allows, references followed. What may be left out has forms inside a form.
fn alternatives(schema: &Value) -> Vec<&Value> {
    let schema = schema::resolved(schema);
    match schema.get("anyOf").and_then(Value::as_array) {
        // The schema is ours, and finite.
        Some(forms) => forms.iter().flat_map(alternatives).collect(),
        None => vec![schema],
    }
}

/// Writes the times in a value that may have any form as texts: JSON has nothing else for them.
fn as_texts(value: &mut DeValue<'_>) {
    match value {
        DeValue::Datetime(time) => *value = DeValue::String(time.to_string().into()),
        // The parser bounds the depth.
        DeValue::Array(list) => list.iter_mut().for_each(|item| as_texts(item.get_mut())),
        DeValue::Table(table) => table.iter_mut().for_each(|(_, item)| as_texts(item.get_mut())),
        _ => {}
    }
}

fn has_type(value: &DeValue<'_>, schema: &Value) -> bool {
    let keyword = |key: &str| schema.get(key).and_then(Value::as_str);
    match (value, keyword("type")) {
        (DeValue::Table(_), Some("object"))
        | (DeValue::Array(_), Some("array"))
        | (DeValue::String(_), Some("string"))
        | (DeValue::Integer(_), Some("integer"))
        | (DeValue::Integer(_) | DeValue::Float(_), Some("number"))
        | (DeValue::Boolean(_), Some("boolean")) => true,
        (DeValue::Datetime(_), Some("string")) => keyword("format") == Some("date-time"),
        _ => false,
    }
}

/// Writes a description in the manner of hints.
fn as_hint(description: &str) -> String {
    let mut rest = description.trim_end_matches('.').chars();
    rest.next().map(|first| first.to_lowercase().chain(rest).collect()).unwrap_or_default()
}

fn bound(schema: &Value, keyword: &str) -> Option<u64> {
    schema.get(keyword).and_then(Value::as_u64)
}

fn type_words(ty: &str) -> &'static str {
    match ty {
        "object" => "a table",
        "array" => "a list",
        "string" => "a string",
        "integer" => "a whole number",
        "number" => "a number",
        _ => "`true` or `false`",
    }
}

fn value_words(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "`true` or `false`",
        DeValue::Datetime(_) => "a time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
