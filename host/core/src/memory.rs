// SPDX-License-Identifier: MIT OR Apache-2.0
//! Memory: facts that outlive the run that learnt them, each with its source and its time.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::{Digest, FramePath, IdError, RunId, is_name};
use crate::inbox::Origin;
use crate::json::Json;
use crate::model::Vector;

/// How long the text of one fact may be, in bytes: what is longer is an artifact, or several facts.
pub const FACT_BYTES_MAX: usize = 64 << 10;
/// How long the data beside a text may be, in bytes.
pub const FACT_DATA_BYTES_MAX: u64 = 64 << 10;
/// How long a subject and a source may be, in bytes each.
pub const SUBJECT_BYTES_MAX: usize = 256;
/// How many facts one scope may have.
pub const FACTS_MAX: u64 = 100_000;
/// How many facts are recalled at once.
pub const RECALL_MAX: u32 = 200;
/// How long a question to the memory may be, in bytes.
pub const QUERY_BYTES_MAX: usize = 16 << 10;
/// How many ids are forgotten at once.
pub const FORGET_MAX: usize = 1_000;

/// Whose facts they are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// The run's: they are forgotten with it.
    Run,
    /// The agent's, in all of its runs.
    Agent,
    /// A user's, by name.
    User(String),
    /// Everybody's who shares this host.
    Tenant,
}

/// Names one fact for ever: it depends on who remembered it, and where.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FactId([u8; 8]);

/// What is to be remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct NewFact {
    /// In words: they are what is searched.
    pub text: String,
    /// What else belongs to it; it is given back, and not searched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Json>,
    /// What it is about: facts are listed and forgotten by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Where it comes from, in the words of whoever remembers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// After how many milliseconds it is forgotten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<u64>,
}

/// Something that is remembered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Fact {
    /// Its id.
    pub id: FactId,
    /// In words.
    pub text: String,
    /// What else belongs to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Json>,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Where it comes from, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// When it was remembered, in milliseconds since 1970.
    pub unix_ms: u64,
    /// When it is forgotten, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_unix_ms: Option<u64>,
    /// Which step of which run remembered it.
    pub from: Origin,
    /// How well it fits what was asked, in millionths: 1,000,000 is the best that was found. 0 where nothing was searched.
    pub score_ppm: u32,
}

/// How facts are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Search {
    /// By words, and by meaning too where a model for it is configured.
    #[default]
    Best,
    /// By words.
    Words,
    /// By meaning.
    Meaning,
    /// The newest first, without a search.
    Newest,
}

/// What is asked of the memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MemoryOp {
    /// Remember a fact.
    Remember {
        /// Whose.
        scope: Scope,
        /// What.
        fact: NewFact,
    },
    /// Find facts.
    Recall {
        /// Whose.
        scope: Scope,
        /// What is looked for; no matter to `newest`.
        text: String,
        /// Only about this.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        subject: Option<String>,
        /// How.
        #[serde(default)]
        search: Search,
        /// How many at most, [`RECALL_MAX`] at once.
        most: u32,
    },
    /// Forget facts.
    Forget {
        /// Whose.
        scope: Scope,
        /// Which.
        which: Forget,
    },
}

/// Which facts are forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Forget {
    /// These.
    Ids(Vec<FactId>),
    /// All about this.
    Subject(String),
    /// All of the scope.
    All,
}

/// What the memory gave back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MemoryValue {
    /// The id of what is remembered now.
    Remembered(FactId),
    /// What was found, the best first.
    Recalled(Vec<Fact>),
    /// How many were forgotten.
    Forgotten(u64),
}

/// Whose facts they are, where they are kept: a [`Scope`] with the name of the agent or the run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScopeKey(String);

/// A fact on its way to where it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptFact {
    /// Whose.
    pub scope: ScopeKey,
    /// What.
    pub fact: Fact,
    /// Its meaning, and the model that found it.
    pub meaning: Option<Meaning>,
}

/// The meaning of a text. Only those of one model can be compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Meaning {
    /// The model.
    pub model: String,
    /// The vector.
    pub vector: Vector,
}

/// Which facts are looked for.
#[derive(Debug, Clone, PartialEq)]
pub struct FactQuery {
    /// Whose.
    pub scope: ScopeKey,
    /// With words like these; `None` does not look at words.
    pub words: Option<String>,
    /// With a meaning like this; `None` does not look at meaning. With neither, the newest come first.
    pub meaning: Option<Meaning>,
    /// Only about this.
    pub subject: Option<String>,
    /// What has expired by now is not there, in milliseconds since 1970.
    pub now_unix_ms: u64,
    /// How many at most.
    pub most: u32,
}

/// What is known of a scope without its facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ScopeInfo {
    /// Whose.
    pub scope: String,
    /// How many facts.
    pub facts: u64,
    /// How many bytes their texts and data have.
    pub bytes: u64,
}

// === impl Scope ===

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run => f.write_str("run"),
            Self::Agent => f.write_str("agent"),
            Self::User(name) => write!(f, "user/{name}"),
            Self::Tenant => f.write_str("tenant"),
        }
    }
}

impl FromStr for Scope {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        Ok(match text {
            "run" => Self::Run,
            "agent" => Self::Agent,
            "tenant" => Self::Tenant,
            _ => match text.strip_prefix("user/").filter(|name| is_name(name)) {
                Some(name) => Self::User(name.to_owned()),
                None => {
                    return Err(IdError {
                        text: text.chars().take(80).collect(),
                        kind: "scope of the memory",
                        expected: "`run`, `agent`, `tenant` or `user/NAME`",
                    });
                }
            },
        })
    }
}

impl Serialize for Scope {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

// === impl ScopeKey ===

impl ScopeKey {
    /// Returns where the facts of a scope are kept, as seen by a program of some name in some run.
    pub fn of(scope: &Scope, run: RunId, program: &str) -> Self {
        Self(match scope {
            Scope::Run => format!("run/{run}"),
            Scope::Agent => format!("agent/{program}"),
            Scope::User(name) => format!("user/{name}"),
            Scope::Tenant => "tenant".to_owned(),
        })
    }

    /// Takes the text of a key, such as an operator writes it: `tenant`, `user/NAME`, `agent/NAME` or `run/ID`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ScopeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// === impl FactId ===

impl FactId {
    /// Returns the id of what a frame remembers at one of its steps.
    pub fn of(run: RunId, frame: &FramePath, step: u32) -> Self {
        let text = format!("{run} {frame} {step}");
        let digest = Digest::of(text.as_bytes());
        let mut id = [0; 8];
        id.iter_mut().zip(digest.as_bytes()).for_each(|(to, from)| *to = *from);
        Self(id)
    }
}

impl fmt::Display for FactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fact_{:016x}", u64::from_be_bytes(self.0))
    }
}

impl fmt::Debug for FactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for FactId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let number = text.strip_prefix("fact_").filter(|digits| digits.len() == 16);
        let number = number.and_then(|digits| u64::from_str_radix(digits, 16).ok());
        number.map(|number| Self(number.to_be_bytes())).ok_or_else(|| IdError {
            text: text.chars().take(80).collect(),
            kind: "fact",
            expected: "`fact_` and 16 hexadecimal digits",
        })
    }
}

impl Serialize for FactId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FactId {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

// === impl MemoryOp ===

impl MemoryOp {
    /// Returns whose facts it is about.
    pub fn scope(&self) -> &Scope {
        match self {
            Self::Remember { scope, .. } | Self::Recall { scope, .. } | Self::Forget { scope, .. } => scope,
        }
    }

    /// Names it in a few words.
    pub fn summary(&self) -> String {
        match self {
            Self::Remember { scope, .. } => format!("remember for {scope}"),
            Self::Recall { scope, .. } => format!("recall of {scope}"),
            Self::Forget { scope, .. } => format!("forget of {scope}"),
        }
    }

    /// Returns how long its texts are, in bytes.
    pub fn byte_len(&self) -> u64 {
        let words = |texts: &[Option<&String>]| texts.iter().flatten().map(|text| text.len()).sum::<usize>() as u64;
        match self {
            Self::Remember { fact, .. } => words(&[Some(&fact.text), fact.subject.as_ref(), fact.source.as_ref()])
                .saturating_add(fact.data.as_ref().map_or(0, |data| data.byte_len())),
            Self::Recall { text, subject, .. } => words(&[Some(text), subject.as_ref()]),
            Self::Forget { which: Forget::Subject(subject), .. } => subject.len() as u64,
            Self::Forget { which: Forget::Ids(ids), .. } => 21 * ids.len() as u64,
            Self::Forget { which: Forget::All, .. } => 0,
        }
    }
}

// === impl MemoryValue ===

impl MemoryValue {
    /// Returns how long its texts are, in bytes.
    pub fn byte_len(&self) -> u64 {
        let Self::Recalled(facts) = self else { return 0 };
        facts.iter().fold(0_u64, |sum, fact| {
            let words = fact.text.len() + fact.subject.as_ref().map_or(0, String::len);
            sum.saturating_add(words as u64).saturating_add(fact.data.as_ref().map_or(0, |data| data.byte_len()))
        })
    }
}
