// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rules of a scripted model: a file that says what is answered to what. It is for examples and tests, and pretends
//! nothing else.
//!
//! ```toml
//! [[rule]]
//! # All of these have to hold; a rule without `when` always matches. The first rule that matches is taken.
//! when.user = "read (?<file>\\S+)"       # a regular expression, somewhere in the last message of the user
//! when.user-contains = "read"            # words in it
//! when.result = "files.*"                # the tool whose result is the last message; `*` at the end stands for anything
//! when.result-matches = "not found"      # a regular expression, somewhere in what it gave back
//! when.is-error = true                   # whether that was an error
//! when.system = "researcher"             # a regular expression, somewhere in what the system says
//! when.turn = 1                          # how often the model spoke before, and once more
//! when.tool = "files.read-text"          # a tool that is offered
//! when.last = "user"                     # who spoke last: system, user, assistant or tool
//! when.has-schema = true                 # whether the answer has to fit a schema
//! times = 1                              # how often the rule may match in one conversation; without it, always
//!
//! say.text = "I look into {file}."       # what is answered
//! say.json = { file = "{file}" }         # or JSON, where a program wants some
//! say.reasoning = "I was asked for {file}."
//! say.calls = [{ tool = "files.read-text", arguments = { path = "{file}" } }]
//! say.stop = "end"                       # end, tool-calls, length, stop-sequence or refused
//! say.usage = { input = 100, output = 20, cached = 0, reasoning = 0 }   # counted where it is left out
//! say.delay-ms = 200                     # before the answer, and between its pieces:
//! say.piece-ms = 10
//! say.failure = { kind = "unavailable", reason = "it is tired", retriable = true }  # or `timeout`, or `invalid`
//! ```
//!
//! In texts `{name}` stands for what a group of a regular expression of the rule matched, `{user}` for the last message of
//! the user, `{result}` for what the last tool gave back, `{result:/a/0}` for the part of it that a JSON Pointer names,
//! `{results}` for what all tools gave back since the model spoke, `{turn}` for the turn; `{{` and `}}` for braces. A text
//! in `arguments` or `json` that is nothing but `{result:…}` becomes the very value. `raw` in a call in the place of
//! `arguments` is a text as a model may write it, mistakes included.
//!
//! How often a rule matched is found by going through the conversation once more, so nothing is kept between requests: the
//! same request always has the same answer.

use std::path::Path;

use priory_core::model::{Role, StopReason};
use regex::{Regex, RegexBuilder};
use serde::Deserialize;

use crate::error::Error;
use crate::template::Template;

/// How long a file of rules may be, in bytes.
const SCRIPT_BYTES_MAX: u64 = 1 << 20;
/// How many rules a file may have.
const RULES_MAX: usize = 1_000;
/// How large a regular expression may get, in bytes.
const REGEX_BYTES_MAX: usize = 1 << 20;
/// How deep JSON in a rule may be nested.
const JSON_DEPTH_MAX: usize = 32;

/// The rules of a scripted model.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) rules: Vec<Rule>,
}

/// What is answered to what.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) when: When,
    pub(crate) times: Option<u32>,
    pub(crate) say: Say,
}

/// To what.
#[derive(Debug, Default)]
pub(crate) struct When {
    pub(crate) user: Option<Regex>,
    pub(crate) user_contains: Option<String>,
    pub(crate) result: Option<String>,
    pub(crate) result_matches: Option<Regex>,
    pub(crate) is_error: Option<bool>,
    pub(crate) system: Option<Regex>,
    pub(crate) turn: Option<u32>,
    pub(crate) tool: Option<String>,
    pub(crate) last: Option<Role>,
    pub(crate) has_schema: Option<bool>,
}

/// What is answered.
#[derive(Debug)]
pub(crate) struct Say {
    pub(crate) text: Option<Template>,
    pub(crate) json: Option<Tree>,
    pub(crate) reasoning: Option<Template>,
    pub(crate) calls: Vec<Call>,
    pub(crate) stop: Option<StopReason>,
    pub(crate) usage: Option<Usage>,
    pub(crate) delay_ms: u64,
    pub(crate) piece_ms: u64,
    pub(crate) failure: Option<Fails>,
}

/// A call of a tool.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) tool: Template,
    pub(crate) arguments: Arguments,
}

/// Arguments of a call.
#[derive(Debug)]
pub(crate) enum Arguments {
    /// JSON.
    Tree(Tree),
    /// A text as a model may write it.
    Raw(Template),
}

/// JSON with texts that are filled in.
#[derive(Debug)]
pub(crate) enum Tree {
    Text(Template),
    Plain(serde_json::Value),
    List(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

/// What an answer is said to take.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
#[derive(Default)]
pub(crate) struct Usage {
    pub(crate) input: Option<u64>,
    pub(crate) output: Option<u64>,
    pub(crate) cached: Option<u64>,
    pub(crate) cache_written: Option<u64>,
    pub(crate) reasoning: Option<u64>,
}

/// A failure that is pretended.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Fails {
    pub(crate) kind: FailsAs,
    #[serde(default)]
    pub(crate) reason: String,
    #[serde(default)]
    pub(crate) retriable: bool,
}

/// How it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FailsAs {
    Unavailable,
    Timeout,
    Invalid,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScript {
    #[serde(default)]
    rule: Vec<RawRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    #[serde(default)]
    when: RawWhen,
    times: Option<u32>,
    say: RawSay,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct RawWhen {
    user: Option<String>,
    user_contains: Option<String>,
    result: Option<String>,
    result_matches: Option<String>,
    is_error: Option<bool>,
    system: Option<String>,
    turn: Option<u32>,
    tool: Option<String>,
    last: Option<Role>,
    has_schema: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct RawSay {
    text: Option<String>,
    json: Option<serde_json::Value>,
    reasoning: Option<String>,
    calls: Vec<RawCall>,
    stop: Option<StopReason>,
    usage: Option<Usage>,
    delay_ms: u64,
    piece_ms: u64,
    failure: Option<Fails>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCall {
    tool: String,
    arguments: Option<serde_json::Value>,
    raw: Option<String>,
}

// === impl Script ===

impl Script {
    /// Reads a file of rules.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let failed = |reason: String| Error::Script { path: path.to_owned(), reason };
        let bytes = std::fs::metadata(path).map_err(|error| failed(error.to_string()))?.len();
        if bytes > SCRIPT_BYTES_MAX {
            return Err(failed(format!("the file has {bytes} bytes, and may have {SCRIPT_BYTES_MAX}")));
        }
        let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        Self::parse(&text).map_err(failed)
    }

    /// Reads rules; fails with what is wrong, and where.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let raw: RawScript = toml::from_str(text).map_err(|error| error.to_string())?;
        if raw.rule.is_empty() || raw.rule.len() > RULES_MAX {
            return Err(format!("it has {} rules, and needs 1 to {RULES_MAX} `[[rule]]`", raw.rule.len()));
        }
        let rules = raw.rule.into_iter().zip(1..);
        let rules = rules.map(|(rule, number)| Rule::of(rule).map_err(|reason| format!("rule {number}: {reason}")));
        Ok(Self { rules: rules.collect::<Result<_, _>>()? })
    }
}

// === impl Rule ===

impl Rule {
    fn of(raw: RawRule) -> Result<Self, String> {
        let when = When::of(raw.when)?;
        let regexes = [&when.user, &when.result_matches, &when.system].into_iter().flatten();
        let names: Vec<&str> = regexes.flat_map(Regex::capture_names).flatten().collect();
        let say = Say::of(raw.say, &names)?;
        Ok(Self { when, times: raw.times, say })
    }
}

impl When {
    fn of(raw: RawWhen) -> Result<Self, String> {
        Ok(Self {
            user: regex("user", raw.user)?,
            user_contains: raw.user_contains,
            result: raw.result,
            result_matches: regex("result-matches", raw.result_matches)?,
            is_error: raw.is_error,
            system: regex("system", raw.system)?,
            turn: raw.turn,
            tool: raw.tool,
            last: raw.last,
            has_schema: raw.has_schema,
        })
    }
}

impl Say {
    fn of(raw: RawSay, names: &[&str]) -> Result<Self, String> {
        let template = |text: Option<String>| text.map(|text| Template::parse(&text, names)).transpose();
        if raw.text.is_some() && raw.json.is_some() {
            return Err("`say` has both `text` and `json`; keep one".to_owned());
        }
        let calls = raw.calls.into_iter().map(|call| {
            let arguments = match (call.arguments, call.raw) {
                (Some(_), Some(_)) => return Err("a call has both `arguments` and `raw`; keep one".to_owned()),
                (None, Some(raw)) => Arguments::Raw(Template::parse(&raw, names)?),
                (arguments, None) => {
                    let arguments = arguments.unwrap_or_else(|| serde_json::Value::Object(serde_json::Map::new()));
                    Arguments::Tree(Tree::of(arguments, names, JSON_DEPTH_MAX)?)
                }
            };
            Ok(Call { tool: Template::parse(&call.tool, names)?, arguments })
        });
        Ok(Self {
            text: template(raw.text)?,
            json: raw.json.map(|json| Tree::of(json, names, JSON_DEPTH_MAX)).transpose()?,
            reasoning: template(raw.reasoning)?,
            calls: calls.collect::<Result<_, _>>()?,
            stop: raw.stop,
            usage: raw.usage,
            delay_ms: raw.delay_ms,
            piece_ms: raw.piece_ms,
            failure: raw.failure,
        })
    }
}

// === impl Tree ===

impl Tree {
    fn of(value: serde_json::Value, names: &[&str], depth: usize) -> Result<Self, String> {
        let depth =
            depth.checked_sub(1).ok_or_else(|| format!("JSON is nested more than {JSON_DEPTH_MAX} levels deep"))?;
        Ok(match value {
            serde_json::Value::String(text) => Self::Text(Template::parse(&text, names)?),
            serde_json::Value::Array(list) => {
                Self::List(list.into_iter().map(|value| Self::of(value, names, depth)).collect::<Result<_, _>>()?)
            }
            serde_json::Value::Object(map) => {
                let fields = map.into_iter().map(|(key, value)| Ok((key, Self::of(value, names, depth)?)));
                Self::Object(fields.collect::<Result<_, String>>()?)
            }
            plain => Self::Plain(plain),
        })
    }
}

fn regex(field: &str, text: Option<String>) -> Result<Option<Regex>, String> {
    let Some(text) = text else { return Ok(None) };
    let built = RegexBuilder::new(&text).size_limit(REGEX_BYTES_MAX).build();
    built.map(Some).map_err(|error| format!("`{field}` is no regular expression: {error}"))
}
