// SPDX-License-Identifier: MIT OR Apache-2.0
//! Expressions: what a workflow says of values, in CEL.
//!
//! An expression is read once, checked against what is known of the names in it ([`Expression::check`]), and evaluated as often
//! as needed ([`Expression::evaluate`]). It has no effects, depends on nothing but its names, and always ends: what it may
//! take and make is bounded, whatever it says and whatever values it is given.
//!
//! The language is the Common Expression Language over the values of JSON. Where people who write workflows would stumble over
//! what CEL says of JSON, it is kinder: integers and other numbers may be calculated with together, and `has(node.field)` is
//! false where the node was skipped, and so is null. Bytes, times and messages are no JSON, and are not there.
//!
//! It is evaluated here and not by somebody else's interpreter, because those neither count steps nor say what was there
//! instead of what was asked for. Its tests hold it to one of them.

mod call;
mod check;
mod each;
mod error;
mod evaluate;
mod function;
mod function_list;
mod function_number;
mod function_text;
mod mapping;
mod meter;
mod parse;
mod pattern;
mod scope;
mod syntax;
mod template;
mod token;
mod types;
mod value;

#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};

use check::Checker;
use evaluate::Evaluation;
use parse::Parser;
use syntax::{Kind, Node};
use types::Kinds;

pub use check::Problem;
pub use error::ExpressionError;
pub use mapping::{Mapping, MappingError};
pub use meter::{MADE_BYTES_MAX, STEPS_MAX};
pub use scope::{Names, Scope, Types};
pub use template::Template;
pub use token::is_name;
pub use types::{Field, Fields, Type};
pub use value::{SizeError, VALUE_BYTES_MAX, VALUE_DEPTH_MAX, Value};

/// How many bytes the source of an expression may have; what needs more is a program.
pub const SOURCE_BYTES_MAX: usize = 4096;

/// An expression that was read. Cloning is cheap; two are equal if their sources are.
#[derive(Clone)]
pub struct Expression(Arc<Compiled>);

struct Compiled {
    source: Box<str>,
    root: Node,
    names: Vec<Name>,
}

/// A name that an expression takes from outside, and which part of its value is asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Name {
    /// The name.
    pub root: Arc<str>,
    /// The fields and items that lead to the part, as far as they stand in the source.
    pub path: Vec<Step>,
    /// Where the name is in the source, in bytes.
    pub at: Range<usize>,
}

/// A step from a value to a part of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Step {
    /// To a field of a map.
    Field(Arc<str>),
    /// To an item of a list.
    Item(usize),
}

// === impl Expression ===

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    ///
    /// Fails if the source is too large or is no expression, and says where and what was meant.
    pub fn compile(source: &str) -> Result<Self, ExpressionError> {
        if source.len() > SOURCE_BYTES_MAX {
            let message = format!("has more than {SOURCE_BYTES_MAX} bytes; split it over several nodes");
            return Err(ExpressionError::Limit { at: 0..source.len(), message });
        }
        let root = Parser::new(source, 0)?.whole()?;
        let mut names = Vec::new();
        collect(&root, Vec::new(), &mut names);
        Ok(Self(Arc::new(Compiled { source: source.into(), root, names })))
    }

    /// Returns the source.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// Returns the names that it takes from outside, in the order of the source, as often as they are there.
    #[must_use]
    pub fn names(&self) -> &[Name] {
        &self.0.names
    }

    /// Finds what it comes to.
    ///
    /// # Errors
    ///
    /// Fails if it has no value, or one that is too large, and says where, why, and what is there instead.
    pub fn evaluate(&self, scope: &Scope) -> Result<Value, ExpressionError> {
        Evaluation::new(self.source(), scope).whole(&self.0.root)
    }

    /// Finds whether the condition that it is holds.
    ///
    /// # Errors
    ///
    /// Fails as [`Expression::evaluate`] does, and if it comes to anything but true or false.
    pub fn holds(&self, scope: &Scope) -> Result<bool, ExpressionError> {
        Evaluation::new(self.source(), scope).holds(&self.0.root, "a condition")
    }

    /// Finds what is certainly wrong with it.
    #[must_use]
    pub fn check(&self, types: &Types) -> Vec<Problem> {
        self.infer(types).1
    }

    /// Finds what it comes to, as far as that is certain, and what is certainly wrong with it.
    #[must_use]
    pub fn infer(&self, types: &Types) -> (Type, Vec<Problem>) {
        Checker::check(self.source(), &self.0.root, types)
    }

    /// Finds what is certainly wrong with it, and whether it can come to what is wanted.
    #[must_use]
    pub fn check_is(&self, types: &Types, wanted: &Type) -> Vec<Problem> {
        let (found, mut problems) = self.infer(types);
        if let Err(reason) = found.may_fit(wanted) {
            let message = format!("this cannot be {wanted}: {reason}");
            problems.push(Problem { at: self.0.root.at.clone(), message, hint: None });
        }
        problems
    }

    /// Finds what is certainly wrong with it as a condition.
    #[must_use]
    pub fn check_condition(&self, types: &Types) -> Vec<Problem> {
        let (found, mut problems) = self.infer(types);
        if !found.kinds().meets(Kinds::BOOL) {
            let message = format!("a condition is true or false, and this is {found}");
            problems.push(Problem { at: self.0.root.at.clone(), message, hint: None });
        }
        problems
    }
}

/// Collects names, with the steps that lead on from them, the last first.
fn collect(node: &Node, mut path: Vec<Step>, names: &mut Vec<Name>) {
    match &node.kind {
        Kind::Root(root) => {
            path.reverse();
            names.push(Name { root: Arc::clone(root), path, at: node.at.clone() });
        }
        Kind::Select(of, field) | Kind::Has(of, field) => {
            path.push(Step::Field(Arc::clone(field)));
            collect(of, path, names);
        }
        Kind::Index(of, index) => {
            let step = match &index.kind {
                Kind::Literal(Value::Text(key)) => Some(Step::Field(Arc::clone(key))),
                Kind::Literal(index) => index.as_index().map(Step::Item),
                _ => None,
            };
            match step {
                Some(step) => path.push(step),
                // What is behind a step that is not known is not known either.
                None => path.clear(),
            }
            collect(of, path, names);
            collect(index, Vec::new(), names);
        }
        _ => node.parts().into_iter().for_each(|part| collect(part, Vec::new(), names)),
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.source() == other.source()
    }
}

impl Eq for Expression {}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expression({:?})", self.source())
    }
}

impl Serialize for Expression {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.source())
    }
}

impl<'de> Deserialize<'de> for Expression {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let source = String::deserialize(deserializer)?;
        Self::compile(&source).map_err(|error| described(&source, &error)).map_err(D::Error::custom)
    }
}

/// Describes an error of a source for readers that know no places.
fn described(source: &str, error: &ExpressionError) -> String {
    format!(
        "in the expression `{}`, at byte {}: {error}",
        evaluate::shown(source, &(0..source.len())),
        error.at().start
    )
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, ".{name}"),
            Self::Item(index) => write!(f, "[{index}]"),
        }
    }
}
