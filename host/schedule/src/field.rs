// SPDX-License-Identifier: MIT OR Apache-2.0
//! Says which of the fields of a schedule is wrong, and what may have been meant.

use crate::{ScheduleError, TEXT_BYTES_MAX, parser};

/// What a field is called, and what may stand in it.
const FIELDS: [(&str, &str); 5] = [
    ("minute", "0 to 59"),
    ("hour", "0 to 23"),
    ("day of the month", "1 to 31, or `L` for the last"),
    ("month", "1 to 12, or JAN to DEC"),
    ("day of the week", "0 to 7 from Sunday to Sunday, or SUN to SAT"),
];

/// Words that stand for all five fields.
const WORDS: [&str; 6] = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@hourly"];

/// Tells whether a text has five fields, or is a word that stands for them.
pub(crate) fn has_form(text: &str) -> bool {
    let is_word = text.trim().starts_with('@');
    let form = if is_word { WORDS.contains(&text.trim()) } else { text.split_whitespace().count() == FIELDS.len() };
    form && text.len() <= TEXT_BYTES_MAX
}

/// Says what is wrong with a text that is no schedule.
pub(crate) fn wrong(text: &str) -> ScheduleError {
    let cut: String = text.chars().take(80).collect();
    let error = |reason: String, meant: Option<String>| ScheduleError::Fields { text: cut.clone(), reason, meant };
    if text.len() > TEXT_BYTES_MAX {
        return error(format!("it has {} bytes, and {TEXT_BYTES_MAX} are the most", text.len()), None);
    }
    if text.trim().starts_with('@') {
        return error(format!("the words are {}", WORDS.join(", ")), None);
    }
    let fields: Vec<&str> = text.split_whitespace().collect();
    if fields.len() != FIELDS.len() {
        let names: Vec<_> = FIELDS.iter().map(|(name, _)| *name).collect();
        let reason = format!("it has {} of the five fields: {}", fields.len(), names.join(", "));
        let reason = if fields.len() > FIELDS.len() { reason.replace(" of the", " fields, and not") } else { reason };
        // Six fields begin with seconds elsewhere.
        let meant = (fields.len() == 6).then(|| fields.iter().skip(1).copied().collect::<Vec<_>>().join(" "));
        return error(reason, meant.filter(|meant| parser().parse(meant).is_ok()));
    }
    for (at, ((name, range), field)) in FIELDS.iter().zip(&fields).enumerate() {
        if parses(at, field) {
            continue;
        }
        let meant = meant(at, &fields);
        return error(format!("`{field}` is no {name}, which is {range}"), meant);
    }
    error("the five fields do not go together".to_owned(), None)
}

/// Tells whether a field is right where the others say nothing.
fn parses(at: usize, field: &str) -> bool {
    let alone: Vec<&str> = (0..FIELDS.len()).map(|index| if index == at { field } else { "*" }).collect();
    parser().parse(&alone.join(" ")).is_ok()
}

/// Guesses what was meant where one field is wrong.
fn meant(at: usize, fields: &[&str]) -> Option<String> {
    let with = |index: usize, field: &str| {
        let changed = fields.iter().enumerate().map(|(i, old)| if i == index { field } else { old });
        Some(changed.collect::<Vec<_>>().join(" ")).filter(|text| parser().parse(text).is_ok())
    };
    let field = fields.get(at)?;
    // Whole names: three letters of each are the name here.
    let short = |part: &str| -> String {
        match part.len() > 3 && part.chars().all(|c| c.is_ascii_alphabetic()) {
            true => part.chars().take(3).collect::<String>().to_uppercase(),
            false => part.to_owned(),
        }
    };
    let shortened: Vec<String> =
        field.split(',').map(|list| list.split('-').map(short).collect::<Vec<_>>().join("-")).collect();
    // `0/15` is how others write `*/15`.
    let stepped = field.strip_prefix('0').filter(|rest| rest.starts_with('/')).map(|rest| format!("*{rest}"));
    // The hour in front of the minute.
    let swapped = match fields {
        [minute, hour, rest @ ..] if at <= 1 => Some([&[*hour, *minute], rest].concat().join(" ")),
        _ => None,
    };
    with(at, &shortened.join(","))
        .or_else(|| with(at, &stepped?))
        .or_else(|| swapped.filter(|text| parser().parse(text).is_ok()))
}
