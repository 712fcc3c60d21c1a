// SPDX-License-Identifier: MIT OR Apache-2.0
//! Capabilities: what a frame may do, on what.
//!
//! A grant is written `kind=value`: `tool=files.read`, `agent=writer`, `http=GET https://example.org/docs/*`,
//! `file=/srv/docs:read`, `event=order.*:emit`, `env=LANG`, `config=theme`, `secret=github`, `log`. The forms of each
//! kind are in [`rule`].

pub mod rule;
pub mod template;

use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::Url;

pub use rule::{
    EventMode, EventRule, FileMode, FileRule, FileScope, HttpRule, Mode, Pattern, RuleError, SecretRule, StateRule,
};
pub use template::{GrantKind, GrantTemplate, GrantTemplates};

/// How many grants one set may hold.
pub const GRANTS_MAX: usize = 1_024;

/// One capability.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// Call tools.
    Tool(Pattern),
    /// Call agents.
    Agent(Pattern),
    /// Send requests.
    Http(HttpRule),
    /// See a folder or a file.
    File(FileRule),
    /// Read or write the state of the run.
    State(StateRule),
    /// Read artifacts of the run, or make some too.
    Artifact(Mode),
    /// Read an environment variable.
    Env(Pattern),
    /// Read a configuration key.
    Config(Pattern),
    /// Have the host put a secret on matching requests.
    Secret(SecretRule),
    /// Publish events, or wait for them.
    Event(EventRule),
    /// Ask models, by their names in the manifest.
    Model(Pattern),
    /// Recall what outlives the run, or remember and forget too; the keys are scopes such as `agent` or `user/*`.
    Memory(StateRule),
    /// Write log, standard output and standard error.
    Log,
    /// Ask people.
    Human,
    /// Sleep beyond the time of a frame: the run rests meanwhile.
    Sleep,
}

/// A grant with the conditions under which it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// What is granted.
    pub grant: Grant,
    /// Until when, in milliseconds since 1970; `None` for ever.
    pub until_unix_ms: Option<u64>,
    /// How often in one run; `None` without end. Files, environment and configuration are not used one by one: a frame is
    /// given them when it opens, so a number of uses does not bound them, and templates refuse one.
    pub uses_max: Option<u32>,
    /// Whether a person approves each use.
    pub asks: bool,
}

impl From<Grant> for Held {
    fn from(grant: Grant) -> Self {
        Self { grant, until_unix_ms: None, uses_max: None, asks: false }
    }
}

/// What stands in front of a grant whose uses a person approves.
pub const ASK: &str = "ask ";

impl fmt::Display for Held {
    /// Writes the grant, and whether a person is asked; the other conditions are not written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ask = if self.asks { ASK } else { "" };
        write!(f, "{ask}{}", self.grant)
    }
}

impl FromStr for Held {
    type Err = RuleError;
    fn from_str(text: &str) -> Result<Self, RuleError> {
        let (text, asks) = text.strip_prefix(ASK).map_or((text, false), |rest| (rest, true));
        let grant: Grant = text.parse()?;
        let is_kind = |(kind, name): &(GrantKind, &str)| *name == grant.kind() && kind.has_asks();
        if asks && !GrantKind::ALL.iter().any(is_kind) {
            return Err(RuleError::new(text, "nobody can be asked for each use of this kind of grant"));
        }
        Ok(Self { asks, ..Self::from(grant) })
    }
}

/// One thing that a frame is about to do.
#[derive(Debug, Clone, Copy)]
pub enum Access<'a> {
    /// Call a tool, by its short and its full name.
    Tool {
        /// `plugin.function` where that is unambiguous.
        name: &'a str,
        /// `plugin.interface.function`.
        qualified: &'a str,
    },
    /// Call an agent.
    Agent(&'a str),
    /// Send a request.
    Http {
        /// The method, in capitals.
        method: &'a str,
        /// Where to.
        url: &'a Url,
    },
    /// Dial an address in order to send a request.
    Dial {
        /// The method, in capitals.
        method: &'a str,
        /// Where to.
        url: &'a Url,
        /// What its host resolved to.
        address: IpAddr,
    },
    /// See a path.
    File {
        /// An absolute, normalised path.
        path: &'a Path,
        /// For reading, or for writing too.
        mode: FileMode,
    },
    /// See a key of the state of the run.
    State {
        /// The key.
        key: &'a str,
        /// For reading, or for writing too.
        mode: Mode,
    },
    /// Use artifacts of the run.
    Artifact(Mode),
    /// Read an environment variable.
    Env(&'a str),
    /// Read a configuration key.
    Config(&'a str),
    /// Have a secret put on a request.
    Secret {
        /// The name of the secret.
        name: &'a str,
        /// The method of the request.
        method: &'a str,
        /// Where the request goes.
        url: &'a Url,
    },
    /// Publish an event, or wait for one.
    Event {
        /// Its name.
        name: &'a str,
        /// What is done.
        mode: EventMode,
    },
    /// Ask a model.
    Model(&'a str),
    /// Recall, or remember and forget, what outlives the run.
    Memory {
        /// Whose, such as `agent`.
        scope: &'a str,
        /// For recalling, or for remembering and forgetting.
        mode: Mode,
    },
    /// Write log.
    Log,
    /// Ask a person.
    Human,
    /// Sleep.
    Sleep,
}

impl Grant {
    /// Tells whether this grant covers an access.
    pub fn allows(&self, access: &Access<'_>) -> bool {
        match (self, access) {
            (Self::Tool(pattern), Access::Tool { name, qualified }) => {
                pattern.matches(name) || pattern.matches(qualified)
            }
            (Self::Agent(pattern), Access::Agent(name))
            | (Self::Model(pattern), Access::Model(name))
            | (Self::Env(pattern), Access::Env(name))
            | (Self::Config(pattern), Access::Config(name)) => pattern.matches(name),
            (Self::Http(rule), Access::Http { method, url }) => rule.matches(method, url),
            (Self::Http(rule), Access::Dial { method, url, address }) => {
                rule.matches(method, url) && rule.covers(*address)
            }
            (Self::File(rule), Access::File { path, mode }) => rule.covers(path, *mode),
            (Self::State(rule), Access::State { key, mode }) => rule.covers(key, *mode),
            (Self::Artifact(granted), Access::Artifact(mode)) => mode <= granted,
            (Self::Secret(rule), Access::Secret { name, method, url }) => {
                rule.name == *name && rule.to.matches(method, url)
            }
            (Self::Event(rule), Access::Event { name, mode }) => rule.covers(name, *mode),
            (Self::Memory(rule), Access::Memory { scope, mode }) => rule.covers(scope, *mode),
            (Self::Log, Access::Log) | (Self::Human, Access::Human) | (Self::Sleep, Access::Sleep) => true,
            _ => false,
        }
    }

    /// Returns the kind, as it stands in front of the `=`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Tool(_) => "tool",
            Self::Agent(_) => "agent",
            Self::Http(_) => "http",
            Self::File(_) => "file",
            Self::State(_) => "state",
            Self::Artifact(_) => "artifact",
            Self::Env(_) => "env",
            Self::Config(_) => "config",
            Self::Secret(_) => "secret",
            Self::Event(_) => "event",
            Self::Model(_) => "model",
            Self::Memory(_) => "memory",
            Self::Log => "log",
            Self::Human => "human",
            Self::Sleep => "sleep",
        }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tool(p) | Self::Agent(p) | Self::Env(p) | Self::Config(p) | Self::Model(p) => {
                write!(f, "{}={p}", self.kind())
            }
            Self::Http(rule) => write!(f, "http={rule}"),
            Self::File(rule) => write!(f, "file={rule}"),
            Self::State(rule) => write!(f, "state={rule}"),
            Self::Artifact(mode) => write!(f, "artifact={mode}"),
            Self::Secret(rule) => write!(f, "secret={rule}"),
            Self::Event(rule) => write!(f, "event={rule}"),
            Self::Memory(rule) => write!(f, "memory={rule}"),
            Self::Log | Self::Human | Self::Sleep => f.write_str(self.kind()),
        }
    }
}

impl FromStr for Grant {
    type Err = RuleError;
    fn from_str(text: &str) -> Result<Self, RuleError> {
        if let Some(bare) = [Self::Log, Self::Human, Self::Sleep].into_iter().find(|grant| grant.kind() == text) {
            return Ok(bare);
        }
        if text == "artifact" {
            return Ok(Self::Artifact(Mode::Write));
        }
        let (kind, value) = text.split_once('=').ok_or_else(|| {
            RuleError::new(
                text,
                "a grant is `kind=value`, such as `tool=files.read`, or one of the words `log`, `human`, `sleep`",
            )
        })?;
        Ok(match kind {
            "tool" => Self::Tool(value.parse()?),
            "agent" => Self::Agent(value.parse()?),
            "http" => Self::Http(value.parse()?),
            "file" => Self::File(value.parse()?),
            "state" => Self::State(value.parse()?),
            "artifact" => Self::Artifact(value.parse()?),
            "env" => Self::Env(value.parse()?),
            "config" => Self::Config(value.parse()?),
            "secret" => Self::Secret(value.parse()?),
            "event" => Self::Event(value.parse()?),
            "model" => Self::Model(value.parse()?),
            "memory" => Self::Memory(value.parse()?),
            _ => {
                let kinds = "the kinds are tool, agent, http, file, state, artifact, env, config, secret, event, model, memory, log, human and sleep";
                return Err(RuleError::new(text, kinds));
            }
        })
    }
}

impl Access<'_> {
    /// Names the access in a few words, in the form of a grant.
    pub fn summary(&self) -> String {
        match self {
            Self::Tool { name, .. } => format!("tool {name}"),
            Self::Agent(name) => format!("agent {name}"),
            Self::Http { method, url } => format!("http {method} {}", rule::without_query(url)),
            Self::Dial { method, url, address } => {
                format!("http {method} {} at {address}", rule::without_query(url))
            }
            Self::File { path, mode } => format!("file {} for {mode}", path.display()),
            Self::State { key, mode } => format!("state {key} for {mode}"),
            Self::Artifact(mode) => format!("artifacts for {mode}"),
            Self::Env(name) => format!("env {name}"),
            Self::Config(key) => format!("config {key}"),
            Self::Secret { name, url, .. } => format!("secret {name} for {}", rule::without_query(url)),
            Self::Event { name, mode: EventMode::Emit } => format!("event {name}"),
            Self::Event { name, mode: EventMode::Await } => format!("wait for event {name}"),
            Self::Model(name) => format!("model {name}"),
            Self::Memory { scope, mode } => format!("memory {scope} for {mode}"),
            Self::Log => "log".to_owned(),
            Self::Human => "question to a person".to_owned(),
            Self::Sleep => "sleep".to_owned(),
        }
    }

    /// Returns the key and the value that a manifest needs in a table of grants to allow this.
    pub fn manifest_line(&self) -> String {
        match self {
            Self::Tool { name, .. } => format!("tools = [{name:?}]"),
            Self::Agent(name) => format!("agents = [{name:?}]"),
            Self::Http { method, url } => {
                format!("http = [{:?}]", format!("{method} {}", rule::without_query(url)))
            }
            Self::Dial { method, url, address } => format!(
                "http = [{{ allow = {:?}, addresses = [\"{address}\"] }}]",
                format!("{method} {}", rule::without_query(url))
            ),
            Self::File { path, mode } => format!("files = [{:?}]", format!("{}:{mode}", path.display())),
            Self::State { key, mode } => format!("state = [{:?}]", format!("{key}:{mode}")),
            Self::Artifact(Mode::Read) => "artifacts = \"read\"".to_owned(),
            Self::Artifact(Mode::Write) => "artifacts = true".to_owned(),
            Self::Env(name) => format!("env = [{name:?}]"),
            Self::Config(key) => format!("config = [{key:?}]"),
            Self::Secret { name, url, .. } => {
                let to = format!("{}/*", url.origin().ascii_serialization());
                format!("secrets = [{{ name = {name:?}, to = {to:?}, header = \"authorization\" }}]")
            }
            Self::Event { name, mode } => format!("events = [{:?}]", format!("{name}:{mode}")),
            Self::Model(name) => format!("models = [{name:?}]"),
            Self::Memory { scope, mode } => format!("memory = [{:?}]", format!("{scope}:{mode}")),
            Self::Log => "log = true".to_owned(),
            Self::Human => "human = true".to_owned(),
            Self::Sleep => "sleep = true".to_owned(),
        }
    }
}

/// A set of grants that one holder was given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GrantSet(Vec<Held>);

impl GrantSet {
    /// Returns what is held.
    pub fn iter(&self) -> impl Iterator<Item = &Held> {
        self.0.iter()
    }

    /// Adds a grant.
    pub fn push(&mut self, held: impl Into<Held>) {
        self.0.push(held.into());
    }

    /// Returns how many grants there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells whether nothing is granted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the grants that cover an access, in order.
    pub fn covering<'a>(&'a self, access: &'a Access<'_>) -> impl Iterator<Item = &'a Held> {
        self.0.iter().filter(move |held| held.grant.allows(access))
    }
}

impl<T: Into<Held>> FromIterator<T> for GrantSet {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self(items.into_iter().map(Into::into).collect())
    }
}

impl Serialize for GrantSet {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(ToString::to_string))
    }
}

impl<'de> Deserialize<'de> for GrantSet {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let texts = Vec::<String>::deserialize(d)?;
        if texts.len() > GRANTS_MAX {
            return Err(serde::de::Error::custom(format!("more than {GRANTS_MAX} grants")));
        }
        texts.iter().map(|text| text.parse::<Held>().map_err(serde::de::Error::custom)).collect()
    }
}
