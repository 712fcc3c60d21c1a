// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads what follows a value, functions and macros.
//!
//! Macros are read as what they are, and not as what CEL defines them by, so that checks and errors can speak of them.

use std::ops::Range;
use std::sync::Arc;

use super::error::ExpressionError;
use super::function::{self, Function};
use super::parse::{Parsed, Parser, Part, error};
use super::pattern::pattern;
use super::syntax::{Aim, Call, Each, Kind, Node};
use super::token::Word;
use super::value::Value;
use crate::suggest::nearest;

// === impl Parser ===

impl Parser<'_> {
    /// Reads what follows a value: fields, items and methods.
    pub(super) fn members(&mut self, mut value: Part) -> Parsed {
        loop {
            if self.take(".")? {
                let token = self.advance()?;
                let field = match token.word {
                    Word::Name(name) if self.is_sign("(") => {
                        value = self.method(&name, token.at, value)?;
                        continue;
                    }
                    Word::Name(name) | Word::Quoted(name) => name,
                    word => return error(token.at, format!("found {} where a field was meant", word.describe())),
                };
                let at = value.node.at.start..token.at.end;
                value = Self::part(at, Kind::Select(Box::new(value.node), field), [value.height])?;
            } else if self.take("[")? {
                let index = self.expression()?;
                let at = value.node.at.start..self.expect("]")?;
                value = Self::pair(at, value, index, Kind::Index)?;
            } else {
                return Ok(value);
            }
        }
    }

    /// Reads a call behind a point: a macro, a function with a point in its name, or a method.
    fn method(&mut self, name: &str, at: Range<usize>, target: Part) -> Parsed {
        if let Kind::Root(space) = &target.node.kind {
            let qualified = format!("{space}.{name}");
            if qualified == "cel.bind" {
                return self.bind(target.node.at.start);
            }
            if function::exists(&qualified) || function::is_space(space) {
                let at = target.node.at.start..at.end;
                return self.call(&qualified, at, None);
            }
        }
        match Aim::named(name) {
            Some(aim) => self.each(name, aim, target),
            None => self.call(name, at, Some(target)),
        }
    }

    pub(super) fn call(&mut self, name: &str, at: Range<usize>, target: Option<Part>) -> Parsed {
        if target.is_none() && name == "has" {
            return self.has(at.start);
        }
        let is_method = target.is_some();
        let start = target.as_ref().map_or(at.start, |target| target.node.at.start);
        self.expect("(")?;
        let mut height = target.as_ref().map_or(0, |target| target.height);
        let mut arguments: Vec<Node> = target.map(|target| target.node).into_iter().collect();
        while !self.is_sign(")") {
            let argument = self.expression()?;
            height = height.max(argument.height);
            arguments.push(argument.node);
            if !self.take(",")? {
                break;
            }
        }
        let end = self.expect(")")?;
        let Some(function) = function::named(name, is_method) else { return unknown(name, at, is_method) };
        let given = arguments.len().saturating_sub(usize::from(is_method));
        check_count(function, given, at)?;
        let pattern = match (function.name, arguments.get(1)) {
            ("matches", Some(Node { at, kind: Kind::Literal(Value::Text(source)) })) => match pattern(source) {
                Ok(pattern) => Some(pattern),
                Err(message) => return error(at.clone(), message),
            },
            _ => None,
        };
        Self::part(start..end, Kind::Call(Call { function, arguments, pattern }), [height])
    }

    fn has(&mut self, start: usize) -> Parsed {
        self.expect("(")?;
        let field = self.expression()?;
        let end = self.expect(")")?;
        match field.node.kind {
            Kind::Select(of, name) => Self::part(start..end, Kind::Has(of, name), [field.height]),
            _ => error(field.node.at, "`has` asks for a field, as in `has(input.day)`"),
        }
    }

    /// Reads a name that a macro binds.
    fn bound(&mut self, example: &str) -> Result<Arc<str>, ExpressionError> {
        let token = self.advance()?;
        match token.word {
            Word::Name(name) if super::is_name(&name) => {
                self.expect(",")?;
                Ok(name)
            }
            word => error(token.at, format!("found {} where a new name was meant, as in `{example}`", word.describe())),
        }
    }

    fn bind(&mut self, start: usize) -> Parsed {
        self.expect("(")?;
        let name = self.bound("cel.bind(name, value, name + name)")?;
        let value = self.expression()?;
        self.expect(",")?;
        self.locals.push(name);
        let body = self.expression()?;
        self.locals.pop();
        let end = self.expect(")")?;
        Self::pair(start..end, value, body, Kind::Bind)
    }

    fn each(&mut self, name: &str, aim: Aim, over: Part) -> Parsed {
        let example = match (aim, name) {
            (Aim::MapEntries, _) | (_, "transformList") => format!("{name}(key, value, value)"),
            (Aim::Map | Aim::SortBy, _) => format!("{name}(item, item.name)"),
            _ => format!("{name}(item, item > 0)"),
        };
        self.expect("(")?;
        let first = self.bound(&example)?;
        let depth = self.locals.len();
        self.locals.push(first);
        let has_index = match aim {
            Aim::MapEntries => true,
            Aim::Map => name == "transformList",
            Aim::All | Aim::Exists | Aim::ExistsOne => self.is_name_and_comma(),
            Aim::Filter | Aim::SortBy => false,
        };
        if has_index {
            let second = self.bound(&example)?;
            self.locals.push(second);
        }
        let mut filter = None;
        let mut body = self.expression()?;
        if matches!(aim, Aim::Map | Aim::MapEntries) && self.take(",")? {
            let made = self.expression()?;
            filter = Some(std::mem::replace(&mut body, made));
        }
        self.locals.truncate(depth);
        let at = over.node.at.start..self.expect(")")?;
        let heights = [over.height, body.height, filter.as_ref().map_or(0, |filter| filter.height)];
        let filter = filter.map(|filter| filter.node);
        let each = Each { aim, over: over.node, has_index, filter, body: body.node };
        Self::part(at, Kind::Each(Box::new(each)), heights)
    }

    /// Looks ahead for a name and a comma.
    fn is_name_and_comma(&self) -> bool {
        let mut ahead = self.lexer;
        matches!(self.token.word, Word::Name(_))
            && ahead.next().is_ok_and(|token| matches!(token.word, Word::Sign(",")))
    }
}

fn unknown<T>(name: &str, at: Range<usize>, is_method: bool) -> Result<T, ExpressionError> {
    if function::named(name, !is_method).is_some() {
        let meant = if is_method { format!("{name}(value)") } else { format!("value.{name}(…)") };
        return error(at, format!("`{name}` is called as `{meant}`"));
    }
    let near = nearest(name, function::names());
    let remedy = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    error(at, format!("there is no function `{name}`{remedy}"))
}

fn check_count(function: Function, given: usize, at: Range<usize>) -> Result<(), ExpressionError> {
    let (least, most) = function.counts();
    if (least..=most).contains(&given) {
        return Ok(());
    }
    let takes = match (least, most) {
        (least, most) if least == most => least.to_string(),
        (least, most) => format!("{least} to {most}"),
    };
    error(at, format!("`{}` takes {takes} arguments, and {given} are given", function.name))
}
