// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an expression is, once it is read.

use std::ops::Range;
use std::sync::Arc;

use super::function::Function;
use super::value::Value;

/// A part of an expression.
#[derive(Debug)]
pub(super) struct Node {
    /// Where it is in the source.
    pub(super) at: Range<usize>,
    /// What it is.
    pub(super) kind: Kind,
}

/// What a part of an expression is.
#[derive(Debug)]
pub(super) enum Kind {
    /// A value that stands in the source.
    Literal(Value),
    /// A name from outside.
    Root(Arc<str>),
    /// What a macro binds, by how many are bound around it.
    Local(usize),
    /// A field of a map.
    Select(Box<Node>, Arc<str>),
    /// An item of a list or an entry of a map.
    Index(Box<Node>, Box<Node>),
    /// Whether a map has a field.
    Has(Box<Node>, Arc<str>),
    /// A function of its arguments, the receiver first.
    Call(Call),
    /// `!`.
    Not(Box<Node>),
    /// `-`.
    Negate(Box<Node>),
    /// `&&`.
    And(Box<Node>, Box<Node>),
    /// `||`.
    Or(Box<Node>, Box<Node>),
    /// An operator that needs both of its sides.
    Binary(Operator, Box<Node>, Box<Node>),
    /// `condition ? yes : no`.
    Conditional(Box<[Node; 3]>),
    /// A list.
    List(Vec<Node>),
    /// A map.
    Map(Vec<(Node, Node)>),
    /// A macro that goes through a list or a map.
    Each(Box<Each>),
    /// `cel.bind(name, value, body)`.
    Bind(Box<Node>, Box<Node>),
}

/// A call of a function.
#[derive(Debug)]
pub(super) struct Call {
    /// Which function.
    pub(super) function: Function,
    /// Its arguments, the receiver first.
    pub(super) arguments: Vec<Node>,
    /// The pattern, compiled once, if it is one that stands in the source.
    pub(super) pattern: Option<regex::Regex>,
}

/// What goes through the items of a list, or the keys of a map.
#[derive(Debug)]
pub(super) struct Each {
    /// What it makes of them.
    pub(super) aim: Aim,
    /// What it goes through.
    pub(super) over: Node,
    /// Whether two names are bound: index and item, or key and entry.
    pub(super) has_index: bool,
    /// Which items count.
    pub(super) filter: Option<Node>,
    /// What is asked of, or made of, an item.
    pub(super) body: Node,
}

/// What is made of the items that something goes through.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Aim {
    /// Whether all hold.
    All,
    /// Whether one holds.
    Exists,
    /// Whether exactly one holds.
    ExistsOne,
    /// Those that hold.
    Filter,
    /// A list of what is made of each.
    Map,
    /// A map with the same keys and what is made of each.
    MapEntries,
    /// The items by the order of what is made of each.
    SortBy,
}

/// An operator that needs both of its sides.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Operator {
    /// `+`.
    Add,
    /// `-`.
    Subtract,
    /// `*`.
    Multiply,
    /// `/`.
    Divide,
    /// `%`.
    Remainder,
    /// `==`.
    Equal,
    /// `!=`.
    Unequal,
    /// `<`.
    Less,
    /// `<=`.
    LessOrEqual,
    /// `>`.
    Greater,
    /// `>=`.
    GreaterOrEqual,
    /// `in`.
    In,
}

// === impl Node ===

impl Node {
    /// Returns the parts right inside this one.
    pub(super) fn parts(&self) -> Vec<&Self> {
        match &self.kind {
            Kind::Literal(_) | Kind::Root(_) | Kind::Local(_) => Vec::new(),
            Kind::Select(of, _) | Kind::Has(of, _) | Kind::Not(of) | Kind::Negate(of) => vec![of],
            Kind::Index(left, right) | Kind::And(left, right) | Kind::Or(left, right) => vec![left, right],
            Kind::Binary(_, left, right) | Kind::Bind(left, right) => vec![left, right],
            Kind::Call(call) => call.arguments.iter().collect(),
            Kind::Conditional(parts) => parts.iter().collect(),
            Kind::List(items) => items.iter().collect(),
            Kind::Map(entries) => entries.iter().flat_map(|(key, value)| [key, value]).collect(),
            Kind::Each(each) => {
                [Some(&each.over), each.filter.as_ref(), Some(&each.body)].into_iter().flatten().collect()
            }
        }
    }
}

// === impl Operator ===

impl Operator {
    /// Returns the operator as it is written.
    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
            Self::Equal => "==",
            Self::Unequal => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::In => "in",
        }
    }
}

// === impl Aim ===

impl Aim {
    /// Returns the macro as it is written.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::All => "`all`",
            Self::Exists => "`exists`",
            Self::ExistsOne => "`exists_one`",
            Self::Filter => "`filter`",
            Self::Map => "`map`",
            Self::MapEntries => "`transformMap`",
            Self::SortBy => "`sortBy`",
        }
    }

    /// Returns what a macro makes of items.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "all" => Self::All,
            "exists" => Self::Exists,
            "exists_one" | "existsOne" => Self::ExistsOne,
            "filter" => Self::Filter,
            "map" | "transformList" => Self::Map,
            "transformMap" => Self::MapEntries,
            "sortBy" => Self::SortBy,
            _ => return None,
        })
    }
}
