// SPDX-License-Identifier: MIT OR Apache-2.0
//! What functions of expressions do with texts.
//!
//! Places in a text are counted in letters, as CEL counts them.

use std::sync::Arc;

use super::meter::{Fault, Meter};
use super::pattern::pattern;
use super::types::Kinds;
use super::value::{VALUE_BYTES_MAX, Value};

type Result = std::result::Result<Value, Fault>;

/// How many steps it takes to compile a pattern that is not known before; it is the dearest thing to do by far.
const PATTERN_STEPS: usize = 10_000;

fn text(arguments: &[Value], argument: usize) -> std::result::Result<&Arc<str>, Fault> {
    match arguments.get(argument) {
        Some(Value::Text(text)) => Ok(text),
        _ => Err(Fault::Kind { argument, wanted: Kinds::TEXT }),
    }
}

/// Returns an argument that counts letters or items.
pub(super) fn count(arguments: &[Value], argument: usize) -> std::result::Result<i64, Fault> {
    let whole = |value: f64| (value.fract() == 0.0 && value.abs() < 9e15).then_some(value as i64);
    let count = match arguments.get(argument) {
        Some(Value::Int(value)) => Some(*value),
        Some(Value::Uint(value)) => i64::try_from(*value).ok(),
        Some(Value::Double(value)) => whole(*value),
        _ => return Err(Fault::Kind { argument, wanted: Kinds::NUMBER }),
    };
    count.ok_or_else(|| Fault::Arithmetic("a place must be an integer".to_owned()))
}

/// Returns the byte at which a letter begins; the one behind the last is the end.
fn place(text: &str, letter: i64) -> std::result::Result<usize, Fault> {
    let found = usize::try_from(letter)
        .ok()
        .and_then(|letter| text.char_indices().map(|(byte, _)| byte).chain([text.len()]).nth(letter));
    found.ok_or_else(|| Fault::Arithmetic(format!("there is no letter {letter} in a text of {}", text.chars().count())))
}

fn both<'a>(arguments: &'a [Value], meter: &mut Meter) -> std::result::Result<(&'a str, &'a str), Fault> {
    let (whole, part) = (text(arguments, 0)?, text(arguments, 1)?);
    meter.read(whole.len().saturating_add(part.len()))?;
    Ok((whole, part))
}

fn made(meter: &mut Meter, text: &str) -> Result {
    meter.make(text.len())?;
    Ok(Value::text(text))
}

pub(super) fn contains(arguments: &[Value], meter: &mut Meter) -> Result {
    both(arguments, meter).map(|(whole, part)| Value::Bool(whole.contains(part)))
}

pub(super) fn starts_with(arguments: &[Value], meter: &mut Meter) -> Result {
    both(arguments, meter).map(|(whole, part)| Value::Bool(whole.starts_with(part)))
}

pub(super) fn ends_with(arguments: &[Value], meter: &mut Meter) -> Result {
    both(arguments, meter).map(|(whole, part)| Value::Bool(whole.ends_with(part)))
}

pub(super) fn matches(arguments: &[Value], meter: &mut Meter) -> Result {
    meter.spend(PATTERN_STEPS)?;
    let pattern = pattern(text(arguments, 1)?).map_err(Fault::Arithmetic)?;
    matches_compiled(text(arguments, 0)?, &pattern, meter).map(Value::Bool)
}

/// Looks for a pattern that was compiled before.
pub(super) fn matches_compiled(
    whole: &str,
    pattern: &regex::Regex,
    meter: &mut Meter,
) -> std::result::Result<bool, Fault> {
    // A pattern takes far longer over a byte than a comparison does.
    meter.spend(whole.len().saturating_add(1))?;
    Ok(pattern.is_match(whole))
}

pub(super) fn lower_ascii(arguments: &[Value], meter: &mut Meter) -> Result {
    made(meter, &text(arguments, 0)?.to_ascii_lowercase())
}

pub(super) fn upper_ascii(arguments: &[Value], meter: &mut Meter) -> Result {
    made(meter, &text(arguments, 0)?.to_ascii_uppercase())
}

pub(super) fn trim(arguments: &[Value], meter: &mut Meter) -> Result {
    made(meter, text(arguments, 0)?.trim())
}

pub(super) fn char_at(arguments: &[Value], meter: &mut Meter) -> Result {
    let (text, letter) = (text(arguments, 0)?, count(arguments, 1)?);
    meter.read(text.len())?;
    let from = place(text, letter)?;
    made(meter, text.get(from..).and_then(|rest| rest.get(..rest.chars().next()?.len_utf8())).unwrap_or_default())
}

pub(super) fn substring(arguments: &[Value], meter: &mut Meter) -> Result {
    let text = text(arguments, 0)?;
    meter.read(text.len().saturating_mul(2))?;
    let from = place(text, count(arguments, 1)?)?;
    let to = match arguments.len() {
        0..=2 => text.len(),
        _ => place(text, count(arguments, 2)?)?,
    };
    match text.get(from..to) {
        Some(part) => made(meter, part),
        None => Err(Fault::Arithmetic("the part ends before it begins".to_owned())),
    }
}

fn letters_before(text: &str, byte: Option<usize>) -> Result {
    let letters = byte.and_then(|byte| text.get(..byte)).map(|before| before.chars().count());
    Ok(Value::Int(letters.and_then(|letters| i64::try_from(letters).ok()).unwrap_or(-1)))
}

pub(super) fn index_of(arguments: &[Value], meter: &mut Meter) -> Result {
    let (whole, part) = both(arguments, meter)?;
    let from = if arguments.len() > 2 { place(whole, count(arguments, 2)?)? } else { 0 };
    let found = whole.get(from..).and_then(|rest| rest.find(part));
    letters_before(whole, found.map(|found| found.saturating_add(from)))
}

pub(super) fn last_index_of(arguments: &[Value], meter: &mut Meter) -> Result {
    let (whole, part) = both(arguments, meter)?;
    letters_before(whole, whole.rfind(part))
}

pub(super) fn replace(arguments: &[Value], meter: &mut Meter) -> Result {
    let (whole, part) = both(arguments, meter)?;
    let by = text(arguments, 2)?;
    let most = match arguments.len() {
        0..=3 => usize::MAX,
        // Below zero means all.
        _ => usize::try_from(count(arguments, 3)?).unwrap_or(usize::MAX),
    };
    let times = whole.matches(part).take(most).count();
    meter.make(whole.len().saturating_add(times.saturating_mul(by.len())))?;
    Ok(Value::Text(whole.replacen(part, by, times).into()))
}

pub(super) fn split(arguments: &[Value], meter: &mut Meter) -> Result {
    let (whole, by) = both(arguments, meter)?;
    let most = match arguments.len() {
        0..=2 => usize::MAX,
        _ => usize::try_from(count(arguments, 2)?).unwrap_or(usize::MAX),
    };
    // An empty separator is between all letters, and not before the first or behind the last.
    let letters = || whole.char_indices().map(|(at, letter)| whole.get(at..at.saturating_add(letter.len_utf8())));
    let parts = if by.is_empty() { letters().count() } else { whole.split(by).count() };
    // Each part has memory of its own.
    meter.make_items(parts.min(most).saturating_mul(3))?;
    meter.make(whole.len())?;
    let items = match (most, by.is_empty()) {
        (0, _) => Vec::new(),
        (most, true) if most >= parts => letters().flatten().map(Value::text).collect(),
        (most, true) => {
            let before = most.saturating_sub(1);
            let rest: String = whole.chars().skip(before).collect();
            letters().take(before).flatten().map(Value::text).chain([Value::Text(rest.into())]).collect()
        }
        (most, false) => whole.splitn(most, by).map(Value::text).collect(),
    };
    Ok(Value::list(items))
}

pub(super) fn join(arguments: &[Value], meter: &mut Meter) -> Result {
    let Some(Value::List(items)) = arguments.first() else {
        return Err(Fault::Kind { argument: 0, wanted: Kinds::LIST });
    };
    let between = if arguments.len() > 1 { text(arguments, 1)? } else { "" };
    let mut parts = Vec::with_capacity(items.len());
    let mut bytes = 0usize;
    for item in items.iter() {
        let Value::Text(part) = item else {
            let message = format!("`join` takes a list of texts, and one item is {}", item.kind());
            return Err(Fault::Arithmetic(message));
        };
        bytes = bytes.saturating_add(part.len()).saturating_add(between.len());
        parts.push(&**part);
    }
    meter.make(bytes)?;
    meter.spend(parts.len())?;
    Ok(Value::Text(parts.join(between).into()))
}

pub(super) fn string(arguments: &[Value], meter: &mut Meter) -> Result {
    match arguments.first() {
        Some(Value::Text(text)) => Ok(Value::Text(Arc::clone(text))),
        Some(Value::Bool(value)) => made(meter, &value.to_string()),
        Some(Value::Int(value)) => made(meter, &value.to_string()),
        Some(Value::Uint(value)) => made(meter, &value.to_string()),
        Some(Value::Double(value)) => made(meter, &value.to_string()),
        _ => Err(Fault::Kind { argument: 0, wanted: Kinds::TEXT.or(Kinds::NUMBER).or(Kinds::BOOL) }),
    }
}

pub(super) fn type_name(arguments: &[Value], _: &mut Meter) -> Result {
    Ok(Value::text(match arguments.first() {
        Some(Value::Bool(_)) => "bool",
        Some(Value::Int(_)) => "int",
        Some(Value::Uint(_)) => "uint",
        Some(Value::Double(_)) => "double",
        Some(Value::Text(_)) => "string",
        Some(Value::List(_)) => "list",
        Some(Value::Map(_)) => "map",
        Some(Value::Null) | None => "null_type",
    }))
}

pub(super) fn json_encode(arguments: &[Value], meter: &mut Meter) -> Result {
    let value = arguments.first().cloned().unwrap_or_default();
    let bytes = value.measure().map_err(|error| Fault::Limit(format!("encodes too much: {error}")))?;
    // A letter may take six times as much where it is written as a number.
    meter.make(bytes)?;
    meter.spend(bytes / 8)?;
    match serde_json::to_string(&value) {
        Ok(text) => {
            meter.make(text.len())?;
            Ok(Value::Text(text.into()))
        }
        Err(error) => Err(Fault::Arithmetic(error.to_string())),
    }
}

pub(super) fn json_decode(arguments: &[Value], meter: &mut Meter) -> Result {
    let text = text(arguments, 0)?;
    if text.len() > VALUE_BYTES_MAX {
        return Err(Fault::Limit(format!("decodes a text of more than {VALUE_BYTES_MAX} bytes")));
    }
    // Two bytes of text may be an item.
    meter.make(text.len())?;
    meter.spend(text.len() / 2)?;
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(json) => Ok(Value::from(&json)),
        Err(error) => Err(Fault::Arithmetic(format!("the text is no JSON: {error}"))),
    }
}
