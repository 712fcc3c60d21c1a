// SPDX-License-Identifier: MIT OR Apache-2.0
//! Finds what an expression comes to.
//!
//! Evaluation takes steps from a meter and stops when they are used up, so it ends whatever the expression says. What calls
//! itself here is bounded by how many parts the parser lets stand one inside the other.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::error::{ExpressionError, some};
use super::function_list::order;
use super::function_number::{calculate, negate};
use super::function_text::matches_compiled;
use super::meter::{Fault, Meter};
use super::scope::Scope;
use super::syntax::{Call, Kind, Node, Operator};
use super::types::Kinds;
use super::value::Value;
use crate::suggest::nearest;

/// How many letters of the source an error shows.
const SHOWN_LETTERS_MAX: usize = 60;

/// How many bytes an entry of a map takes besides its key, about.
const ENTRY_BYTES: usize = 64;

/// An evaluation.
pub(super) struct Evaluation<'a> {
    source: &'a str,
    scope: &'a Scope,
    /// What the macros around bind, the outermost first.
    pub(super) locals: Vec<Value>,
    meter: Meter,
}

pub(super) type Result<T = Value> = std::result::Result<T, ExpressionError>;

/// Shows a part of a source, not all of it if it is long.
pub(super) fn shown(source: &str, at: &Range<usize>) -> String {
    let part = source.get(at.clone()).unwrap_or_default();
    match part.char_indices().nth(SHOWN_LETTERS_MAX) {
        Some((end, _)) => format!("{}…", part.get(..end).unwrap_or_default()),
        None => part.to_owned(),
    }
}

// === impl Evaluation ===

impl<'a> Evaluation<'a> {
    pub(super) fn new(source: &'a str, scope: &'a Scope) -> Self {
        Self { source, scope, locals: Vec::new(), meter: Meter::new() }
    }

    /// Finds the value of a whole expression, and whether it may be handed on.
    pub(super) fn whole(mut self, node: &Node) -> Result {
        // What is only pointed at came from outside, and was measured there.
        if let Some(value) = self.find(node, &mut 0) {
            return Ok(value.clone());
        }
        let value = self.value(node)?;
        if let Err(error) = value.measure() {
            return Err(ExpressionError::Limit { at: node.at.clone(), message: format!("makes too much: {error}") });
        }
        match value.is_finite() {
            true => Ok(value),
            false => {
                let message = "the result is not finite, and JSON has no such number".to_owned();
                Err(ExpressionError::Arithmetic { at: node.at.clone(), message })
            }
        }
    }

    /// Finds a condition.
    pub(super) fn holds(&mut self, node: &Node, what: &str) -> Result<bool> {
        match self.value(node)? {
            Value::Bool(value) => Ok(value),
            other => Err(self.kind(node, what, Kinds::BOOL, &other)),
        }
    }

    pub(super) fn kind(&self, node: &Node, what: &str, wanted: Kinds, found: &Value) -> ExpressionError {
        ExpressionError::Kind {
            at: node.at.clone(),
            what: what.to_owned(),
            wanted: wanted.to_string(),
            of: shown(self.source, &node.at),
            found: found.kind().to_owned(),
        }
    }

    /// Says where a fault is.
    fn fault(&self, fault: Fault, node: &Node, what: &str, operands: &[(&Node, &Value)]) -> ExpressionError {
        match fault {
            Fault::Kind { argument, wanted } => match operands.get(argument) {
                Some((operand, value)) => self.kind(operand, what, wanted, value),
                None => self.kind(node, what, wanted, &Value::Null),
            },
            Fault::Arithmetic(message) => {
                let message = format!("`{}` has no value: {message}", shown(self.source, &node.at));
                ExpressionError::Arithmetic { at: node.at.clone(), message }
            }
            Fault::Limit(message) => ExpressionError::Limit { at: node.at.clone(), message },
        }
    }

    pub(super) fn metered<T>(
        &mut self,
        node: &Node,
        meter: impl FnOnce(&mut Meter) -> std::result::Result<T, Fault>,
    ) -> Result<T> {
        meter(&mut self.meter).map_err(|fault| self.fault(fault, node, "", &[]))
    }

    /// Finds what a path points at without cloning what is on the way, if the part is a path and leads somewhere.
    fn find(&self, node: &Node, steps: &mut usize) -> Option<&Value> {
        *steps = steps.saturating_add(1);
        match &node.kind {
            Kind::Root(name) => self.scope.get(name),
            Kind::Local(index) => self.locals.get(*index),
            Kind::Select(of, field) => self.find(of, steps)?.get(field),
            Kind::Index(of, index) => match &index.kind {
                Kind::Literal(Value::Text(key)) => self.find(of, steps)?.get(key),
                Kind::Literal(index) => self.find(of, steps)?.as_list()?.get(index.as_index()?),
                _ => None,
            },
            _ => None,
        }
    }

    pub(super) fn value(&mut self, node: &Node) -> Result {
        let mut steps = 1;
        if let Some(value) = self.find(node, &mut steps) {
            let value = value.clone();
            self.metered(node, |meter| meter.spend(steps))?;
            return Ok(value);
        }
        self.metered(node, |meter| meter.spend(steps))?;
        match &node.kind {
            Kind::Literal(value) => Ok(value.clone()),
            Kind::Root(name) => Err(self.unknown(node, name)),
            Kind::Local(_) => Err(self.unknown(node, "")),
            Kind::Select(of, field) => self.select(node, of, field),
            Kind::Index(of, index) => self.index(node, of, index),
            Kind::Has(of, field) => self.has(of, field),
            Kind::Call(call) => self.call(node, call),
            Kind::Not(of) => self.holds(of, "`!`").map(|value| Value::Bool(!value)),
            Kind::Negate(of) => self.negate(node, of),
            Kind::And(left, right) => self.until(false, "`&&`", left, right),
            Kind::Or(left, right) => self.until(true, "`||`", left, right),
            Kind::Binary(operator, left, right) => self.binary(node, *operator, left, right),
            Kind::Conditional(parts) => self.conditional(parts),
            Kind::List(items) => self.list(node, items),
            Kind::Map(entries) => self.map(node, entries),
            Kind::Each(each) => self.each(node, each),
            Kind::Bind(value, body) => {
                let value = self.value(value)?;
                self.locals.push(value);
                let result = self.value(body);
                self.locals.pop();
                result
            }
        }
    }

    fn unknown(&self, node: &Node, name: &str) -> ExpressionError {
        let names = self.scope.names();
        let names = || names.iter().map(|name| &**name);
        ExpressionError::Unknown {
            at: node.at.clone(),
            name: name.to_owned(),
            near: nearest(name, names()).map(str::to_owned),
            names: some(names()),
        }
    }

    fn missing(&self, node: &Node, of: &Node, key: &str, value: &Value) -> ExpressionError {
        let names = || value.as_map().into_iter().flat_map(|entries| entries.keys()).map(|key| &**key);
        let (what, names, near) = match value.as_list() {
            Some(items) => (format!("item {key}; it has {}", items.len()), Vec::new(), None),
            None => (format!("`{key}`"), some(names()), nearest(key, names()).map(str::to_owned)),
        };
        ExpressionError::Missing { at: node.at.clone(), of: shown(self.source, &of.at), what, near, names }
    }

    fn select(&mut self, node: &Node, of: &Node, field: &str) -> Result {
        let value = self.value(of)?;
        match &value {
            Value::Map(entries) => entries.get(field).cloned().ok_or_else(|| self.missing(node, of, field, &value)),
            other => Err(self.kind(of, &format!("`.{field}`"), Kinds::MAP, other)),
        }
    }

    fn index(&mut self, node: &Node, of: &Node, index: &Node) -> Result {
        let value = self.value(of)?;
        let key = self.value(index)?;
        match (&value, &key) {
            (Value::Map(entries), Value::Text(key)) => {
                entries.get(key).cloned().ok_or_else(|| self.missing(node, of, key, &value))
            }
            (Value::Map(_), other) => Err(self.kind(index, "a key of a map", Kinds::TEXT, other)),
            (Value::List(items), Value::Int(_) | Value::Uint(_) | Value::Double(_)) => {
                let place = match &key {
                    // An index that was calculated may have become a number with a fraction of nothing.
                    Value::Double(place) if place.fract() == 0.0 && (0.0..1e15).contains(place) => {
                        Some(*place as usize)
                    }
                    key => key.as_index(),
                };
                let item = place.and_then(|place| items.get(place)).cloned();
                item.ok_or_else(|| self.missing(node, of, &shown(self.source, &index.at), &value))
            }
            (Value::List(_), other) => Err(self.kind(index, "an index of a list", Kinds::NUMBER, other)),
            (other, _) => Err(self.kind(of, "`[…]`", Kinds::LIST.or(Kinds::MAP), other)),
        }
    }

    /// Finds whether a field is there. Nothing is there in null, which is what a node that was skipped comes to.
    fn has(&mut self, of: &Node, field: &str) -> Result {
        match self.value(of)? {
            Value::Map(entries) => Ok(Value::Bool(entries.contains_key(field))),
            Value::Null => Ok(Value::Bool(false)),
            other => Err(self.kind(of, &format!("`has(….{field})`"), Kinds::MAP, &other)),
        }
    }

    fn call(&mut self, node: &Node, call: &Call) -> Result {
        let arguments = call.arguments.iter().map(|argument| self.value(argument)).collect::<Result<Vec<_>>>()?;
        let name = format_args!("`{}`", call.function.name);
        for (index, (part, value)) in call.arguments.iter().zip(&arguments).enumerate() {
            let wanted = call.function.kinds(index);
            if !wanted.meets(Kinds::of(value)) {
                return Err(self.kind(part, &name.to_string(), wanted, value));
            }
        }
        let result = match (&call.pattern, arguments.first()) {
            (Some(pattern), Some(Value::Text(text))) => {
                matches_compiled(text, pattern, &mut self.meter).map(Value::Bool)
            }
            _ => (call.function.run)(&arguments, &mut self.meter),
        };
        result.map_err(|fault| {
            let operands: Vec<_> = call.arguments.iter().zip(&arguments).collect();
            self.fault(fault, node, &name.to_string(), &operands)
        })
    }

    fn negate(&mut self, node: &Node, of: &Node) -> Result {
        let value = self.value(of)?;
        negate(&value).map_err(|fault| match fault {
            Fault::Kind { wanted, .. } => self.kind(of, "`-`", wanted, &value),
            fault => self.fault(fault, node, "`-`", &[]),
        })
    }

    /// Finds `&&` and `||`: one side that decides is enough, even where the other has no value.
    fn until(&mut self, decisive: bool, what: &str, left: &Node, right: &Node) -> Result {
        let error = match self.holds(left, what) {
            Ok(value) if value == decisive => return Ok(Value::Bool(value)),
            Ok(_) => return self.holds(right, what).map(Value::Bool),
            Err(error) if error.is_final() => return Err(error),
            Err(error) => error,
        };
        match self.holds(right, what) {
            Ok(value) if value == decisive => Ok(Value::Bool(value)),
            Err(right) if right.is_final() => Err(right),
            _ => Err(error),
        }
    }

    fn conditional(&mut self, parts: &[Node; 3]) -> Result {
        let [condition, yes, no] = parts;
        match self.holds(condition, "`?`")? {
            true => self.value(yes),
            false => self.value(no),
        }
    }

    fn binary(&mut self, node: &Node, operator: Operator, left: &Node, right: &Node) -> Result {
        let (a, b) = (self.value(left)?, self.value(right)?);
        self.operate(operator, &a, &b)
            .map_err(|fault| self.fault(fault, node, &format!("`{}`", operator.sign()), &[(left, &a), (right, &b)]))
    }

    fn operate(&mut self, operator: Operator, left: &Value, right: &Value) -> std::result::Result<Value, Fault> {
        const ORDERED: Kinds = Kinds::NUMBER.or(Kinds::TEXT).or(Kinds::BOOL);
        match operator {
            Operator::Equal => self.meter.equals(left, right).map(Value::Bool),
            Operator::Unequal => self.meter.equals(left, right).map(|equal| Value::Bool(!equal)),
            Operator::In => self.is_in(left, right).map(Value::Bool),
            Operator::Add if !(left.is_number() && right.is_number()) => self.add(left, right),
            Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
                let kinds = Kinds::of(left);
                if !kinds.meets(ORDERED) {
                    return Err(Fault::Kind { argument: 0, wanted: ORDERED });
                }
                if !kinds.meets(Kinds::of(right)) {
                    return Err(Fault::Kind { argument: 1, wanted: kinds });
                }
                if let (Value::Text(left), Value::Text(right)) = (left, right) {
                    self.meter.read(left.len().min(right.len()))?;
                }
                // What is no number has no order, and is neither less nor greater.
                let order = order(left, right);
                Ok(Value::Bool(order.is_some_and(|order| match operator {
                    Operator::Less => order.is_lt(),
                    Operator::LessOrEqual => order.is_le(),
                    Operator::Greater => order.is_gt(),
                    _ => order.is_ge(),
                })))
            }
            _ => calculate(operator, left, right),
        }
    }

    fn is_in(&mut self, item: &Value, among: &Value) -> std::result::Result<bool, Fault> {
        match among {
            Value::List(items) => {
                for other in items.iter() {
                    if self.meter.equals(item, other)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Value::Map(entries) => Ok(item.as_text().is_some_and(|key| entries.contains_key(key))),
            _ => Err(Fault::Kind { argument: 1, wanted: Kinds::LIST.or(Kinds::MAP) }),
        }
    }

    /// Adds what is no number.
    fn add(&mut self, left: &Value, right: &Value) -> std::result::Result<Value, Fault> {
        match (left, right) {
            (Value::Text(left), Value::Text(right)) => {
                self.meter.make(left.len().saturating_add(right.len()))?;
                Ok(Value::Text([&**left, &**right].concat().into()))
            }
            (Value::List(left), Value::List(right)) => {
                self.meter.make_items(left.len().saturating_add(right.len()))?;
                Ok(Value::List(left.iter().chain(right.iter()).cloned().collect()))
            }
            (Value::Null | Value::Bool(_) | Value::Map(_), _) => {
                Err(Fault::Kind { argument: 0, wanted: Kinds::NUMBER.or(Kinds::TEXT).or(Kinds::LIST) })
            }
            (left, _) => Err(Fault::Kind { argument: 1, wanted: Kinds::of(left) }),
        }
    }

    fn list(&mut self, node: &Node, items: &[Node]) -> Result {
        self.metered(node, |meter| meter.make_items(items.len()))?;
        items.iter().map(|item| self.value(item)).collect::<Result<Vec<_>>>().map(Value::list)
    }

    fn map(&mut self, node: &Node, entries: &[(Node, Node)]) -> Result {
        let mut map = BTreeMap::new();
        for (name, value) in entries {
            let key = match self.value(name)? {
                Value::Text(key) => key,
                other => return Err(self.kind(name, "a key of a map", Kinds::TEXT, &other)),
            };
            let value = self.value(value)?;
            self.metered(node, |meter| meter.make(key.len().saturating_add(ENTRY_BYTES)))?;
            if map.insert(Arc::clone(&key), value).is_some() {
                let message = format!("the map has the key `{key}` twice");
                return Err(ExpressionError::Arithmetic { at: name.at.clone(), message });
            }
        }
        Ok(Value::Map(Arc::new(map)))
    }
}
