// SPDX-License-Identifier: MIT OR Apache-2.0
//! Finds what macros come to that go through a list or a map.

use std::sync::Arc;

use super::evaluate::{Evaluation, Result};
use super::function_list::sort_by;
use super::syntax::{Aim, Each, Node};
use super::types::Kinds;
use super::value::Value;

/// Items with their indexes, or entries with their keys.
type Pairs<'a> = Box<dyn Iterator<Item = (Value, Value)> + 'a>;

// === impl Evaluation ===

impl Evaluation<'_> {
    pub(super) fn each(&mut self, node: &Node, each: &Each) -> Result {
        let over = self.value(&each.over)?;
        let pairs: Pairs<'_> = match &over {
            Value::List(items) => Box::new((0..).map(Value::Int).zip(items.iter().cloned())),
            Value::Map(entries) => {
                Box::new(entries.iter().map(|(key, value)| (Value::Text(Arc::clone(key)), value.clone())))
            }
            other => return Err(self.kind(&each.over, each.aim.name(), Kinds::LIST.or(Kinds::MAP), other)),
        };
        let depth = self.locals.len();
        let result = self.through(node, each, &over, pairs, depth);
        self.locals.truncate(depth);
        result
    }

    /// Goes through items, each with its index or its key.
    fn through(&mut self, node: &Node, each: &Each, over: &Value, pairs: Pairs<'_>, depth: usize) -> Result {
        if each.aim == Aim::MapEntries && over.as_map().is_none() {
            return Err(self.kind(&each.over, each.aim.name(), Kinds::MAP, over));
        }
        let (mut made, mut held, mut failed) = (Vec::new(), 0usize, None);
        for (index, item) in pairs {
            // One name stands for the items of a list, and for the keys of a map.
            let item = if !each.has_index && over.as_map().is_some() { index.clone() } else { item };
            self.locals.truncate(depth);
            if each.has_index {
                self.locals.push(index.clone());
            }
            self.locals.push(item.clone());
            if let Some(filter) = &each.filter
                && !self.holds(filter, each.aim.name())?
            {
                continue;
            }
            match each.aim {
                Aim::All | Aim::Exists => match self.holds(&each.body, each.aim.name()) {
                    Ok(holds) if holds == (each.aim == Aim::Exists) => return Ok(Value::Bool(holds)),
                    Ok(_) => {}
                    Err(error) if error.is_final() => return Err(error),
                    Err(error) => failed = failed.or(Some(error)),
                },
                Aim::ExistsOne => held = held.saturating_add(usize::from(self.holds(&each.body, each.aim.name())?)),
                Aim::Filter if !self.holds(&each.body, each.aim.name())? => {}
                Aim::Filter => made.push((Value::Null, item)),
                Aim::Map => made.push((Value::Null, self.value(&each.body)?)),
                Aim::MapEntries => made.push((index, self.value(&each.body)?)),
                Aim::SortBy => made.push((self.value(&each.body)?, item)),
            }
        }
        if let Some(error) = failed {
            return Err(error);
        }
        self.metered(node, |meter| meter.make_items(made.len().saturating_mul(2)))?;
        match each.aim {
            Aim::All => Ok(Value::Bool(true)),
            Aim::Exists => Ok(Value::Bool(false)),
            Aim::ExistsOne => Ok(Value::Bool(held == 1)),
            Aim::Filter | Aim::Map => Ok(Value::List(made.into_iter().map(|(_, item)| item).collect())),
            Aim::MapEntries => Ok(Value::map(made.into_iter().filter_map(|(key, item)| match key {
                Value::Text(key) => Some((key, item)),
                _ => None,
            }))),
            Aim::SortBy => self.metered(node, |meter| sort_by(made, meter)),
        }
    }
}
