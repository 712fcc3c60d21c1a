// SPDX-License-Identifier: MIT OR Apache-2.0
//! What functions of expressions do with numbers, and how numbers are calculated with.
//!
//! JSON has one type of numbers, so an integer and a number with a fraction may be added here, which CEL refuses: the result
//! has a fraction too. Two integers give an integer, or an error if it has more than 64 bits.

use std::cmp::Ordering;

use super::meter::{Fault, Meter};
use super::syntax::Operator;
use super::types::Kinds;
use super::value::Value;

type Result = std::result::Result<Value, Fault>;

fn first(arguments: &[Value]) -> std::result::Result<&Value, Fault> {
    arguments.first().ok_or(Fault::Kind { argument: 0, wanted: Kinds::NUMBER })
}

fn refused<T>() -> std::result::Result<T, Fault> {
    Err(Fault::Kind { argument: 0, wanted: Kinds::NUMBER })
}

fn as_double(value: &Value) -> Option<f64> {
    match value {
        Value::Int(value) => Some(*value as f64),
        Value::Uint(value) => Some(*value as f64),
        Value::Double(value) => Some(*value),
        _ => None,
    }
}

/// Calculates with two numbers.
pub(super) fn calculate(operator: Operator, left: &Value, right: &Value) -> Result {
    let exact = match (left, right) {
        (Value::Int(left), Value::Int(right)) => integers(operator, *left, *right)?,
        (Value::Uint(left), Value::Uint(right)) => unsigned(operator, *left, *right)?,
        // A number of JSON is unsigned only because it is large.
        (Value::Int(left), Value::Uint(right)) => wide(operator, i128::from(*left), i128::from(*right))?,
        (Value::Uint(left), Value::Int(right)) => wide(operator, i128::from(*left), i128::from(*right))?,
        (left, right) => {
            let wanted = |argument| Fault::Kind { argument, wanted: Kinds::NUMBER };
            let left = as_double(left).ok_or_else(|| wanted(0))?;
            let right = as_double(right).ok_or_else(|| wanted(1))?;
            return match operator {
                Operator::Add => Ok(Value::Double(left + right)),
                Operator::Subtract => Ok(Value::Double(left - right)),
                Operator::Multiply => Ok(Value::Double(left * right)),
                Operator::Divide => Ok(Value::Double(left / right)),
                Operator::Remainder => {
                    Err(Fault::Arithmetic("`%` takes integers; one is a number with a fraction".to_owned()))
                }
                _ => refused(),
            };
        }
    };
    exact.ok_or_else(|| Fault::Arithmetic(format!("the result of `{}` has more than 64 bits", operator.sign())))
}

fn by_zero(operator: Operator) -> Fault {
    let what = if operator == Operator::Divide { "division" } else { "remainder" };
    Fault::Arithmetic(format!("{what} by zero; ask before whether it is zero"))
}

/// Calculates with integers of one type; `None` is a result that the type cannot hold.
macro_rules! calculated {
    ($operator:expr, $left:expr, $right:expr) => {
        match $operator {
            Operator::Divide | Operator::Remainder if $right == 0 => return Err(by_zero($operator)),
            Operator::Add => $left.checked_add($right),
            Operator::Subtract => $left.checked_sub($right),
            Operator::Multiply => $left.checked_mul($right),
            Operator::Divide => $left.checked_div($right),
            Operator::Remainder => $left.checked_rem($right),
            _ => None,
        }
    };
}

fn integers(operator: Operator, left: i64, right: i64) -> std::result::Result<Option<Value>, Fault> {
    let result = calculated!(operator, left, right);
    Ok(result.map(Value::Int))
}

fn unsigned(operator: Operator, left: u64, right: u64) -> std::result::Result<Option<Value>, Fault> {
    let result = calculated!(operator, left, right);
    Ok(result.map(Value::Uint))
}

fn wide(operator: Operator, left: i128, right: i128) -> std::result::Result<Option<Value>, Fault> {
    let result = calculated!(operator, left, right);
    Ok(result.and_then(|value| {
        let signed = i64::try_from(value).ok().map(Value::Int);
        signed.or_else(|| u64::try_from(value).ok().map(Value::Uint))
    }))
}

pub(super) fn negate(value: &Value) -> Result {
    match value {
        Value::Double(value) => Ok(Value::Double(-value)),
        value => calculate(Operator::Subtract, &Value::Int(0), value),
    }
}

pub(super) fn int(arguments: &[Value], _: &mut Meter) -> Result {
    let value = first(arguments)?;
    let found = match value {
        Value::Int(value) => Some(*value),
        Value::Uint(value) => i64::try_from(*value).ok(),
        // Beyond 2^63 it is no integer of 64 bits; what is within is cut to one.
        Value::Double(value) if value.abs() < 9_223_372_036_854_775_808.0 => Some(*value as i64),
        Value::Text(text) => text.parse().ok(),
        Value::Double(_) => None,
        _ => return refused(),
    };
    found.map(Value::Int).ok_or_else(|| not_a(value, "an integer"))
}

pub(super) fn uint(arguments: &[Value], _: &mut Meter) -> Result {
    let value = first(arguments)?;
    let found = match value {
        Value::Int(value) => u64::try_from(*value).ok(),
        Value::Uint(value) => Some(*value),
        Value::Double(value) if *value > -1.0 && *value < 18_446_744_073_709_551_616.0 => Some(*value as u64),
        Value::Text(text) => text.parse().ok(),
        Value::Double(_) => None,
        _ => return refused(),
    };
    found.map(Value::Uint).ok_or_else(|| not_a(value, "an unsigned integer"))
}

pub(super) fn double(arguments: &[Value], _: &mut Meter) -> Result {
    let value = first(arguments)?;
    let found = match value {
        Value::Text(text) => text.parse().ok(),
        value if value.is_number() => as_double(value),
        _ => return refused(),
    };
    found.map(Value::Double).ok_or_else(|| not_a(value, "a number"))
}

pub(super) fn bool(arguments: &[Value], _: &mut Meter) -> Result {
    match first(arguments)? {
        Value::Bool(value) => Ok(Value::Bool(*value)),
        Value::Text(text) if matches!(&**text, "true" | "True" | "TRUE" | "t" | "1") => Ok(Value::Bool(true)),
        Value::Text(text) if matches!(&**text, "false" | "False" | "FALSE" | "f" | "0") => Ok(Value::Bool(false)),
        value => Err(not_a(value, "a bool")),
    }
}

/// Says that a value cannot be turned into something, and shows the value.
fn not_a(value: &Value, what: &str) -> Fault {
    let shown: String = match value {
        Value::Text(text) => format!("{:?}", text.chars().take(40).collect::<String>()),
        value => as_double(value).map(|value| value.to_string()).unwrap_or_default(),
    };
    Fault::Arithmetic(format!("{shown} is not {what}"))
}

fn extreme(arguments: &[Value], wanted: Ordering, meter: &mut Meter) -> Result {
    let items = match arguments {
        [Value::List(items)] => items,
        items => items,
    };
    meter.spend(items.len())?;
    let Some(mut best) = items.first() else {
        return Err(Fault::Arithmetic("an empty list has no such number; ask before for its size".to_owned()));
    };
    for (argument, item) in items.iter().enumerate() {
        if !item.is_number() {
            return match arguments {
                [Value::List(_)] => Err(Fault::Arithmetic(format!("one item is no number but {}", item.kind()))),
                _ => Err(Fault::Kind { argument, wanted: Kinds::NUMBER }),
            };
        }
        if item.compare_numbers(best) == Some(wanted) {
            best = item;
        }
    }
    Ok(best.clone())
}

pub(super) fn greatest(arguments: &[Value], meter: &mut Meter) -> Result {
    extreme(arguments, Ordering::Greater, meter)
}

pub(super) fn least(arguments: &[Value], meter: &mut Meter) -> Result {
    extreme(arguments, Ordering::Less, meter)
}

pub(super) fn sum(arguments: &[Value], meter: &mut Meter) -> Result {
    let Value::List(items) = first(arguments)? else { return Err(Fault::Kind { argument: 0, wanted: Kinds::LIST }) };
    meter.spend(items.len())?;
    items.iter().try_fold(Value::Int(0), |sum, item| {
        if !item.is_number() {
            return Err(Fault::Arithmetic(format!("one item is no number but {}", item.kind())));
        }
        calculate(Operator::Add, &sum, item)
    })
}

pub(super) fn abs(arguments: &[Value], _: &mut Meter) -> Result {
    match first(arguments)? {
        Value::Int(value) if *value < 0 => negate(&Value::Int(*value)),
        Value::Double(value) => Ok(Value::Double(value.abs())),
        value => Ok(value.clone()),
    }
}

pub(super) fn sign(arguments: &[Value], _: &mut Meter) -> Result {
    match first(arguments)? {
        Value::Int(value) => Ok(Value::Int(value.signum())),
        Value::Uint(value) => Ok(Value::Uint((*value).min(1))),
        Value::Double(value) if *value == 0.0 || value.is_nan() => Ok(Value::Double(*value)),
        Value::Double(value) => Ok(Value::Double(value.signum())),
        _ => refused(),
    }
}

/// Rounds a number; an integer is round.
fn rounded(arguments: &[Value], round: impl Fn(f64) -> f64) -> Result {
    match first(arguments)? {
        Value::Double(value) => Ok(Value::Double(round(*value))),
        value => Ok(value.clone()),
    }
}

pub(super) fn ceil(arguments: &[Value], _: &mut Meter) -> Result {
    rounded(arguments, f64::ceil)
}

pub(super) fn floor(arguments: &[Value], _: &mut Meter) -> Result {
    rounded(arguments, f64::floor)
}

pub(super) fn round(arguments: &[Value], _: &mut Meter) -> Result {
    rounded(arguments, f64::round)
}

pub(super) fn trunc(arguments: &[Value], _: &mut Meter) -> Result {
    rounded(arguments, f64::trunc)
}

fn asked(arguments: &[Value], ask: impl Fn(f64) -> bool) -> Result {
    as_double(first(arguments)?).map_or_else(refused, |value| Ok(Value::Bool(ask(value))))
}

pub(super) fn sqrt(arguments: &[Value], _: &mut Meter) -> Result {
    as_double(first(arguments)?).map_or_else(refused, |value| Ok(Value::Double(value.sqrt())))
}

pub(super) fn is_nan(arguments: &[Value], _: &mut Meter) -> Result {
    asked(arguments, f64::is_nan)
}

pub(super) fn is_infinite(arguments: &[Value], _: &mut Meter) -> Result {
    asked(arguments, f64::is_infinite)
}

pub(super) fn is_finite(arguments: &[Value], _: &mut Meter) -> Result {
    asked(arguments, f64::is_finite)
}
