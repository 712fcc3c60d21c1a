// SPDX-License-Identifier: MIT OR Apache-2.0
//! Finds what is certainly wrong with an expression before there are values.

use std::ops::Range;
use std::sync::Arc;

use super::evaluate::shown;
use super::scope::Types;
use super::syntax::{Aim, Call, Each, Kind, Node, Operator};
use super::types::{Kinds, Type};
use super::value::Value;
use crate::suggest::hint;

/// How many problems are found in one expression; who mends these sees the others.
const PROBLEMS_MAX: usize = 32;

/// What is certainly wrong with an expression.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// Where in the source, in bytes.
    pub at: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What may have been meant.
    pub hint: Option<String>,
}

/// Goes through an expression.
pub(super) struct Checker<'a> {
    source: &'a str,
    types: &'a Types,
    locals: Vec<Type>,
    problems: Vec<Problem>,
}

// === impl Checker ===

impl<'a> Checker<'a> {
    /// Finds the problems of an expression, and what it comes to.
    pub(super) fn check(source: &'a str, node: &Node, types: &'a Types) -> (Type, Vec<Problem>) {
        let mut checker = Self { source, types, locals: Vec::new(), problems: Vec::new() };
        let holds = checker.infer(node);
        (holds, checker.problems)
    }

    fn problem(&mut self, node: &Node, message: String, hint: Option<String>) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(Problem { at: node.at.clone(), message, hint });
        }
    }

    /// Finds the type of a part, which something takes only if it is of certain kinds.
    fn wanted(&mut self, node: &Node, what: &str, wanted: Kinds) -> Type {
        let found = self.infer(node);
        self.hold(node, &found, what, wanted);
        found
    }

    /// Holds a part to the kinds that something takes; says whether it can be one of them.
    fn hold(&mut self, node: &Node, found: &Type, what: &str, wanted: Kinds) -> bool {
        let fits = wanted.meets(found.kinds());
        if !fits {
            let message = format!("{what} takes {wanted}; `{}` is {found}", shown(self.source, &node.at));
            self.problem(node, message, None);
        }
        fits
    }

    fn infer(&mut self, node: &Node) -> Type {
        match &node.kind {
            Kind::Literal(value) => Type::of_value(value),
            Kind::Root(name) => self.root(node, name),
            Kind::Local(index) => self.locals.get(*index).cloned().unwrap_or_default(),
            Kind::Select(of, field) => {
                let found = self.infer(of);
                self.field(node, of, &found, field)
            }
            Kind::Index(of, index) => self.index(node, of, index),
            Kind::Has(of, field) => {
                let found = self.infer(of);
                if found != Type::Null {
                    self.field(node, of, &found, field);
                }
                Type::Bool
            }
            Kind::Call(call) => self.call(call),
            Kind::Not(of) => {
                self.wanted(of, "`!`", Kinds::BOOL);
                Type::Bool
            }
            Kind::Negate(of) => numeric(&self.wanted(of, "`-`", Kinds::NUMBER), &Type::Int),
            Kind::And(left, right) => self.both(left, right, "`&&`"),
            Kind::Or(left, right) => self.both(left, right, "`||`"),
            Kind::Binary(operator, left, right) => self.binary(node, *operator, left, right),
            Kind::Conditional(parts) => {
                let [condition, yes, no] = &**parts;
                self.wanted(condition, "`?`", Kinds::BOOL);
                let yes = self.infer(yes);
                let no = self.infer(no);
                yes.either(&no)
            }
            Kind::List(items) => {
                let types: Vec<_> = items.iter().map(|item| self.infer(item)).collect();
                Type::list(Type::common(types.into_iter()))
            }
            Kind::Map(entries) => self.map(entries),
            Kind::Each(each) => self.each(each),
            Kind::Bind(value, body) => {
                let value = self.infer(value);
                self.locals.push(value);
                let body = self.infer(body);
                self.locals.pop();
                body
            }
        }
    }

    fn root(&mut self, node: &Node, name: &str) -> Type {
        if let Some(found) = self.types.get(name) {
            return found.clone();
        }
        let names = self.types.names();
        let hint = hint(name, "names", names.iter().map(|name| &**name));
        self.problem(node, format!("`{name}` is not there"), hint);
        Type::Any
    }

    fn field(&mut self, node: &Node, of: &Node, found: &Type, field: &str) -> Type {
        let Type::Map(fields) = found else {
            if !self.hold(of, found, &format!("`.{field}`"), Kinds::MAP)
                && let Some(problem) = self.problems.last_mut()
                && matches!(found, Type::List(_))
            {
                problem.hint =
                    Some(format!("`[0].{field}` is that of its first item, `.map(item, item.{field})` is that of all"));
            }
            return Type::Any;
        };
        match (fields.known.get(field), &fields.others) {
            (Some(known), _) => known.holds.clone(),
            (None, Some(others)) => others.clone(),
            (None, None) => {
                let hint = hint(field, "fields", fields.known.keys().map(|name| &**name));
                self.problem(node, format!("`{}` has no `{field}`", shown(self.source, &of.at)), hint);
                Type::Any
            }
        }
    }

    fn index(&mut self, node: &Node, of: &Node, index: &Node) -> Type {
        let found = self.infer(of);
        let key = self.infer(index);
        match &found {
            Type::Map(fields) => match &index.kind {
                Kind::Literal(Value::Text(name)) => self.field(node, of, &found, name),
                _ => {
                    self.hold(index, &key, "a key of a map", Kinds::TEXT);
                    // It may be any of the fields.
                    let types = fields.known.values().map(|field| field.holds.clone());
                    Type::common(types.chain(fields.others.clone()))
                }
            },
            Type::List(item) => {
                self.hold(index, &key, "an index of a list", Kinds::NUMBER);
                (**item).clone()
            }
            found => {
                self.hold(of, found, "`[…]`", Kinds::LIST.or(Kinds::MAP));
                self.hold(index, &key, "an index", Kinds::NUMBER.or(Kinds::TEXT));
                Type::Any
            }
        }
    }

    fn call(&mut self, call: &Call) -> Type {
        let name = format!("`{}`", call.function.name);
        let mut types = Vec::new();
        for (index, argument) in call.arguments.iter().enumerate() {
            types.push(self.wanted(argument, &name, call.function.kinds(index)));
        }
        (call.function.gives)(&types)
    }

    fn both(&mut self, left: &Node, right: &Node, what: &str) -> Type {
        self.wanted(left, what, Kinds::BOOL);
        self.wanted(right, what, Kinds::BOOL);
        Type::Bool
    }

    fn binary(&mut self, node: &Node, operator: Operator, left: &Node, right: &Node) -> Type {
        const ADDED: Kinds = Kinds::NUMBER.or(Kinds::TEXT).or(Kinds::LIST);
        const ORDERED: Kinds = Kinds::NUMBER.or(Kinds::TEXT).or(Kinds::BOOL);
        let (a, b) = (self.infer(left), self.infer(right));
        let what = format!("`{}`", operator.sign());
        match operator {
            Operator::Equal | Operator::Unequal => {
                // Null is what a node comes to that was skipped, whatever its type is otherwise.
                let is_null = a == Type::Null || b == Type::Null;
                if !is_null && !a.kinds().meets(b.kinds()) {
                    let message = format!("{a} and {b} are never equal");
                    self.problem(node, message, None);
                }
                Type::Bool
            }
            Operator::In => {
                self.hold(right, &b, &what, Kinds::LIST.or(Kinds::MAP));
                Type::Bool
            }
            Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
                self.alike(left, right, (&a, &b), &what, ORDERED);
                Type::Bool
            }
            Operator::Add => {
                self.alike(left, right, (&a, &b), &what, ADDED);
                match (a, b) {
                    (Type::Text, _) | (_, Type::Text) => Type::Text,
                    (Type::List(left), Type::List(right)) => Type::list((*left).clone().either(&right)),
                    (Type::List(_), _) | (_, Type::List(_)) => Type::list(Type::Any),
                    (Type::Any, Type::Any) => Type::Any,
                    (a, b) => numeric(&a, &b),
                }
            }
            _ => {
                self.hold(left, &a, &what, Kinds::NUMBER);
                self.hold(right, &b, &what, Kinds::NUMBER);
                numeric(&a, &b)
            }
        }
    }

    /// Holds two sides to kinds, and to each other.
    fn alike(&mut self, left: &Node, right: &Node, (a, b): (&Type, &Type), what: &str, wanted: Kinds) {
        let fits = self.hold(left, a, what, wanted);
        let wanted = if fits && *a != Type::Any { a.kinds() } else { wanted };
        self.hold(right, b, what, wanted);
    }

    fn map(&mut self, entries: &[(Node, Node)]) -> Type {
        let mut known = Vec::new();
        for (key, value) in entries {
            let holds = self.infer(value);
            match &key.kind {
                Kind::Literal(Value::Text(name)) => known.push((Arc::clone(name), holds)),
                _ => {
                    self.wanted(key, "a key of a map", Kinds::TEXT);
                }
            }
        }
        if known.len() == entries.len() { Type::map(known) } else { Type::any_map() }
    }

    fn each(&mut self, each: &Each) -> Type {
        let wanted = if each.aim == Aim::MapEntries { Kinds::MAP } else { Kinds::LIST.or(Kinds::MAP) };
        let over = self.wanted(&each.over, each.aim.name(), wanted);
        let (index, item) = match &over {
            Type::List(item) => (Type::Int, (**item).clone()),
            Type::Map(fields) => {
                let types = fields.known.values().map(|field| field.holds.clone());
                (Type::Text, Type::common(types.chain(fields.others.clone())))
            }
            _ => (Type::Any, Type::Any),
        };
        // One name stands for the items of a list, and for the keys of a map.
        let item = if !each.has_index && matches!(over, Type::Map(_)) { index.clone() } else { item };
        let depth = self.locals.len();
        if each.has_index {
            self.locals.push(index);
        }
        self.locals.push(item.clone());
        if let Some(filter) = &each.filter {
            self.wanted(filter, each.aim.name(), Kinds::BOOL);
        }
        let wanted = match each.aim {
            Aim::All | Aim::Exists | Aim::ExistsOne | Aim::Filter => Kinds::BOOL,
            Aim::SortBy => Kinds::NUMBER.or(Kinds::TEXT).or(Kinds::BOOL),
            Aim::Map | Aim::MapEntries => Kinds::ANY,
        };
        let body = self.wanted(&each.body, each.aim.name(), wanted);
        self.locals.truncate(depth);
        match each.aim {
            Aim::All | Aim::Exists | Aim::ExistsOne => Type::Bool,
            Aim::Filter | Aim::SortBy => Type::list(item),
            Aim::Map => Type::list(body),
            Aim::MapEntries => Type::any_map(),
        }
    }
}

/// Returns what a calculation with two numbers gives.
fn numeric(left: &Type, right: &Type) -> Type {
    match (left, right) {
        (Type::Int, Type::Int) => Type::Int,
        _ => Type::Number,
    }
}
