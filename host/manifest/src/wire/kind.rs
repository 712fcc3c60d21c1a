// SPDX-License-Identifier: MIT OR Apache-2.0
//! The form of what a node is: questions, events, and the patterns that say themselves what comes next.

use priory_core::model::OUTPUT_TOKENS_MAX;
use schemars::JsonSchema;
use serde::Deserialize;

use super::choice::{Choice, Worded};
use super::{At, Free, Named};

/// What a person is asked.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields, extend("required" = ["kind", "text"]))]
pub(crate) struct Human {
    /// In which way: `approve`, `choose`, `edit` or `answer`.
    pub(crate) kind: Option<At<HumanKind>>,
    /// The question, with expressions between braces.
    pub(crate) text: Option<At<String>>,
    /// What there is to choose from, with expressions between braces.
    pub(crate) options: Vec<At<String>>,
    /// What it is about: an expression, or a table in which every string is one.
    pub(crate) about: Option<At<Free>>,
    /// Who may answer; without it, whoever may answer at all.
    pub(crate) who: Vec<At<String>>,
    /// How long, in milliseconds.
    pub(crate) expires_ms: Option<At<u64>>,
    /// What happens then: `fail`, or another output.
    pub(crate) on_expiry: Option<At<Choice<OnExpiry>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(crate) enum HumanKind {
    Approve,
    Choose,
    Edit,
    Answer,
}

/// Another output instead of an answer that did not come.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields, extend("required" = ["value"]))]
pub(crate) struct OnExpiry {
    /// What the output is.
    pub(crate) value: Option<At<Free>>,
}

impl Worded for OnExpiry {
    const WORDS: &'static [&'static str] = &["fail"];
}

/// What a model is asked, without an agent between them.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields)]
pub(crate) struct AskedModel {
    /// The model; without it, the one that is asked where nobody names one.
    pub(crate) name: Option<At<String>>,
    /// What it is told about its task, with expressions between braces.
    pub(crate) system: Option<At<String>>,
    /// What it is asked, with expressions between braces; without it, what the node is given.
    pub(crate) prompt: Option<At<String>>,
    /// The temperature, from 0 to 2; exact to the thousandth.
    pub(crate) temperature: Option<At<f64>>,
    /// How many tokens its answer may have; without it, as many as the model may.
    #[schemars(range(min = 1, max = OUTPUT_TOKENS_MAX))]
    pub(crate) output_tokens_max: Option<At<u64>>,
    /// How much it is to think before it answers.
    pub(crate) effort: Option<At<Effort>>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(crate) enum Effort {
    None,
    Low,
    Medium,
    High,
}

/// An event that is waited for.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields, extend("required" = ["name"]))]
pub(crate) struct Event {
    /// Its name.
    pub(crate) name: Option<At<String>>,
    /// Fields of its data that have to be equal: expressions by field.
    #[schemars(extend("maxProperties" = crate::manifest::ENTRIES_MAX))]
    pub(crate) matching: Named<Free>,
    /// How long, in milliseconds.
    pub(crate) expires_ms: Option<At<u64>>,
    /// What happens then: `fail`, or another output.
    pub(crate) on_expiry: Option<At<Choice<OnExpiry>>>,
}

/// Several nodes, each of which runs when what it needs is there.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields, extend("required" = ["nodes"]))]
pub(crate) struct Graph {
    /// Which.
    pub(crate) nodes: Vec<At<String>>,
    /// What they come to: an expression.
    pub(crate) result: Option<At<String>>,
}

/// Nodes side by side.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields, extend("required" = ["branches"]))]
pub(crate) struct Parallel {
    /// Which.
    pub(crate) branches: Vec<At<String>>,
    /// What a failed one means for the others.
    pub(crate) settle: Option<At<Choice<Quorum>>>,
}

/// How many have to succeed.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields, extend("required" = ["quorum"]))]
pub(crate) struct Quorum {
    /// So many have to succeed; then the others are withdrawn.
    #[schemars(range(min = 1))]
    pub(crate) quorum: Option<At<u32>>,
}

impl Worded for Quorum {
    const WORDS: &'static [&'static str] = &["all", "drop", "keep"];
}

/// One node for each item of a list.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields, extend("required" = ["over", "do"]))]
pub(crate) struct MapOver {
    /// The list: an expression.
    pub(crate) over: Option<At<String>>,
    /// The node; it is given the item, which is `item` at `index`.
    #[serde(rename = "do")]
    pub(crate) body: Option<At<String>>,
    /// How many go on at once; 16 without it.
    #[schemars(range(min = 1))]
    pub(crate) width: Option<At<u32>>,
    /// What a failed one means for the others.
    pub(crate) settle: Option<At<Choice<Quorum>>>,
}

/// The first node whose condition holds.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields, extend("required" = ["cases"]))]
pub(crate) struct Route {
    /// Conditions and nodes, in order.
    pub(crate) cases: Vec<At<Case>>,
    /// The node where none holds; without it, that is a failure.
    pub(crate) default: Option<At<String>>,
}

/// A condition and a node.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields, extend("required" = ["when", "do"]))]
pub(crate) struct Case {
    /// The condition: an expression.
    pub(crate) when: Option<At<String>>,
    /// The node.
    #[serde(rename = "do")]
    pub(crate) node: Option<At<String>>,
}

/// One node again and again.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields, extend("required" = ["do", "max"]))]
pub(crate) struct Loop {
    /// The node; it is `round` (from 0) with `last`, what it came to before.
    #[serde(rename = "do")]
    pub(crate) body: Option<At<String>>,
    /// When it is enough: an expression over `output`, `round` and `last`.
    pub(crate) until: Option<At<String>>,
    /// How often at most.
    #[schemars(range(min = 1))]
    pub(crate) max: Option<At<u32>>,
    /// What it is given from the second time on: an expression; without it, what it came to.
    pub(crate) carry: Option<At<String>>,
    /// Whether what it came to last will do where `until` never held.
    pub(crate) or_last: bool,
}
