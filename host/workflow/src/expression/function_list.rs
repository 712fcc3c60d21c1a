// SPDX-License-Identifier: MIT OR Apache-2.0
//! What functions of expressions do with lists.

use std::cmp::Ordering;
use std::sync::Arc;

use super::function_text::count;
use super::meter::{Fault, Meter};
use super::types::Kinds;
use super::value::Value;

type Result = std::result::Result<Value, Fault>;

/// How deep `flatten` goes; values are not nested more deeply.
const FLATTEN_DEPTH_MAX: i64 = 128;

fn items(arguments: &[Value], argument: usize) -> std::result::Result<&Arc<[Value]>, Fault> {
    match arguments.get(argument) {
        Some(Value::List(items)) => Ok(items),
        _ => Err(Fault::Kind { argument, wanted: Kinds::LIST }),
    }
}

pub(super) fn size(arguments: &[Value], meter: &mut Meter) -> Result {
    let size = match arguments.first() {
        Some(Value::Text(text)) => {
            meter.read(text.len())?;
            text.chars().count()
        }
        Some(Value::List(items)) => items.len(),
        Some(Value::Map(entries)) => entries.len(),
        _ => return Err(Fault::Kind { argument: 0, wanted: Kinds::TEXT.or(Kinds::LIST).or(Kinds::MAP) }),
    };
    Ok(Value::Int(i64::try_from(size).unwrap_or(i64::MAX)))
}

pub(super) fn dynamic(arguments: &[Value], _: &mut Meter) -> Result {
    Ok(arguments.first().cloned().unwrap_or_default())
}

pub(super) fn reverse(arguments: &[Value], meter: &mut Meter) -> Result {
    if let Some(Value::Text(text)) = arguments.first() {
        meter.make(text.len())?;
        return Ok(Value::Text(text.chars().rev().collect::<String>().into()));
    }
    let items = items(arguments, 0)?;
    meter.make_items(items.len())?;
    Ok(Value::List(items.iter().rev().cloned().collect()))
}

pub(super) fn slice(arguments: &[Value], meter: &mut Meter) -> Result {
    let items = items(arguments, 0)?;
    let (from, to) = (count(arguments, 1)?, count(arguments, 2)?);
    let range = usize::try_from(from).ok().zip(usize::try_from(to).ok());
    match range.and_then(|(from, to)| items.get(from..to)) {
        Some(part) => {
            meter.make_items(part.len())?;
            Ok(Value::List(part.into()))
        }
        None => Err(Fault::Arithmetic(format!("{from} to {to} is no part of a list of {} items", items.len()))),
    }
}

/// Orders two values of one kind, as far as values have an order.
pub(super) fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Text(left), Value::Text(right)) => Some(left.cmp(right)),
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (left, right) => left.compare_numbers(right),
    }
}

/// Sorts items by keys; items whose keys are equal stay in their order.
pub(super) fn sort_by(mut pairs: Vec<(Value, Value)>, meter: &mut Meter) -> Result {
    // Comparing takes as many steps for each item as its place has bits.
    meter.spend(pairs.len().saturating_mul(usize::BITS as usize / 4))?;
    let first = pairs.first().map(|(key, _)| key.clone()).unwrap_or_default();
    for (key, _) in &pairs {
        if let Value::Text(text) = key {
            meter.read(text.len())?;
        }
        if pairs.len() > 1 && order(&first, key).is_none() {
            let message = format!("{} and {} have no order", first.kind(), key.kind());
            return Err(Fault::Arithmetic(message));
        }
    }
    // All are of the first one's kind and none is NaN, so each two have an order.
    pairs.sort_by(|(left, _), (right, _)| order(left, right).unwrap_or(Ordering::Equal));
    meter.make_items(pairs.len())?;
    Ok(Value::List(pairs.into_iter().map(|(_, item)| item).collect()))
}

pub(super) fn sort(arguments: &[Value], meter: &mut Meter) -> Result {
    let items = items(arguments, 0)?;
    meter.make_items(items.len().saturating_mul(2))?;
    sort_by(items.iter().map(|item| (item.clone(), item.clone())).collect(), meter)
}

fn has(items: &[Value], wanted: &Value, meter: &mut Meter) -> std::result::Result<bool, Fault> {
    for item in items {
        if meter.equals(item, wanted)? {
            return Ok(true);
        }
    }
    Ok(false)
}

pub(super) fn distinct(arguments: &[Value], meter: &mut Meter) -> Result {
    let mut kept: Vec<Value> = Vec::new();
    for item in items(arguments, 0)?.iter() {
        if !has(&kept, item, meter)? {
            meter.make_items(1)?;
            kept.push(item.clone());
        }
    }
    Ok(Value::list(kept))
}

pub(super) fn flatten(arguments: &[Value], meter: &mut Meter) -> Result {
    let depth = if arguments.len() > 1 { count(arguments, 1)? } else { 1 };
    if !(0..=FLATTEN_DEPTH_MAX).contains(&depth) {
        return Err(Fault::Arithmetic(format!("`flatten` goes 0 to {FLATTEN_DEPTH_MAX} deep, and not {depth}")));
    }
    let mut flat = Vec::new();
    add_flat(items(arguments, 0)?, depth, &mut flat, meter)?;
    Ok(Value::list(flat))
}

fn add_flat(items: &[Value], depth: i64, flat: &mut Vec<Value>, meter: &mut Meter) -> std::result::Result<(), Fault> {
    for item in items {
        match item {
            Value::List(inner) if depth > 0 => {
                meter.spend(1)?;
                add_flat(inner, depth.saturating_sub(1), flat, meter)?;
            }
            item => {
                meter.make_items(1)?;
                flat.push(item.clone());
            }
        }
    }
    Ok(())
}

pub(super) fn range(arguments: &[Value], meter: &mut Meter) -> Result {
    let end = count(arguments, 0)?.max(0);
    meter.make_items(usize::try_from(end).unwrap_or(usize::MAX))?;
    meter.spend(usize::try_from(end).unwrap_or(usize::MAX))?;
    Ok(Value::List((0..end).map(Value::Int).collect()))
}

pub(super) fn set_contains(arguments: &[Value], meter: &mut Meter) -> Result {
    let (all, some) = (items(arguments, 0)?, items(arguments, 1)?);
    for item in some.iter() {
        if !has(all, item, meter)? {
            return Ok(Value::Bool(false));
        }
    }
    Ok(Value::Bool(true))
}

pub(super) fn set_intersects(arguments: &[Value], meter: &mut Meter) -> Result {
    let (left, right) = (items(arguments, 0)?, items(arguments, 1)?);
    for item in right.iter() {
        if has(left, item, meter)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}
