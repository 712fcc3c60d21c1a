// SPDX-License-Identifier: MIT OR Apache-2.0
//! The form of the manifest: its keys and their types, as they are written.
//!
//! The comments on the fields are the descriptions in the published schema. Every field may be absent here, those too
//! that the schema requires: `shape` reports what is missing, and the other checks go on without it.

mod at;
mod choice;
pub(crate) mod free;
mod gate;
mod grants;
mod kind;
mod models;
mod node;
mod pattern;
mod trigger;
mod workflow;

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Map, json};

use priory_core::Dimension;

pub(crate) use at::At;
pub(crate) use choice::Choice;
pub(crate) use free::{Free, FreeTable};
pub(crate) use gate::{Breaker, Fault, Rate};
pub(crate) use grants::{Artifacts, Entry, FileAccess, FileTable, Grants, HttpTable, NameTable, SecretTable};
pub(crate) use kind::{AskedModel, Effort, Event, Human, HumanKind, Loop, MapOver, OnExpiry, Quorum, Route};
pub(crate) use models::{
    Ability, Decimal, Key, KeyTable, Memory, Model, Price, Provider, ProviderKind, Quota, Telemetry,
};
pub(crate) use node::{Node, OnFailure, OnSpent, Retry, Undo};
pub(crate) use pattern::{Conversation, Crew, CrewTask, Pick, Role, Speaker, Turns, Vote};
pub(crate) use trigger::{Ending, Missed, Overlap, Trigger};
pub(crate) use workflow::{StateKey, Workflow};

/// Values by name.
pub(crate) type Named<T> = BTreeMap<At<String>, At<T>>;

/// Declares the plugins, agents, grants and limits of a Priory host.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields, title = "priory.toml", extend("required" = ["name"]))]
pub(crate) struct Manifest {
    /// The name of what this manifest describes: lower-case letters, digits and `-`.
    pub(crate) name: Option<At<String>>,
    /// What it is for, for people.
    pub(crate) description: Option<At<String>>,
    /// The agent or the workflow that `priory run` starts; may be left out when there is only one.
    pub(crate) entry: Option<At<String>>,
    /// Values that the operator gives when a run starts.
    #[schemars(extend("maxProperties" = crate::manifest::ENTRIES_MAX))]
    pub(crate) inputs: Named<Input>,
    /// The model that is asked where nobody names one; may be left out when there is only one.
    pub(crate) default_model: Option<At<String>>,
    /// The model that makes vectors where nobody names one; may be left out when there is only one that does.
    pub(crate) embedding_model: Option<At<String>>,
    /// What every frame of this host may use at most.
    pub(crate) limits: Limits,
    /// What a run may spend with all its frames.
    pub(crate) budget: Budget,
    /// What all runs of the data folder may spend on models in one day.
    pub(crate) quota: Quota,
    /// Who provides models.
    #[schemars(extend("maxProperties" = crate::manifest::ENTRIES_MAX))]
    pub(crate) providers: Named<Provider>,
    /// The models, under the names by which programs ask for them.
    #[schemars(extend("maxProperties" = crate::manifest::ENTRIES_MAX))]
    pub(crate) models: Named<Model>,
    /// How what is remembered is found again.
    pub(crate) memory: Memory,
    /// The components that are loaded.
    #[schemars(extend("maxProperties" = crate::manifest::ENTRIES_MAX))]
    pub(crate) plugins: Named<Plugin>,
    /// The agents: programs with what they may do.
    #[schemars(extend("maxProperties" = crate::manifest::ENTRIES_MAX))]
    pub(crate) agents: Named<Agent>,
    /// The workflows: programs that are graphs of calls. They share one space of names with the agents.
    #[schemars(extend("maxProperties" = crate::manifest::ENTRIES_MAX))]
    pub(crate) workflows: Named<Workflow>,
    /// Secrets and where the host finds them; a guest never sees one.
    #[schemars(extend("maxProperties" = crate::manifest::ENTRIES_MAX))]
    pub(crate) secrets: Named<Secret>,
    /// What starts runs by itself while `priory serve` is there: events, times, and the ends of other runs.
    #[schemars(extend("maxProperties" = crate::manifest::ENTRIES_MAX))]
    pub(crate) triggers: Named<Trigger>,
    /// How long runs that have ended are kept, for the whole data folder; without any of these, 90 days.
    pub(crate) runs: Runs,
    /// Where it is told what runs do.
    pub(crate) telemetry: Option<At<Telemetry>>,
}

/// How long runs that have ended are kept. Open and parked runs are always kept.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Runs {
    /// How long after their end: a number with `h` or `d`, such as `90d`.
    pub(crate) keep_for: Option<At<String>>,
    /// How many; the newest stay.
    pub(crate) keep_count: Option<u64>,
    /// How many bytes, together; the newest stay.
    pub(crate) keep_bytes: Option<u64>,
}

/// A value that the operator gives when a run starts: `--input NAME=VALUE`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Input {
    /// What it is, for people.
    pub(crate) description: Option<At<String>>,
    /// `text`, or `folder` or `file` for a path that is resolved against the current folder of whoever gives it.
    pub(crate) kind: Option<At<InputKind>>,
    /// Whether a run needs it; true when there is no default.
    pub(crate) required: Option<At<bool>>,
    /// What holds when it is not given; a path is relative to the manifest.
    pub(crate) default: Option<At<String>>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(crate) enum InputKind {
    Text,
    Folder,
    File,
}

/// Amounts that frames spend together; what is left out is not bounded.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Budget {
    /// Compute, in fuel.
    pub(crate) fuel: Option<u64>,
    /// Linear memory held at once, in bytes.
    pub(crate) memory_bytes: Option<u64>,
    /// Effects.
    pub(crate) calls: Option<u64>,
    /// Results, in bytes.
    pub(crate) bytes: Option<u64>,
    /// Tokens that models read.
    pub(crate) tokens_in: Option<u64>,
    /// Tokens that models write.
    pub(crate) tokens_out: Option<u64>,
    /// Money for models, in dollars as decimal text, such as `"0.50"`.
    pub(crate) money: Option<At<Decimal>>,
}

/// A component that is loaded.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields, extend("required" = ["path"]))]
pub(crate) struct Plugin {
    /// A folder with a `Cargo.toml`, or a `.wasm` or `.wat` file; relative to the manifest.
    pub(crate) path: Option<At<String>>,
    /// The hash that the component must have: `blake3:` and 64 hexadecimal digits.
    pub(crate) digest: Option<At<String>>,
    /// What it is for, for people and models.
    pub(crate) description: Option<At<String>>,
    /// What each of its frames may use at most.
    pub(crate) limits: Limits,
    /// What its frames may do when it is called as a tool.
    pub(crate) grants: Grants,
    /// What it reads as `wasi:config`.
    #[schemars(extend("maxProperties" = crate::manifest::ENTRIES_MAX))]
    pub(crate) config: Named<String>,
    /// Which plugin answers for an interface that it imports: `"demo:x/iface@0.1.0" = "other-plugin"`.
    #[schemars(extend("maxProperties" = crate::manifest::ENTRIES_MAX))]
    pub(crate) links: Named<String>,
    /// What executing one of its frames twice means, where the host cannot know: `opaque` changes the outside and does
    /// not notice a repetition. Without it, a frame that may write files is opaque.
    pub(crate) effects: Option<At<Effects>>,
    /// What is done about a call of which nobody knows whether it was done, because the host was killed meanwhile:
    /// `ask` a person, let it `fail` (what is done without this), or `repeat` it.
    pub(crate) in_doubt: Option<At<InDoubt>>,
    /// When calls of one of its tools are refused because that tool fails.
    pub(crate) breaker: Option<At<Breaker>>,
    /// How often each of its tools may be called.
    pub(crate) rate: Option<At<Rate>>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(crate) enum Effects {
    Pure,
    ReadOnly,
    Repeatable,
    Opaque,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(crate) enum InDoubt {
    Ask,
    Fail,
    Repeat,
}

/// A program with what it may do.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields, extend("required" = ["plugin"]))]
pub(crate) struct Agent {
    /// The plugin that it runs.
    pub(crate) plugin: Option<At<String>>,
    /// What it is for, for people and models.
    pub(crate) description: Option<At<String>>,
    /// The model that it asks where it names none. It is granted with this.
    pub(crate) model: Option<At<String>>,
    /// A folder, relative to the manifest: each `NAME.md` in it is the configuration `prompt.NAME`, and granted.
    pub(crate) prompts: Option<At<String>>,
    /// What each of its frames may use at most.
    pub(crate) limits: Limits,
    /// What one call of it may spend with everything that it causes.
    pub(crate) budget: Budget,
    /// What its own frames may do.
    pub(crate) grants: Grants,
    /// What they may not do themselves, but pass on to what they call.
    pub(crate) lends: Grants,
    /// What it reads as `wasi:config`.
    #[schemars(extend("maxProperties" = crate::manifest::ENTRIES_MAX))]
    pub(crate) config: Named<String>,
    /// When calls to it are refused because it fails.
    pub(crate) breaker: Option<At<Breaker>>,
    /// How often it may be called.
    pub(crate) rate: Option<At<Rate>>,
}

/// Where the host finds a secret: in exactly one of these.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Secret {
    /// The name of an environment variable of the host.
    pub(crate) env: Option<At<String>>,
    /// A file, relative to the manifest.
    pub(crate) file: Option<At<String>>,
}

/// Limits by the names of their dimensions.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct Limits(pub(crate) BTreeMap<At<String>, u64>);

// === impl Limits ===

impl JsonSchema for Limits {
    fn schema_name() -> Cow<'static, str> {
        "Limits".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let property = |d: Dimension| {
            let schema = json!({ "type": "integer", "format": "uint64", "minimum": 0, "description": d.describe() });
            (d.as_str().to_owned(), schema)
        };
        let properties: Map<_, _> = Dimension::ALL.into_iter().map(property).collect();
        json_schema!({
            "description": "Limits; one that is left out holds as it is further out, up to the host's own default.",
            "type": "object",
            "properties": properties,
            "additionalProperties": false,
        })
    }
}
