// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads expressions, and says what is wrong with one at the character where it is.

use std::ops::Range;

use priory_core::Json;
use priory_workflow::expression::{Expression, ExpressionError, Mapping, Template};
use priory_workflow::suggest::IN_QUOTES;

use super::make::Making;
use super::{file, place};
use crate::wire::{At, Entry, Free, FreeTable};

/// How the message ends where an expression is over and more comes.
const MORE: &str = "where an operator or the end was meant";

impl<'a> Making<'_, 'a> {
    /// Reads an expression. One that is none is reported, and something stands for it of which nothing is known: so what else
    /// is wrong is found too.
    pub(super) fn expression(&mut self, text: &At<String>) -> Option<Expression> {
        match Expression::compile(text) {
            Ok(expression) => Some(expression),
            Err(error) => {
                self.no_expression(text.span(), &error);
                Expression::compile("given").ok()
            }
        }
    }

    /// Reads an expression where there is one.
    pub(super) fn maybe(&mut self, text: &Option<At<String>>) -> Option<Expression> {
        text.as_ref().and_then(|text| self.expression(text))
    }

    /// Reads a text with expressions between braces.
    pub(super) fn template(&mut self, text: &At<String>) -> Option<Template> {
        match Template::compile(text) {
            Ok(template) => Some(template),
            Err(error) => {
                self.no_expression(text.span(), &error);
                Template::compile("").ok()
            }
        }
    }

    /// Reads what something is given: an expression, or a table or a list in which every string is one.
    pub(super) fn mapping(&mut self, free: &At<Free>) -> Option<Mapping> {
        if !self.leaves(free) {
            return Expression::compile("given").ok().map(Mapping::from);
        }
        match serde_json::from_value::<Mapping>(free.to_json()) {
            Ok(mapping) => Some(mapping),
            Err(error) => {
                self.problem(free.span(), error.to_string(), None);
                None
            }
        }
    }

    /// Reads what something is given, where that is said.
    pub(super) fn maybe_mapping(&mut self, free: &Option<At<Free>>) -> Option<Mapping> {
        free.as_ref().and_then(|free| self.mapping(free))
    }

    /// Reads every string of a value; tells whether all are expressions.
    fn leaves(&mut self, free: &At<Free>) -> bool {
        match &**free {
            Free::Text(text) => match Expression::compile(text) {
                Ok(_) => true,
                Err(error) => {
                    // Words behind each other are most likely a text.
                    let is_text = error.to_string().ends_with(MORE);
                    self.no_expression_of(free.span(), &error, is_text.then(|| IN_QUOTES.to_owned()));
                    false
                }
            },
            Free::Plain(_) => true,
            // Every part is looked at, whatever is wrong with those before.
            Free::List(items) => items.iter().filter(|item| !self.leaves(item)).count() == 0,
            Free::Table(entries) => entries.values().filter(|item| !self.leaves(item)).count() == 0,
        }
    }

    fn no_expression(&mut self, span: Range<usize>, error: &ExpressionError) {
        self.no_expression_of(span, error, None);
    }

    fn no_expression_of(&mut self, span: Range<usize>, error: &ExpressionError, hint: Option<String>) {
        let start = place::within(self.check.problems.text(), &span, error.at().start);
        self.problem(start..span.end.max(start), error.to_string(), hint);
    }

    /// Reads a JSON Schema: a table, or the path of a file.
    pub(super) fn json_schema(&mut self, schema: &Option<At<Entry<FreeTable>>>) -> Option<Json> {
        let schema = schema.as_ref()?;
        match &**schema {
            Entry::Table(FreeTable(table)) => Some(Json::from(table.to_json())),
            Entry::Text(path) => {
                let folder = self.check.folder;
                let read = file::json_schema(path, schema.span(), folder, &mut self.check.problems);
                self.is_broken |= read.is_none();
                read
            }
        }
    }
}
