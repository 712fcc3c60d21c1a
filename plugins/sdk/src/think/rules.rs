// SPDX-License-Identifier: MIT OR Apache-2.0
//! By which rules an agent thinks.

use serde_json::Value;

use crate::Failure;
use crate::config;
use crate::context::ByModel;
use crate::model::{Definition, Effort};

/// By which rules an agent thinks.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// The model; `None` is the one that is configured for the agent.
    pub model: Option<String>,
    /// Which of the granted tools are offered: names, or beginnings of names with a `*` behind them. `None` offers all.
    pub tools: Option<Vec<String>>,
    /// The schema of the answer; `None` asks for words.
    pub output: Option<Value>,
    /// How often a model is asked before it has to answer without tools.
    pub turns_max: u32,
    /// How many calls of one answer are performed; those beyond are given back.
    pub calls_max: usize,
    /// How many calls go on side by side.
    pub width: usize,
    /// How many tokens of one result are shown.
    pub result_tokens: u64,
    /// How often in a row calls of one tool may fail before it is not called any more.
    pub tool_failures_max: u32,
    /// How many calls may fail altogether.
    pub failures_max: u32,
    /// How often the same call may come to the same.
    pub repeats_max: u32,
    /// How often an answer is gone on with that came to its length, or is asked for again because it is no answer.
    pub continues_max: u32,
    /// How many tokens one answer may have; `None` is as many as are configured.
    pub output_tokens_max: Option<u64>,
    /// The temperature; `None` leaves it to the provider.
    pub temperature: Option<f32>,
    /// How much the model thinks before it answers; `None` leaves it to the provider.
    pub effort: Option<Effort>,
    /// What the requests are for, for whoever reads the run.
    pub purpose: Option<String>,
    /// Who summarises what there is no room for.
    pub summarise: ByModel,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            model: None,
            tools: None,
            output: None,
            turns_max: 16,
            calls_max: 16,
            width: 8,
            result_tokens: 4_000,
            tool_failures_max: 3,
            failures_max: 12,
            repeats_max: 3,
            continues_max: 3,
            output_tokens_max: None,
            temperature: None,
            effort: None,
            purpose: None,
            summarise: ByModel::default(),
        }
    }
}

impl Rules {
    /// Reads what the operator configured, over the default: the keys `tools`, `turns-max`, `calls-max`, `width`,
    /// `result-tokens`, `tool-failures-max`, `failures-max`, `repeats-max`, `continues-max`, `output-tokens-max`,
    /// `temperature` and `effort`, and the prompt `compaction`.
    pub fn read(get: impl Fn(&str) -> Result<Option<String>, Failure>) -> Result<Self, Failure> {
        let default = Self::default();
        let number = |key: &str, default: u32| config::parsed(key, get(key)?, default);
        let count = |key: &str, default: usize| config::parsed(key, get(key)?, default);
        let some = |key: &str| get(key)?.map(|text| config::parsed(key, Some(text), 0_u64)).transpose();
        let temperature =
            get("temperature")?.map(|text| config::parsed("temperature", Some(text), 0_f32)).transpose()?;
        let prompt = get("prompt.compaction")?;
        Ok(Self {
            tools: config::words(get("tools")?),
            turns_max: number("turns-max", default.turns_max)?,
            calls_max: count("calls-max", default.calls_max)?,
            width: count("width", default.width)?,
            result_tokens: some("result-tokens")?.unwrap_or(default.result_tokens),
            tool_failures_max: number("tool-failures-max", default.tool_failures_max)?,
            failures_max: number("failures-max", default.failures_max)?,
            repeats_max: number("repeats-max", default.repeats_max)?,
            continues_max: number("continues-max", default.continues_max)?,
            output_tokens_max: some("output-tokens-max")?,
            temperature,
            effort: get("effort")?.map(|word| effort(&word)).transpose()?,
            summarise: ByModel { prompt: prompt.unwrap_or(default.summarise.prompt), ..default.summarise },
            ..Self::default()
        })
    }

    /// Tells whether a granted tool is offered.
    pub(super) fn offers(&self, tool: &str) -> bool {
        let fits = |pattern: &String| match pattern.strip_suffix('*') {
            Some(beginning) => tool.starts_with(beginning),
            None => tool == pattern,
        };
        self.tools.as_ref().is_none_or(|patterns| patterns.iter().any(fits))
    }
}

fn effort(word: &str) -> Result<Effort, Failure> {
    Ok(match word.trim() {
        "none" => Effort::None,
        "low" => Effort::Low,
        "medium" => Effort::Medium,
        "high" => Effort::High,
        _ => {
            return Err(Failure::invalid(
                "configuration key effort",
                "",
                "one of none, low, medium and high is expected",
            ));
        }
    })
}

/// Performs a tool: it gets the arguments, and gives back JSON or words.
pub type Perform<'a> = Box<dyn FnMut(&Value) -> Result<String, Failure> + 'a>;

/// A tool that the program itself performs.
pub struct Custom<'a> {
    /// What the model is told of it.
    pub definition: Definition,
    /// Performs it.
    pub perform: Perform<'a>,
}

impl<'a> Custom<'a> {
    /// Makes a tool of a function.
    pub fn new(definition: Definition, perform: impl FnMut(&Value) -> Result<String, Failure> + 'a) -> Self {
        Self { definition, perform: Box::new(perform) }
    }
}

impl std::fmt::Debug for Custom<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Custom").field("definition", &self.definition).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_configured_holds_over_the_default() {
        let get = |key: &str| {
            Ok(match key {
                "tools" => Some("files.*, text.rank".to_owned()),
                "turns-max" => Some("4".to_owned()),
                "effort" => Some("low".to_owned()),
                "temperature" => Some("0.5".to_owned()),
                "prompt.compaction" => Some("be short".to_owned()),
                _ => None,
            })
        };
        let rules = Rules::read(get).unwrap();
        assert_eq!((rules.turns_max, rules.failures_max), (4, Rules::default().failures_max));
        assert_eq!((rules.effort, rules.temperature), (Some(Effort::Low), Some(0.5)));
        assert_eq!(rules.summarise.prompt, "be short");
        let offered = ["files.read", "files.", "text.rank", "text.ranking", "web.fetch"].map(|tool| rules.offers(tool));
        assert_eq!(offered, [true, true, true, false, false]);
        assert!(Rules::default().offers("anything"));
        let wrong = Rules::read(|key| Ok((key == "effort").then(|| "much".to_owned()))).unwrap_err();
        assert!(wrong.to_string().contains("key effort"), "{wrong}");
    }
}
