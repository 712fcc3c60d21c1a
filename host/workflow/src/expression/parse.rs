// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads an expression.
//!
//! The grammar is that of CEL, without bytes, messages and optionals: an expression here speaks of JSON.

use std::ops::Range;
use std::sync::Arc;

use super::error::ExpressionError;
use super::syntax::{Kind, Node, Operator};
use super::token::{Lexer, Token, Word, is_reserved};
use super::value::Value;

/// How deep brackets may be nested in a source; the parser calls itself for each.
const NESTING_MAX: usize = 32;

/// How many parts an expression may have one inside the other; evaluation calls itself for each.
const HEIGHT_MAX: usize = 128;

/// The names that `type(…)` gives.
pub(super) const TYPE_NAMES: [&str; 8] = ["bool", "int", "uint", "double", "string", "list", "map", "null_type"];

/// Reads an expression from its words.
pub(super) struct Parser<'a> {
    pub(super) lexer: Lexer<'a>,
    pub(super) token: Token,
    /// What the macros around bind.
    pub(super) locals: Vec<Arc<str>>,
    nesting: usize,
}

/// A part and how many parts it has one inside the other.
pub(super) struct Part {
    pub(super) node: Node,
    pub(super) height: usize,
}

pub(super) type Parsed = Result<Part, ExpressionError>;

pub(super) fn error<T>(at: Range<usize>, message: impl Into<String>) -> Result<T, ExpressionError> {
    Err(ExpressionError::Syntax { at, message: message.into() })
}

// === impl Parser ===

impl<'a> Parser<'a> {
    /// Begins to read a source at a byte.
    pub(super) fn new(source: &'a str, at: usize) -> Result<Self, ExpressionError> {
        let mut lexer = Lexer::new(source, at);
        let token = lexer.next()?;
        Ok(Self { lexer, token, locals: Vec::new(), nesting: 0 })
    }

    /// Reads an expression and nothing behind it.
    pub(super) fn whole(mut self) -> Result<Node, ExpressionError> {
        let part = self.expression()?;
        match self.token.word {
            Word::End => Ok(part.node),
            _ => self.unexpected("an operator or the end"),
        }
    }

    /// Reads an expression up to the brace that closes it, and returns where the brace ends.
    pub(super) fn hole(mut self) -> Result<(Node, Range<usize>), ExpressionError> {
        let part = self.expression()?;
        match self.token.word {
            Word::Sign("}") => Ok((part.node, self.token.at)),
            _ => self.unexpected("an operator or `}`"),
        }
    }

    pub(super) fn unexpected<T>(&self, meant: &str) -> Result<T, ExpressionError> {
        error(self.token.at.clone(), format!("found {} where {meant} was meant", self.token.word.describe()))
    }

    pub(super) fn advance(&mut self) -> Result<Token, ExpressionError> {
        let next = self.lexer.next()?;
        Ok(std::mem::replace(&mut self.token, next))
    }

    pub(super) fn is_sign(&self, sign: &str) -> bool {
        matches!(self.token.word, Word::Sign(found) if found == sign)
    }

    /// Takes a sign if it is the next word.
    pub(super) fn take(&mut self, sign: &str) -> Result<bool, ExpressionError> {
        let is_next = self.is_sign(sign);
        if is_next {
            self.advance()?;
        }
        Ok(is_next)
    }

    /// Takes a sign that must be the next word, and returns where it ends.
    pub(super) fn expect(&mut self, sign: &str) -> Result<usize, ExpressionError> {
        match self.is_sign(sign) {
            true => Ok(self.advance()?.at.end),
            false => self.unexpected(&format!("`{sign}`")),
        }
    }

    pub(super) fn part(at: Range<usize>, kind: Kind, heights: impl IntoIterator<Item = usize>) -> Parsed {
        let height = heights.into_iter().max().unwrap_or_default().saturating_add(1);
        if height > HEIGHT_MAX {
            let message = format!(
                "more than {HEIGHT_MAX} parts are one inside the other; split the expression over several nodes"
            );
            return error(at, message);
        }
        Ok(Part { node: Node { at, kind }, height })
    }

    pub(super) fn pair(
        at: Range<usize>,
        left: Part,
        right: Part,
        kind: impl FnOnce(Box<Node>, Box<Node>) -> Kind,
    ) -> Parsed {
        let heights = [left.height, right.height];
        Self::part(at, kind(Box::new(left.node), Box::new(right.node)), heights)
    }

    /// Reads a whole expression: a condition with its two ways, or what is below it.
    pub(super) fn expression(&mut self) -> Parsed {
        self.nesting = self.nesting.saturating_add(1);
        if self.nesting > NESTING_MAX {
            return error(self.token.at.clone(), format!("brackets are nested more than {NESTING_MAX} deep"));
        }
        let condition = self.binary(0)?;
        let part = if self.take("?")? {
            let yes = self.binary(0)?;
            if !self.is_sign(":") {
                return self.unexpected("`:`, as in `condition ? yes : no`,");
            }
            self.advance()?;
            let no = self.expression()?;
            let at = condition.node.at.start..no.node.at.end;
            let heights = [condition.height, yes.height, no.height];
            Self::part(at, Kind::Conditional(Box::new([condition.node, yes.node, no.node])), heights)?
        } else {
            condition
        };
        self.nesting = self.nesting.saturating_sub(1);
        Ok(part)
    }

    /// Returns the operator that comes next and how strongly it binds.
    fn operator(&self) -> Option<(&'static str, usize, Option<Operator>)> {
        let sign = match &self.token.word {
            Word::Sign(sign) => sign,
            Word::Name(name) if &**name == "in" => "in",
            _ => return None,
        };
        let (strength, operator) = match sign {
            "||" => (1, None),
            "&&" => (2, None),
            "==" => (3, Some(Operator::Equal)),
            "!=" => (3, Some(Operator::Unequal)),
            "<" => (3, Some(Operator::Less)),
            "<=" => (3, Some(Operator::LessOrEqual)),
            ">" => (3, Some(Operator::Greater)),
            ">=" => (3, Some(Operator::GreaterOrEqual)),
            "in" => (3, Some(Operator::In)),
            "+" => (4, Some(Operator::Add)),
            "-" => (4, Some(Operator::Subtract)),
            "*" => (5, Some(Operator::Multiply)),
            "/" => (5, Some(Operator::Divide)),
            "%" => (5, Some(Operator::Remainder)),
            _ => return None,
        };
        Some((sign, strength, operator))
    }

    /// Reads operators that bind more strongly than `least`, from the left.
    fn binary(&mut self, least: usize) -> Parsed {
        let mut left = self.unary()?;
        while let Some((sign, strength, operator)) = self.operator()
            && strength > least
        {
            self.advance()?;
            let mut right = self.binary(strength)?;
            let at = left.node.at.start..right.node.at.end;
            left = match operator {
                Some(operator) => {
                    if matches!(operator, Operator::Equal | Operator::Unequal | Operator::In) {
                        name_types(&mut left.node, &mut right.node);
                    }
                    Self::pair(at, left, right, |left, right| Kind::Binary(operator, left, right))?
                }
                None if sign == "&&" => Self::pair(at, left, right, Kind::And)?,
                None => Self::pair(at, left, right, Kind::Or)?,
            };
        }
        Ok(left)
    }

    /// Reads `!` and `-` before a value.
    fn unary(&mut self) -> Parsed {
        let mut signs = Vec::new();
        while self.is_sign("!") || self.is_sign("-") {
            // A number below zero is one word of the language, so that the least one can be written.
            let token = self.advance()?;
            if token.word == Word::Sign("-")
                && let Word::Int(value) = self.token.word
            {
                let number = self.advance()?;
                let at = token.at.start..number.at.end;
                let Some(value) = 0i64.checked_sub_unsigned(value) else {
                    return error(at, "this is no integer of 64 bits");
                };
                let literal = Self::part(at, Kind::Literal(Value::Int(value)), [])?;
                let value = self.members(literal)?;
                return Self::signed(signs, value);
            }
            signs.push(token);
        }
        let value = self.primary()?;
        let value = self.members(value)?;
        Self::signed(signs, value)
    }

    fn signed(signs: Vec<Token>, value: Part) -> Parsed {
        signs.into_iter().rev().try_fold(value, |value, sign| {
            let at = sign.at.start..value.node.at.end;
            let height = value.height;
            let operand = Box::new(value.node);
            let kind = if sign.word == Word::Sign("!") { Kind::Not(operand) } else { Kind::Negate(operand) };
            Self::part(at, kind, [height])
        })
    }

    fn primary(&mut self) -> Parsed {
        let token = self.advance()?;
        let at = token.at.clone();
        let literal = |value| Self::part(at.clone(), Kind::Literal(value), []);
        match token.word {
            Word::Int(value) => match i64::try_from(value) {
                Ok(value) => literal(Value::Int(value)),
                Err(_) => error(at, format!("this is no integer of 64 bits; write `{value}u` for one without a sign")),
            },
            Word::Uint(value) => literal(Value::Uint(value)),
            Word::Double(value) => literal(Value::Double(value)),
            Word::Text(text) => literal(Value::Text(text)),
            Word::Name(name) => match &*name {
                "true" => literal(Value::Bool(true)),
                "false" => literal(Value::Bool(false)),
                "null" => literal(Value::Null),
                "in" => error(at, "`in` needs a value before it"),
                _ if is_reserved(&name) => error(at, format!("`{name}` is a word of the language and names nothing")),
                _ if self.is_sign("(") => self.call(&name, at, None),
                _ => Ok(Self::name(&self.locals, name, at)),
            },
            Word::Sign("(") => {
                let inner = self.expression()?;
                let end = self.expect(")")?;
                Ok(Part { node: Node { at: at.start..end, kind: inner.node.kind }, height: inner.height })
            }
            Word::Sign("[") => self.list(at.start),
            Word::Sign("{") => self.map(at.start),
            word => error(at, format!("found {} where a value was meant", word.describe())),
        }
    }

    fn name(locals: &[Arc<str>], name: Arc<str>, at: Range<usize>) -> Part {
        let kind = match locals.iter().rposition(|local| *local == name) {
            Some(index) => Kind::Local(index),
            None => Kind::Root(name),
        };
        Part { node: Node { at, kind }, height: 1 }
    }

    fn list(&mut self, start: usize) -> Parsed {
        let (mut items, mut height) = (Vec::new(), 0);
        while !self.is_sign("]") {
            let item = self.expression()?;
            height = height.max(item.height);
            items.push(item.node);
            if !self.take(",")? {
                break;
            }
        }
        let end = self.expect("]")?;
        Self::part(start..end, Kind::List(items), [height])
    }

    fn map(&mut self, start: usize) -> Parsed {
        let (mut entries, mut height) = (Vec::new(), 0);
        while !self.is_sign("}") {
            let key = self.expression()?;
            if !self.is_sign(":") {
                return self.unexpected("`:` between a key and its value");
            }
            self.advance()?;
            let value = self.expression()?;
            height = height.max(key.height).max(value.height);
            entries.push((key.node, value.node));
            if !self.take(",")? {
                break;
            }
        }
        let end = self.expect("}")?;
        Self::part(start..end, Kind::Map(entries), [height])
    }
}

/// Takes the names of types for what they are where something is compared with `type(…)`.
fn name_types(left: &mut Node, right: &mut Node) {
    let is_type = |node: &Node| matches!(&node.kind, Kind::Call(call) if call.function.name == "type");
    let name = |node: &mut Node| {
        if let Kind::Root(name) = &node.kind
            && TYPE_NAMES.contains(&&**name)
        {
            node.kind = Kind::Literal(Value::Text(Arc::clone(name)));
        }
    };
    if is_type(left) {
        match &mut right.kind {
            Kind::List(items) => items.iter_mut().for_each(name),
            _ => name(right),
        }
    }
    if is_type(right) {
        name(left);
    }
}
