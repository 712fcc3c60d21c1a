// SPDX-License-Identifier: MIT OR Apache-2.0
//! Texts of a script with places that are filled in from the conversation.

use std::collections::BTreeMap;

use priory_core::model::ANSWER_BYTES_MAX;
use serde_json::Value;

use crate::script::Tree;

/// A text with places that are filled in.
#[derive(Debug)]
pub(crate) struct Template {
    pieces: Vec<Piece>,
}

#[derive(Debug)]
enum Piece {
    Text(String),
    /// A name, and a JSON Pointer into what it stands for.
    Place(String, Option<String>),
}

/// What places are filled with.
#[derive(Debug, Default)]
pub(crate) struct Filling {
    /// By their names.
    pub(crate) texts: BTreeMap<String, String>,
}

/// Names that stand for something in every rule.
const NAMES: [&str; 4] = ["user", "result", "results", "turn"];

// === impl Template ===

impl Template {
    /// Reads a text. `names` are the groups of the regular expressions of its rule.
    pub(crate) fn parse(text: &str, names: &[&str]) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, tail) = rest.split_at(at);
            plain.push_str(before);
            if tail.starts_with("{{") || tail.starts_with("}}") {
                plain.push_str(tail.get(..1).unwrap_or_default());
                rest = tail.get(2..).unwrap_or_default();
                continue;
            }
            let inner = tail.strip_prefix('{').and_then(|tail| tail.split_once('}'));
            let (inner, tail) =
                inner.ok_or_else(|| format!("`{text}` has a brace alone; write `{{{{` or `}}}}` for one"))?;
            let (name, pointer) = match inner.split_once(':') {
                Some((name, pointer)) => (name, Some(pointer.to_owned())),
                None => (inner, None),
            };
            if !NAMES.contains(&name) && !names.contains(&name) {
                let known = NAMES.iter().chain(names).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
                return Err(format!("`{text}` names `{name}`, and there are only {known}; write `{{{{` for a brace"));
            }
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
            }
            pieces.push(Piece::Place(name.to_owned(), pointer));
            rest = tail;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Ok(Self { pieces })
    }

    /// Fills the places in; fails with what is not there.
    pub(crate) fn fill(&self, filling: &Filling) -> Result<String, String> {
        let mut filled = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Place(name, None) => filled.push_str(filling.text(name)),
                Piece::Place(name, Some(pointer)) => match filling.part(name, pointer)? {
                    Value::String(text) => filled.push_str(&text),
                    value => filled.push_str(&value.to_string()),
                },
            }
            if filled.len() as u64 > ANSWER_BYTES_MAX {
                return Err(format!("what it says is longer than {ANSWER_BYTES_MAX} bytes"));
            }
        }
        Ok(filled)
    }
}

// === impl Tree ===

impl Tree {
    /// Fills the places in. A text that is nothing but a part of a result becomes the very part.
    pub(crate) fn fill(&self, filling: &Filling) -> Result<Value, String> {
        Ok(match self {
            Self::Text(template) => match template.pieces.as_slice() {
                [Piece::Place(name, Some(pointer))] => filling.part(name, pointer)?,
                _ => Value::String(template.fill(filling)?),
            },
            Self::Plain(value) => value.clone(),
            Self::List(list) => Value::Array(list.iter().map(|tree| tree.fill(filling)).collect::<Result<_, _>>()?),
            Self::Object(fields) => {
                let fields = fields.iter().map(|(key, tree)| Ok((key.clone(), tree.fill(filling)?)));
                Value::Object(fields.collect::<Result<_, String>>()?)
            }
        })
    }
}

// === impl Filling ===

impl Filling {
    fn text(&self, name: &str) -> &str {
        self.texts.get(name).map_or("", String::as_str)
    }

    fn part(&self, name: &str, pointer: &str) -> Result<Value, String> {
        let text = self.text(name);
        let tree: Value = serde_json::from_str(text)
            .map_err(|_| format!("`{{{name}:{pointer}}}` needs JSON, and `{name}` is none"))?;
        tree.pointer(pointer).cloned().ok_or_else(|| format!("`{name}` has nothing at `{pointer}`"))
    }
}
