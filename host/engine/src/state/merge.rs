// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a value that is written becomes one with what is there.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashSet};

use priory_core::Json;
use priory_core::state::Merge;
use serde_json::value::RawValue;

/// What a key holds, in the form that its rule needs.
#[derive(Debug)]
pub(super) enum Holding {
    /// One value; `None` before the first write.
    One { rule: Merge, value: Option<Json> },
    /// A list, as its elements, with the bytes of all of them.
    List { elements: Vec<Json>, bytes: u64, known: Option<HashSet<String>> },
}

/// What a write comes to.
pub(super) struct Merged {
    /// What whoever writes is told: the new value, or what was added to a list.
    pub(super) told: Json,
    /// How many bytes the whole value has then.
    pub(super) byte_len: u64,
}

/// Why a value does not fit the rule of its key.
type Unfit = String;

/// A number of JSON.
#[derive(Debug, Clone, Copy)]
enum Number {
    /// It fits 64 bits, with a sign or without.
    Whole(i128),
    Float(f64),
}

/// What can be compared.
enum Comparable {
    Number(Number),
    Text(String),
}

// === impl Holding ===

impl Holding {
    /// Makes what a key holds before its first write.
    pub(super) fn new(rule: Merge) -> Self {
        match rule {
            Merge::Append => Self::List { elements: Vec::new(), bytes: 0, known: None },
            Merge::Union => Self::List { elements: Vec::new(), bytes: 0, known: Some(HashSet::new()) },
            rule => Self::One { rule, value: None },
        }
    }

    /// Returns the value.
    pub(super) fn value(&self) -> Json {
        match self {
            Self::One { value, .. } => value.clone().unwrap_or_else(Json::null),
            Self::List { elements, .. } => list(elements),
        }
    }

    /// Returns how long the value is as a text.
    pub(super) fn byte_len(&self) -> u64 {
        match self {
            Self::One { value, .. } => value.as_ref().map_or(0, Json::byte_len),
            Self::List { elements, bytes, .. } => list_len(elements.len(), *bytes),
        }
    }

    /// Finds out what it becomes with a value that is written.
    pub(super) fn merged(&self, written: &Json) -> Result<Merged, Unfit> {
        match self {
            Self::One { rule, value } => {
                let told = one(*rule, value.as_ref(), written)?;
                Ok(Merged { byte_len: told.byte_len(), told })
            }
            Self::List { elements, bytes, known } => {
                let added = match known {
                    None => vec![written.clone()],
                    Some(known) => new_elements(known, written)?,
                };
                let count = elements.len().saturating_add(added.len());
                let bytes = added.iter().fold(*bytes, |sum, element| sum.saturating_add(element.byte_len()));
                Ok(Merged { told: list(&added), byte_len: list_len(count, bytes) })
            }
        }
    }

    /// Becomes what [`Holding::merged`] told.
    pub(super) fn take(&mut self, told: &Json) {
        match self {
            Self::One { value, .. } => *value = Some(told.clone()),
            Self::List { elements, bytes, known } => {
                // What was told is a list that this file wrote, or a journal that was verified.
                for element in elements_of(told).unwrap_or_default() {
                    *bytes = bytes.saturating_add(element.byte_len());
                    if let Some(known) = known {
                        known.insert(canonical(element.as_str()));
                    }
                    elements.push(element);
                }
            }
        }
    }
}

// === impl Number ===

impl Number {
    fn of(json: &Json) -> Result<Self, Unfit> {
        let text = json.as_str();
        if !text.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
            return Err(format!("a number is expected, and this is {}", kind(json)));
        }
        if text.contains(['.', 'e', 'E']) {
            let float = text.parse::<f64>().ok().filter(|float| float.is_finite());
            return float.map(Self::Float).ok_or_else(|| "a number of at most 64 bits is expected".to_owned());
        }
        text.parse::<i128>()
            .ok()
            .and_then(Self::whole)
            .ok_or_else(|| "an integer of at most 64 bits is expected".to_owned())
    }

    fn whole(number: i128) -> Option<Self> {
        (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&number).then_some(Self::Whole(number))
    }

    fn float(self) -> f64 {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "who mixes integers with floats asks for floats")]
            Self::Whole(number) => number as f64,
            Self::Float(float) => float,
        }
    }

    fn plus(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Whole(one), Self::Whole(other)) => Self::whole(one.checked_add(other)?),
            _ => Some(Self::Float(self.float() + other.float())).filter(|sum| sum.float().is_finite()),
        }
    }

    fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Whole(one), Self::Whole(other)) => one.cmp(&other),
            // Neither is NaN: JSON has none.
            _ => self.float().partial_cmp(&other.float()).unwrap_or(Ordering::Equal),
        }
    }

    fn json(self) -> Json {
        match self {
            Self::Whole(number) => Json::from_encoder(number.to_string()),
            Self::Float(float) => Json::from(serde_json::Value::from(float)),
        }
    }
}

// === impl Comparable ===

impl Comparable {
    fn of(json: &Json) -> Result<Self, Unfit> {
        match json.read::<String>() {
            Ok(text) => Ok(Self::Text(text)),
            Err(_) => Number::of(json).map(Self::Number).map_err(|why| match kind(json) {
                "a number" => why,
                kind => format!("a number or a string is expected, and this is {kind}"),
            }),
        }
    }

    fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Number(one), Self::Number(other)) => Some(one.compare(*other)),
            (Self::Text(one), Self::Text(other)) => Some(one.cmp(other)),
            _ => None,
        }
    }
}

/// Merges one value with another.
fn one(rule: Merge, held: Option<&Json>, written: &Json) -> Result<Json, Unfit> {
    match rule {
        Merge::Sum => {
            let number = Number::of(written)?;
            let Some(held) = held else { return Ok(number.json()) };
            let sum = Number::of(held)?.plus(number);
            sum.map(Number::json).ok_or_else(|| format!("{held} and {written} are more than 64 bits can hold"))
        }
        Merge::Max | Merge::Min => {
            let new = Comparable::of(written)?;
            let Some(held) = held else { return Ok(written.clone()) };
            let order = new.compare(&Comparable::of(held)?);
            let order = order
                .ok_or_else(|| format!("{} cannot be compared with {}, which is there", kind(written), kind(held)))?;
            let wins = if rule == Merge::Max { Ordering::Greater } else { Ordering::Less };
            Ok(if order == wins { written.clone() } else { held.clone() })
        }
        Merge::Last | Merge::Append | Merge::Union => Ok(written.clone()),
    }
}

/// Returns the elements that are not known yet, each once.
fn new_elements(known: &HashSet<String>, written: &Json) -> Result<Vec<Json>, Unfit> {
    let candidates = match elements_of(written) {
        Some(elements) => elements,
        None => vec![written.clone()],
    };
    let mut new = HashSet::new();
    let is_new = |element: &Json| {
        let canonical = canonical(element.as_str());
        !known.contains(&canonical) && new.insert(canonical)
    };
    Ok(candidates.into_iter().filter(is_new).collect())
}

/// Returns the elements of a list as they are written; `None` where it is none.
fn elements_of(list: &Json) -> Option<Vec<Json>> {
    if !list.as_str().starts_with('[') {
        return None;
    }
    list.read::<Vec<Json>>().ok()
}

fn list(elements: &[Json]) -> Json {
    let texts: Vec<&str> = elements.iter().map(Json::as_str).collect();
    Json::from_encoder(format!("[{}]", texts.join(",")))
}

/// Returns how long a list is that [`list`] writes.
fn list_len(count: usize, bytes: u64) -> u64 {
    bytes.saturating_add(count.saturating_sub(1) as u64).saturating_add(2)
}

/// Writes a JSON text so that equal values are equal texts: without white space, keys in order, strings in one form.
/// Numbers stay as they are written, so that no large one is rounded and taken for another: `1` and `1.0` are two.
fn canonical(text: &str) -> String {
    let text = text.trim_matches([' ', '\t', '\n', '\r']);
    // The text was checked before, and how deep it is nested too.
    let read = match text.as_bytes().first() {
        Some(b'{') => serde_json::from_str::<BTreeMap<String, &RawValue>>(text).map(|fields| {
            let field = |(name, value): (String, &RawValue)| format!("{name:?}:{}", canonical(value.get()));
            format!("{{{}}}", fields.into_iter().map(field).collect::<Vec<_>>().join(","))
        }),
        Some(b'[') => serde_json::from_str::<Vec<&RawValue>>(text).map(|elements| {
            format!("[{}]", elements.iter().map(|element| canonical(element.get())).collect::<Vec<_>>().join(","))
        }),
        Some(b'"') => serde_json::from_str::<String>(text).map(|text| format!("{text:?}")),
        _ => return text.to_owned(),
    };
    read.unwrap_or_else(|_| text.to_owned())
}

/// Says what kind of value it is.
fn kind(json: &Json) -> &'static str {
    match json.as_str().as_bytes().first() {
        Some(b'"') => "a string",
        Some(b'{') => "an object",
        Some(b'[') => "a list",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}
