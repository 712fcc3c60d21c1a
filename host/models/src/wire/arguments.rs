// SPDX-License-Identifier: MIT OR Apache-2.0
//! Arguments of calls as models write them, and as they were meant.
//!
//! What can only mean one thing is repaired: nothing at all, a code fence around the JSON, JSON inside a JSON string, a comma
//! too many, Python's names of constants, line breaks inside of strings, closing brackets that are missing although the
//! answer had room for them. Everything else is kept as the text that it is, with a word to the model about what is wrong.
//! Whether the arguments fit the schema of the tool is not decided here.

use priory_core::json::{DEPTH_MAX, Json, JsonError};

/// How long a text may be that is repaired, in bytes. A longer one is taken as it is: what is wrong with it is not a slip.
const REPAIRED_BYTES_MAX: usize = 256 << 10;
/// How often JSON may stand inside a JSON string.
const WRAPPED_MAX: usize = 2;

/// Returns the arguments, and what is wrong with them in words for the model. `is_cut` says that the answer came to its
/// length, so that whatever is missing was perhaps not all that was to come.
pub(crate) fn read(text: &str, is_cut: bool) -> (Json, Option<String>) {
    let trimmed = text.trim();
    if matches!(trimmed, "" | "null") {
        return match is_cut && trimmed.is_empty() {
            true => (written(text), Some(CUT.to_owned())),
            false => (empty(), None),
        };
    }
    match understood(trimmed, is_cut) {
        Ok(json) => (json, None),
        Err(problem) => (written(text), Some(problem)),
    }
}

/// What a model is told whose answer ended within its arguments.
const CUT: &str = "the answer came to its length before the arguments were whole; write less, or in several calls";

fn understood(text: &str, is_cut: bool) -> Result<Json, String> {
    let mut text = without_fence(text).to_owned();
    for _ in 0..=WRAPPED_MAX {
        let json = match Json::parse(&text) {
            Ok(json) => json,
            Err(error) => mended(&text, is_cut, &error)?,
        };
        let inner = match json.as_str().bytes().next() {
            Some(b'{') => return Ok(json),
            Some(b'"') => json.read::<String>().unwrap_or_default(),
            _ => break,
        };
        match without_fence(inner.trim()) {
            "" => return Ok(empty()),
            inner => inner.clone_into(&mut text),
        }
    }
    Err("the arguments have to be one JSON object".to_owned())
}

/// Reads a text that is no JSON as the only JSON that it can mean.
fn mended(text: &str, is_cut: bool, error: &JsonError) -> Result<Json, String> {
    let problem = || match is_cut {
        true => CUT.to_owned(),
        false => format!("the arguments are {error}; write one JSON object"),
    };
    if text.len() > REPAIRED_BYTES_MAX || *error == JsonError::ReservedKey {
        return Err(problem());
    }
    let mended = Mending::of(text).filter(|mending| mending.missing == 0 || !is_cut).ok_or_else(problem)?;
    Json::parse(&mended.out).map_err(|_| problem())
}

/// A text that is read character by character, and written down as it was meant.
#[derive(Default)]
struct Mending {
    out: String,
    /// The brackets that are open, each as the one that closes it.
    open: Vec<char>,
    /// How many closing brackets had to be added.
    missing: usize,
}

// === impl Mending ===

impl Mending {
    /// Mends a text; `None` where it can mean more than one thing.
    fn of(text: &str) -> Option<Self> {
        let mut this = Self { out: String::with_capacity(text.len() + 8), ..Self::default() };
        let mut rest = text;
        while let Some(char) = rest.chars().next() {
            let taken = match char {
                '"' => this.string(rest)?,
                '{' | '[' => this.begin(char)?,
                '}' | ']' => this.end(char)?,
                char if char.is_alphabetic() => this.word(rest),
                char => {
                    this.out.push(char);
                    char.len_utf8()
                }
            };
            rest = rest.get(taken..)?;
        }
        this.without_comma();
        while let Some(close) = this.open.pop() {
            this.without_comma();
            this.out.push(close);
            this.missing += 1;
        }
        Some(this)
    }

    /// Copies a string and returns its length; `None` where it does not end.
    fn string(&mut self, text: &str) -> Option<usize> {
        self.out.push('"');
        let mut is_escaped = false;
        for (at, char) in text.char_indices().skip(1) {
            match char {
                '"' if !is_escaped => {
                    self.out.push('"');
                    return Some(at + 1);
                }
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                char => self.out.push(char),
            }
            is_escaped = char == '\\' && !is_escaped;
        }
        None
    }

    fn begin(&mut self, char: char) -> Option<usize> {
        self.open.push(if char == '{' { '}' } else { ']' });
        self.out.push(char);
        (self.open.len() <= DEPTH_MAX).then_some(1)
    }

    fn end(&mut self, char: char) -> Option<usize> {
        self.without_comma();
        self.out.push(char);
        (self.open.pop()? == char).then_some(1)
    }

    /// Copies a word and returns its length. Python's constants are JSON's.
    fn word(&mut self, text: &str) -> usize {
        let end = text.find(|char: char| !char.is_alphanumeric() && char != '_').unwrap_or(text.len());
        let word = text.get(..end).unwrap_or(text);
        self.out.push_str(match word {
            "True" => "true",
            "False" => "false",
            "None" => "null",
            word => word,
        });
        end
    }

    /// Takes back a comma after which nothing came.
    fn without_comma(&mut self) {
        let trimmed = self.out.trim_end();
        if let Some(before) = trimmed.strip_suffix(',') {
            self.out.truncate(before.len());
        }
    }
}

/// Takes a text out of a code fence around it.
fn without_fence(text: &str) -> &str {
    let Some(inner) = text.strip_prefix("```").and_then(|text| text.strip_suffix("```")) else { return text };
    let inner = inner.strip_prefix("json").or_else(|| inner.strip_prefix("JSON")).unwrap_or(inner);
    inner.trim()
}

fn empty() -> Json {
    Json::from_encoder("{}".to_owned())
}

/// Returns what the model wrote, as a JSON string.
fn written(text: &str) -> Json {
    Json::from(serde_json::Value::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let (json, problem) = read(text, false);
        assert_eq!((json.as_str(), problem), (expected, None), "{text}");
    }

    #[track_caller]
    fn check_problem(text: &str, is_cut: bool, expected: &str) {
        let (json, problem) = read(text, is_cut);
        assert_eq!(json.read::<String>().unwrap(), text);
        let problem = problem.unwrap();
        assert!(problem.contains(expected), "{text}: {problem}");
    }

    #[test]
    fn what_is_right_stays_as_it_is() {
        check(r#"{"a": 1,  "b": [true, null]}"#, r#"{"a": 1,  "b": [true, null]}"#);
        check(" {}\n", "{}");
        check(r#"{"a": "None, True,] ```"}"#, r#"{"a": "None, True,] ```"}"#);
    }

    #[test]
    fn what_can_only_mean_one_thing_is_repaired() {
        check("", "{}");
        check("  \n", "{}");
        check("null", "{}");
        check("\"\"", "{}");
        check("```json\n{\"a\": 1}\n```", r#"{"a": 1}"#);
        check("```\n{\"a\": 1}```", r#"{"a": 1}"#);
        check(r#""{\"a\": \"x\"}""#, r#"{"a": "x"}"#);
        check(r#""\"{}\"""#, "{}");
        check(r#"{"a": [1, 2, ], }"#, r#"{"a": [1, 2]}"#);
        check(r#"{"a": True, "b": False, "c": None}"#, r#"{"a": true, "b": false, "c": null}"#);
        check("{\"a\": \"one\ntwo\tthree\"}", r#"{"a": "one\ntwo\tthree"}"#);
        check(r#"{"a": {"b": [1"#, r#"{"a": {"b": [1]}}"#);
        check(r#"{"a": 1,"#, r#"{"a": 1}"#);
    }

    #[test]
    fn what_can_mean_more_is_given_back() {
        check_problem(r#"{"a": "one"#, false, "not JSON");
        check_problem(r#"{'a': 1}"#, false, "not JSON");
        check_problem(r#"{"a": 1}}"#, false, "not JSON");
        check_problem(r#"{"a": }"#, false, "not JSON");
        check_problem(r#"{"a": 1} and more"#, false, "not JSON");
        check_problem(r#"{"a": 1]"#, false, "not JSON");
        check_problem("hello", false, "not JSON");
        check_problem("[1, 2]", false, "one JSON object");
        check_problem("5", false, "one JSON object");
        check_problem(r#""\"\\\"{}\\\"\"""#, false, "one JSON object");
        check_problem(r#"{"$serde_json::private::RawValue": "1"}"#, false, "reserved");
    }

    #[test]
    fn what_was_cut_is_not_completed() {
        check_problem(r#"{"a": [1"#, true, "came to its length");
        check_problem("", true, "came to its length");
        let (json, problem) = read(r#"{"a": 1}"#, true);
        assert_eq!((json.as_str(), problem), (r#"{"a": 1}"#, None));
    }

    #[test]
    fn what_is_too_deep_or_too_long_is_not_repaired() {
        check_problem(&"[".repeat(DEPTH_MAX + 1), false, "levels deep");
        check_problem(&format!("{{\"a\": [{}", "1,".repeat(REPAIRED_BYTES_MAX / 2)), false, "not JSON");
        check_problem(&"{\"a\":".repeat(5_000), false, "levels deep");
    }
}
