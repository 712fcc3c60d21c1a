// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is to be judged, and how a model is shown it.

use std::collections::BTreeSet;

use priory_sdk::Failure;
use priory_sdk::context::Window;
use priory_sdk::outside::Outside;
use priory_sdk::think::material::shown;
use serde_json::Value;

use crate::verdict::SCORE_MAX;

/// How many candidates are judged at once: each has a letter, and a model loses sight of more.
const CANDIDATES_MAX: usize = 26;
/// How many criteria there may be.
const CRITERIA_MAX: usize = 16;
/// Tokens of a candidate that are shown at least.
const CANDIDATE_TOKENS_LEAST: u64 = 200;
/// By what candidates are judged where nobody says it.
const CRITERIA: [(&str, &str); 3] = [
    ("correct", "What it says is true, and follows from what it was made of"),
    ("complete", "It does all that the task asks for"),
    ("clear", "It is easy to understand and to use, and says nothing that is not needed"),
];

/// What is to be judged.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Case {
    pub(crate) task: Option<Value>,
    pub(crate) candidates: Vec<(String, Value)>,
    pub(crate) criteria: Vec<Criterion>,
}

/// By what it is judged.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Criterion {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) weight: f64,
}

impl Case {
    /// Reads the input; `named` are the criteria where it has none.
    pub(crate) fn read(mut input: Value, named: Option<Vec<String>>) -> Result<Self, Failure> {
        let candidates = candidates(input.get_mut("candidates").map(Value::take).unwrap_or_default())?;
        let criteria: Vec<Criterion> = match input.get_mut("criteria").map(Value::take) {
            Some(Value::Array(list)) if !list.is_empty() => {
                list.into_iter().map(criterion).collect::<Result<_, _>>()?
            }
            None | Some(Value::Null | Value::Array(_)) => match named.filter(|named| !named.is_empty()) {
                Some(named) => named.into_iter().map(|name| Criterion::new(name, "")).collect(),
                None => CRITERIA.iter().map(|(name, description)| Criterion::new(*name, *description)).collect(),
            },
            Some(_) => return Err(Failure::invalid("task of the judge", "/criteria", "a list is expected")),
        };
        let most = |what: &str, found: usize, most: usize| match found > most {
            true => {
                Err(Failure::invalid("task of the judge", format!("/{what}"), format!("at most {most} can be judged")))
            }
            false => Ok(()),
        };
        most("candidates", candidates.len(), CANDIDATES_MAX)?;
        most("criteria", criteria.len(), CRITERIA_MAX)?;
        unique("candidates", candidates.iter().map(|(name, _)| name.as_str()))?;
        unique("criteria", criteria.iter().map(|criterion: &Criterion| criterion.name.as_str()))?;
        let task = input.get_mut("task").map(Value::take).filter(|task| !task.is_null());
        Ok(Self { task, candidates, criteria })
    }

    /// Writes what a model is shown: the candidates in an order, each under a letter.
    pub(crate) fn shown(
        &self,
        outside: &dyn Outside,
        window: &mut Window,
        order: &[usize],
        feedback: Option<&str>,
    ) -> String {
        let mut words = String::new();
        if let Some(task) = &self.task {
            words.push_str(&format!("# The task\n\n{}\n\n", shown(task)));
        }
        words.push_str(&format!("# The criteria, each from 0 to {SCORE_MAX}\n"));
        for criterion in &self.criteria {
            words.push_str(&format!("\n- `{}`: {}", criterion.name, criterion.description));
        }
        if let Some(feedback) = feedback {
            words.push_str(&format!("\n\nAn earlier verdict was refused: {feedback}"));
        }
        // Half of the room is for all of them together, the other for what stands around.
        let share = window.budgets().pinned / 2 / self.candidates.len().max(1) as u64;
        words.push_str("\n\n# The candidates\n");
        for (place, candidate) in order.iter().enumerate() {
            let Some((_, output)) = self.candidates.get(*candidate) else { continue };
            let output = window.shortened(outside, &shown(output), share.max(CANDIDATE_TOKENS_LEAST));
            words.push_str(&format!("\n## Candidate {}\n\n<candidate>\n{output}\n</candidate>\n", letter(place)));
        }
        words
    }
}

impl Criterion {
    fn new(name: impl Into<String>, description: impl Into<String>) -> Self {
        Self { name: name.into(), description: description.into(), weight: 1.0 }
    }
}

/// Returns the letter of a place.
pub(crate) fn letter(place: usize) -> char {
    u8::try_from(place).ok().filter(|place| *place < 26).map_or('?', |place| char::from(b'A' + place))
}

fn candidates(value: Value) -> Result<Vec<(String, Value)>, Failure> {
    let candidates: Vec<(String, Value)> = match value {
        Value::Object(fields) => fields.into_iter().collect(),
        Value::Array(list) => list.into_iter().enumerate().map(|(place, one)| named(place, one)).collect(),
        _ => Vec::new(),
    };
    if candidates.is_empty() {
        let reason = "a list of candidates is expected, such as [{\"name\": \"a\", \"output\": \"…\"}]";
        return Err(Failure::invalid("task of the judge", "/candidates", reason));
    }
    Ok(candidates)
}

/// Takes a candidate by its name, or by its place where it has none.
fn named(place: usize, value: Value) -> (String, Value) {
    match value {
        Value::Object(mut fields)
            if fields.contains_key("output") && fields.get("name").is_some_and(Value::is_string) =>
        {
            let name = fields.remove("name").and_then(|name| name.as_str().map(str::to_owned));
            (name.unwrap_or_default(), fields.remove("output").unwrap_or_default())
        }
        value => ((place + 1).to_string(), value),
    }
}

fn criterion(value: Value) -> Result<Criterion, Failure> {
    let text = |field: &str| value.get(field).and_then(Value::as_str);
    let criterion = match &value {
        Value::String(name) => Criterion::new(name, ""),
        _ => {
            let weight = value.get("weight").and_then(Value::as_f64).unwrap_or(1.0);
            let description = text("description").unwrap_or_default();
            Criterion { weight, ..Criterion::new(text("name").unwrap_or_default(), description) }
        }
    };
    let is_weight = criterion.weight.is_finite() && criterion.weight >= 0.0;
    if criterion.name.is_empty() || criterion.name == "total" || !is_weight {
        let reason = "a criterion is a text, or has a `name` other than `total` and a `weight` of at least 0";
        return Err(Failure::invalid("task of the judge", "/criteria", reason));
    }
    Ok(criterion)
}

fn unique<'a>(what: &str, mut names: impl Iterator<Item = &'a str>) -> Result<(), Failure> {
    let mut seen = BTreeSet::new();
    match names.find(|name| !seen.insert(*name)) {
        Some(name) => {
            Err(Failure::invalid("task of the judge", format!("/{what}"), format!("`{name}` is there twice")))
        }
        None => Ok(()),
    }
}
