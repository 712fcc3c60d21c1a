// SPDX-License-Identifier: MIT OR Apache-2.0
//! Texts with holes in them that expressions fill.

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};

use super::error::ExpressionError;
use super::parse::Parser;
use super::scope::Scope;
use super::value::{VALUE_BYTES_MAX, Value};
use super::{Expression, SOURCE_BYTES_MAX, described};

/// How many bytes a template may have: a page or two for a person to read.
const TEMPLATE_BYTES_MAX: usize = 16 * SOURCE_BYTES_MAX;

/// How many holes a template may have.
const HOLES_MAX: usize = 256;

/// A text with holes: `Book the flight to {input.to}?`. `{{` and `}}` are braces.
#[derive(Clone, Debug)]
pub struct Template {
    source: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Hole { expression: Expression, at: usize },
}

// === impl Template ===

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    ///
    /// Fails if it is too large, has a brace without another, or a hole that is no expression.
    pub fn compile(source: &str) -> Result<Self, ExpressionError> {
        if source.len() > TEMPLATE_BYTES_MAX {
            let message = format!("has more than {TEMPLATE_BYTES_MAX} bytes as a text; say less");
            return Err(ExpressionError::Limit { at: 0..source.len(), message });
        }
        let (mut parts, mut text, mut at, mut holes) = (Vec::new(), String::new(), 0usize, 0usize);
        while let Some(rest) = source.get(at..).filter(|rest| !rest.is_empty()) {
            let plain = rest.find(['{', '}']).unwrap_or(rest.len());
            text.push_str(rest.get(..plain).unwrap_or_default());
            at = at.saturating_add(plain);
            let rest = rest.get(plain..).unwrap_or_default();
            if rest.starts_with("{{") || rest.starts_with("}}") {
                text.push_str(rest.get(..1).unwrap_or_default());
                at = at.saturating_add(2);
            } else if rest.starts_with('}') {
                let message = "this brace closes nothing; a brace is written `}}`".to_owned();
                return Err(ExpressionError::Syntax { at: at..at.saturating_add(1), message });
            } else if rest.starts_with('{') {
                holes = holes.saturating_add(1);
                if holes > HOLES_MAX {
                    let message = format!("has more than {HOLES_MAX} holes as a text");
                    return Err(ExpressionError::Limit { at: at..at.saturating_add(1), message });
                }
                let start = at.saturating_add(1);
                let (_, brace) = Parser::new(source, start)?.hole()?;
                let hole = source.get(start..brace.start).unwrap_or_default();
                let expression = Expression::compile(hole).map_err(|error| error.shifted(start))?;
                if !text.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut text)));
                }
                parts.push(Part::Hole { expression, at: start });
                at = brace.end;
            }
        }
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        Ok(Self { source: source.to_owned(), parts })
    }

    /// Returns the source.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Returns the expressions in its holes.
    pub fn expressions(&self) -> impl Iterator<Item = &Expression> {
        self.holes().map(|(_, expression)| expression)
    }

    /// Returns the expressions in its holes, each with the byte of the source at which it begins.
    pub fn holes(&self) -> impl Iterator<Item = (usize, &Expression)> {
        self.parts.iter().filter_map(|part| match part {
            Part::Hole { expression, at } => Some((*at, expression)),
            Part::Text(_) => None,
        })
    }

    /// Fills the holes. A text stands there as it is, anything else as JSON.
    ///
    /// # Errors
    ///
    /// Fails if an expression does, or if the text becomes too large; places are those of the whole source.
    pub fn render(&self, scope: &Scope) -> Result<String, ExpressionError> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Hole { expression, at } => {
                    let range = *at..at.saturating_add(expression.source().len());
                    let value = expression.evaluate(scope).map_err(|error| error.shifted(*at))?;
                    let too_large = || ExpressionError::Limit {
                        at: range.clone(),
                        message: format!("makes a text of more than {VALUE_BYTES_MAX} bytes"),
                    };
                    let bytes = value.measure().map_err(|_| too_large())?;
                    if text.len().saturating_add(bytes) > VALUE_BYTES_MAX {
                        return Err(too_large());
                    }
                    match value {
                        Value::Text(value) => text.push_str(&value),
                        value => text.push_str(&serde_json::to_string(&value).map_err(|_| too_large())?),
                    }
                }
            }
        }
        Ok(text)
    }
}

impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Template {}

impl Serialize for Template {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.source)
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let source = String::deserialize(deserializer)?;
        Self::compile(&source).map_err(|error| described(&source, &error)).map_err(D::Error::custom)
    }
}
