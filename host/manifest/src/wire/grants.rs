// SPDX-License-Identifier: MIT OR Apache-2.0
//! The form of a table of grants: lists of entries, each a text or a table.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use priory_core::grant::GRANTS_MAX;

use super::At;

/// One grant: a text, or a table that adds conditions.
#[derive(Debug)]
pub(crate) enum Entry<T> {
    Text(String),
    Table(T),
}

/// What may be done. What is not listed is refused.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Grants {
    /// Tools: `plugin.function`, or the beginning of one and `*`.
    #[schemars(extend("maxItems" = GRANTS_MAX))]
    pub(crate) tools: Vec<At<Entry<NameTable>>>,
    /// Agents: a name, or the beginning of one and `*`.
    #[schemars(extend("maxItems" = GRANTS_MAX))]
    pub(crate) agents: Vec<At<Entry<NameTable>>>,
    /// Models: a name, or the beginning of one and `*`.
    #[schemars(extend("maxItems" = GRANTS_MAX))]
    pub(crate) models: Vec<At<Entry<NameTable>>>,
    /// What outlives a run: `run`, `agent`, `user/NAME` or `tenant`, and behind it `:read` where nothing may be remembered or
    /// forgotten; may contain `{input.NAME}`.
    #[schemars(extend("maxItems" = GRANTS_MAX))]
    pub(crate) memory: Vec<At<Entry<NameTable>>>,
    /// Requests: `[METHOD,METHOD ]scheme://host[:port][/path]`; host, port and path may contain `{input.NAME}`.
    #[schemars(extend("maxItems" = GRANTS_MAX))]
    pub(crate) http: Vec<At<Entry<HttpTable>>>,
    /// Folders and files: `PATH:read` or `PATH:write`, relative to the manifest; may contain `{input.NAME}`.
    #[schemars(extend("maxItems" = GRANTS_MAX))]
    pub(crate) files: Vec<At<Entry<FileTable>>>,
    /// Environment variables: a name, or the beginning of one and `*`.
    #[schemars(extend("maxItems" = GRANTS_MAX))]
    pub(crate) env: Vec<At<Entry<NameTable>>>,
    /// Keys of the configuration: a key, or the beginning of one and `*`.
    #[schemars(extend("maxItems" = GRANTS_MAX))]
    pub(crate) config: Vec<At<Entry<NameTable>>>,
    /// Secrets that the host puts on requests: a table, or `NAME@RULE`.
    #[schemars(extend("maxItems" = GRANTS_MAX))]
    pub(crate) secrets: Vec<At<Entry<SecretTable>>>,
    /// Events: a name, or the beginning of one and `*`; with `:emit` or `:await` for one of both.
    #[schemars(extend("maxItems" = GRANTS_MAX))]
    pub(crate) events: Vec<At<Entry<NameTable>>>,
    /// Keys of the state that the programs of a run share: a key, or the beginning of keys and `*`, and behind it `:read`
    /// where they may not be written; may contain `{input.NAME}`.
    #[schemars(extend("maxItems" = GRANTS_MAX))]
    pub(crate) state: Vec<At<Entry<NameTable>>>,
    /// Whether artifacts may be made and read: `true`, or `"read"` for reading alone.
    pub(crate) artifacts: Artifacts,
    /// Whether log, standard output and standard error may be written.
    pub(crate) log: bool,
    /// Whether people may be asked; the run rests until one answers.
    pub(crate) human: bool,
    /// Whether programs may sleep beyond their time limit; the run rests meanwhile.
    pub(crate) sleep: bool,
}

/// Whether artifacts may be made and read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Artifacts {
    /// Neither.
    #[default]
    No,
    /// Only read.
    Read,
    /// Both.
    Write,
}

/// A grant by name, with conditions.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields, extend("required" = ["allow"]))]
pub(crate) struct NameTable {
    /// The name, or the beginning of names and `*`.
    pub(crate) allow: Option<At<String>>,
    /// Until when, such as `2027-01-01T00:00:00Z`.
    #[schemars(extend("format" = "date-time"))]
    pub(crate) until: Option<At<String>>,
    /// How often in one run; not for environment and configuration, which a frame is given once, when it opens.
    #[schemars(range(min = 1))]
    pub(crate) uses: Option<At<u32>>,
    /// Whether a person approves each use; not for environment and configuration, which a frame is given once.
    pub(crate) ask: Option<At<bool>>,
}

/// Requests, with conditions.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields, extend("required" = ["allow"]))]
pub(crate) struct HttpTable {
    /// Which requests: `[METHOD,METHOD ]scheme://host[:port][/path]`.
    pub(crate) allow: Option<At<String>>,
    /// Addresses that may be dialled although they are not public: `10.0.0.0/8`, `127.0.0.1`.
    #[schemars(extend("maxItems" = GRANTS_MAX))]
    pub(crate) addresses: Vec<At<String>>,
    /// Until when, such as `2027-01-01T00:00:00Z`.
    #[schemars(extend("format" = "date-time"))]
    pub(crate) until: Option<At<String>>,
    /// How often in one run.
    #[schemars(range(min = 1))]
    pub(crate) uses: Option<At<u32>>,
    /// Whether a person approves each use.
    pub(crate) ask: Option<At<bool>>,
}

/// A folder or a file, with conditions.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields, extend("required" = ["path"]))]
pub(crate) struct FileTable {
    /// Which, relative to the manifest.
    pub(crate) path: Option<At<String>>,
    /// `read` (which holds when nothing is said) or `write`, which includes reading.
    pub(crate) access: Option<At<FileAccess>>,
    /// Where the guest finds it, such as `/docs`; `/` and the last part of the path when nothing is said.
    #[serde(rename = "as")]
    pub(crate) guest_path: Option<At<String>>,
    /// Until when, such as `2027-01-01T00:00:00Z`.
    #[schemars(extend("format" = "date-time"))]
    pub(crate) until: Option<At<String>>,
    /// Refused: a frame is given its files once, when it opens.
    #[schemars(range(min = 1))]
    pub(crate) uses: Option<At<u32>>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(crate) enum FileAccess {
    Read,
    Write,
}

/// A secret, and the requests that it goes on.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields, extend("required" = ["name", "to"]))]
pub(crate) struct SecretTable {
    /// The name of an entry of `[secrets]`.
    pub(crate) name: Option<At<String>>,
    /// On which requests: `[METHOD,METHOD ]scheme://host[:port][/path]`.
    pub(crate) to: Option<At<String>>,
    /// The header field that carries it; `authorization` when nothing is said.
    pub(crate) header: Option<At<String>>,
    /// The value of the field, with `{}` where the secret stands; `Bearer {}` when nothing is said.
    pub(crate) format: Option<At<String>>,
    /// Until when, such as `2027-01-01T00:00:00Z`.
    #[schemars(extend("format" = "date-time"))]
    pub(crate) until: Option<At<String>>,
    /// How often in one run.
    #[schemars(range(min = 1))]
    pub(crate) uses: Option<At<u32>>,
}

// === impl Artifacts ===

impl<'de> Deserialize<'de> for Artifacts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ArtifactsVisitor)
    }
}

struct ArtifactsVisitor;

impl Visitor<'_> for ArtifactsVisitor {
    type Value = Artifacts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`true`, `false` or `\"read\"`")
    }

    fn visit_bool<E>(self, is_granted: bool) -> Result<Self::Value, E> {
        Ok(if is_granted { Artifacts::Write } else { Artifacts::No })
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        match text {
            "read" => Ok(Artifacts::Read),
            "write" => Ok(Artifacts::Write),
            other => Err(E::invalid_value(serde::de::Unexpected::Str(other), &self)),
        }
    }
}

impl JsonSchema for Artifacts {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Artifacts".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "boolean" }, { "type": "string", "enum": ["read", "write"] }] })
    }
}

// === impl Entry ===

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Entry<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EntryVisitor(PhantomData))
    }
}

/// Reads either form at once; serde's own untagged enums lose where a value stands.
struct EntryVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for EntryVisitor<T> {
    type Value = Entry<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or a table")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Entry::Text(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Entry::Table)
    }
}

impl<T: JsonSchema> JsonSchema for Entry<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("{}Entry", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "string" }, generator.subschema_for::<T>()] })
    }
}
