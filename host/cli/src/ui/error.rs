// SPDX-License-Identifier: MIT OR Apache-2.0
//! What went wrong, as it is told to the user: one line, its causes, and what to do about it.

use std::fmt::Write as _;
use std::io;

use owo_colors::OwoColorize;
use priory::core::failure::{Denial, LimitHit, Timeout};
use priory::core::money::Dollars;
use priory::core::{Dimension, Failure, LimitSpec};
use priory::manifest;

use super::exit::Exit;
use super::text::{indented, printable};
use crate::when::show_span;

/// How many functions of a broken guest's stack are shown.
const STACK_SHOWN_MAX: usize = 12;
/// What stands behind the frame in a failure where a run waited for somebody in vain.
const WAITED: [&str; 2] = ["nobody answered", "nobody published "];

/// How the engine names the quota of a day in failures.
const QUOTA: &str = "the quota of the day";

/// Why the program ends without doing what it was asked.
#[derive(Debug)]
pub(crate) struct Error {
    pub(crate) exit: Exit,
    message: String,
    causes: Vec<String>,
    /// Shown as it is, below the message.
    detail: String,
    hint: Option<String>,
}

/// The result of everything that a command does.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// Where a user changes what a run may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Settings {
    /// On the command line: there is no manifest.
    Flags,
    /// In a manifest, except for what the command line bounds.
    Manifest {
        /// Where it is.
        path: String,
        /// What the command line bounds.
        bounded: LimitSpec,
    },
}

impl Error {
    /// Makes an error of one line.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), causes: Vec::new(), detail: String::new(), hint: None }
    }

    /// Makes an error about something that is not there.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(Exit::NotFound, message)
    }

    /// Makes an error about the command line.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Makes an error of a file that cannot be read or written.
    pub(crate) fn io(what: impl Into<String>, error: &io::Error) -> Self {
        let exit = if error.kind() == io::ErrorKind::NotFound { Exit::NotFound } else { Exit::Failed };
        Self::new(exit, what).cause(error.to_string())
    }

    /// Adds a cause.
    pub(crate) fn cause(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }

    /// Adds lines that are shown as they are.
    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// Says what to do about it.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Tells of a failed run.
    pub(crate) fn of_failure(failure: &Failure, settings: &Settings) -> Self {
        let error = Self::new(Exit::of(failure), failure.to_string());
        match failure {
            Failure::Timeout(timeout) if let Some(missed) = missed(timeout) => {
                Self::new(Exit::of(failure), format!("{missed} within {}", show_span(timeout.allowed_ms)))
                    .hint("raise `expires-ms`, or say what happens then with `on-expiry`")
            }
            Failure::Denied(denial) => error.hint(allow(denial, settings)),
            Failure::Limit(hit) if is_of_models(hit.dimension) => {
                Self::new(Exit::of(failure), spent(hit)).hint(pay(hit, settings))
            }
            Failure::Limit(hit) => error.hint(raise(hit.dimension, raised(hit), settings)),
            Failure::Timeout(timeout) => {
                error.hint(raise(Dimension::TimeMs, timeout.allowed_ms.saturating_mul(2), settings))
            }
            Failure::Trap(trap) if !trap.backtrace.is_empty() => {
                let shown = trap.backtrace.iter().take(STACK_SHOWN_MAX).map(|function| format!("in {function}"));
                shown.fold(error, Self::cause)
            }
            _ => error,
        }
    }

    /// Adds a refusal that a guest met on the way: it may have told of it in words of its own, or not at all.
    pub(crate) fn hint_at_denial(self, denial: &Denial, settings: &Settings) -> Self {
        let cause = format!("on the way, {} was not granted: {} does not allow it", denial.effect, denial.by);
        self.cause(cause).hint(allow(denial, settings))
    }

    /// Adds that what a guest printed was dropped for want of a grant.
    pub(crate) fn hint_at_log(self, settings: &Settings) -> Self {
        match settings {
            Settings::Flags => self.hint("whatever it printed was dropped; to see it, add --grant log"),
            Settings::Manifest { path, .. } => self.hint(format!(
                "if it printed anything, that was dropped; to see it, add `log = true` to its grants in {path}"
            )),
        }
    }

    /// Returns the message with its causes, on one line.
    pub(crate) fn message(&self) -> String {
        std::iter::once(&self.message).chain(&self.causes).map(String::as_str).collect::<Vec<_>>().join(": ")
    }

    /// Writes it for a terminal; whoever prints it removes the colours where there are none.
    pub(crate) fn render(&self) -> String {
        let mut text = format!("{} {}\n", "error:".bright_red().bold(), printable(&self.message).trim_end());
        // Writing to a string does not fail.
        for cause in &self.causes {
            let _ = writeln!(text, "{}", indented(printable(cause).trim_end(), 2));
        }
        if !self.detail.is_empty() {
            let _ = writeln!(text, "{}", self.detail.trim_end());
        }
        if let Some(hint) = &self.hint {
            let _ = writeln!(text, "{} {}", "hint:".bright_cyan().bold(), printable(hint).trim_end());
        }
        text
    }
}

/// Returns what did not come in time, where a run waited for somebody: then no limit was too low.
fn missed(timeout: &Timeout) -> Option<&str> {
    // The frame stands before it, and a path has no comma.
    let (_, missed) = timeout.frame.split_once(", ")?;
    WAITED.iter().any(|words| missed.starts_with(words)).then_some(missed)
}

/// Says how to allow what was denied.
fn allow(denial: &Denial, settings: &Settings) -> String {
    match settings {
        Settings::Manifest { path, .. } if denial.remedy.starts_with('[') => {
            format!("to allow it, add to {path}:\n\n{}\n", indented(&denial.remedy, 4))
        }
        Settings::Flags => match as_flag(&denial.remedy) {
            Some(flag) => format!("to allow it, add {flag}"),
            None if denial.remedy.starts_with('[') => {
                format!("to allow it, write a manifest with:\n\n{}\n", indented(&denial.remedy, 4))
            }
            None => denial.remedy.trim_start_matches("# ").to_owned(),
        },
        Settings::Manifest { .. } if denial.remedy.starts_with("--") => format!("to allow it, add {}", denial.remedy),
        Settings::Manifest { .. } => denial.remedy.trim_start_matches("# ").to_owned(),
    }
}

/// Turns the lines of a manifest that allow something into the flag that does.
fn as_flag(remedy: &str) -> Option<String> {
    if remedy.starts_with("--") {
        return Some(remedy.to_owned());
    }
    let line = remedy.lines().find(|line| !line.starts_with(['[', '#']))?;
    let (key, value) = line.split_once(" = ")?;
    if ["log", "human", "sleep"].contains(&key) {
        return Some(format!("--grant {key}"));
    }
    if key == "artifacts" {
        return Some(if value == "true" { "--grant artifact".to_owned() } else { "--grant artifact=read".to_owned() });
    }
    let kind = match key {
        "tools" => "tool",
        "agents" => "agent",
        "files" => "file",
        "models" => "model",
        "http" | "state" | "env" | "config" | "memory" => key,
        _ => return None,
    };
    // A value in a table of its own has conditions, and a flag has none.
    let quoted = value.strip_prefix('[')?.strip_suffix(']')?;
    let text: String = serde_json::from_str(quoted).ok()?;
    Some(format!("--grant '{kind}={text}'"))
}

/// Tells whether something is spent on models.
fn is_of_models(dimension: Dimension) -> bool {
    matches!(dimension, Dimension::TokensIn | Dimension::TokensOut | Dimension::MoneyMicrousd)
}

/// Says that no more is left to be spent on models.
fn spent(hit: &LimitHit) -> String {
    let amount = |amount: u64| match hit.dimension {
        Dimension::MoneyMicrousd => format!("${}", Dollars(amount)),
        Dimension::TokensIn => format!("{amount} tokens in"),
        _ => format!("{amount} tokens out"),
    };
    format!("{} may spend {}, and {} would be needed", hit.frame, amount(hit.allowed), amount(hit.used))
}

/// Says how to let more be spent on models.
fn pay(hit: &LimitHit, settings: &Settings) -> String {
    let (key, flag) = match hit.dimension {
        Dimension::MoneyMicrousd => ("money", Some(format!("--money {}", Dollars(raised(hit))))),
        Dimension::TokensIn => ("tokens-in", None),
        _ => ("tokens-out", None),
    };
    let place = match settings {
        Settings::Manifest { path, .. } => path.as_str(),
        Settings::Flags => "the manifest",
    };
    if hit.frame.contains(QUOTA) {
        return format!(
            "it is spent until midnight in UTC: `priory costs` shows on what; raise `{key}` of [quota] in {place}"
        );
    }
    match flag.filter(|_| *settings == Settings::Flags) {
        Some(flag) => format!("if it may cost more, add {flag}"),
        None => format!(
            "if it may spend more, raise `{key}` in {place}: in [budget], in the `budget` of the agent or node, or as `limits`; \
             a model with a lower price may stand in as one of its `fallbacks`"
        ),
    }
}

/// Proposes twice of what was asked for: by how much a limit is too low cannot be seen where it is hit.
fn raised(hit: &LimitHit) -> u64 {
    hit.used.max(hit.allowed).saturating_mul(2)
}

/// Says how to raise a limit.
fn raise(dimension: Dimension, to: u64, settings: &Settings) -> String {
    let flag = |to: u64| match dimension {
        Dimension::Fuel => Some(format!("--fuel {to}")),
        Dimension::MemoryBytes => Some(format!("--memory {}MiB", to.div_ceil(1 << 20))),
        Dimension::TimeMs => Some(format!("--timeout {to}ms")),
        _ => None,
    };
    // What was given for the whole run is more than what one of its frames had.
    let bounded = match settings {
        Settings::Manifest { bounded, .. } => bounded.get(dimension),
        Settings::Flags => None,
    };
    if let Some(flag) = bounded.and_then(|given| flag(given.saturating_mul(2))) {
        return format!("if it may take more, raise it with {flag}");
    }
    match (settings, flag(to)) {
        (Settings::Flags, Some(flag)) => format!("if it may take more, add {flag}"),
        (Settings::Flags, None) => {
            format!("if it may take more, write a manifest with `[limits]` `{dimension} = {to}`")
        }
        (Settings::Manifest { path, .. }, _) => format!(
            "if it may take more, raise `{dimension}` in {path}; `priory explain NAME` shows which table sets it"
        ),
    }
}

impl From<manifest::Error> for Error {
    fn from(error: manifest::Error) -> Self {
        match &error {
            manifest::Error::Problems { path, problems, .. } => {
                let count = super::text::counted(problems.len(), "problem");
                Self::new(Exit::Invalid, format!("{} has {count}", path.display())).detail(error.render(true))
            }
            manifest::Error::Read { source, .. } => Self::io(error.to_string(), source),
            manifest::Error::UnknownInput { .. }
            | manifest::Error::InputTooLong { .. }
            | manifest::Error::InputPath { .. } => Self::usage(error.to_string()),
            manifest::Error::MissingInput { description, .. } => {
                let usage = Self::usage(error.to_string());
                if description.is_empty() { usage } else { usage.cause(description.clone()) }
            }
            _ => Self::new(Exit::Invalid, error.to_string()),
        }
    }
}

impl From<priory::Error> for Error {
    fn from(error: priory::Error) -> Self {
        use priory::Error as Of;
        let error = match error {
            Of::Journal(error) => return error.into(),
            Of::Fork(error) => return error.into(),
            Of::Run(failure) => return Self::of_failure(&failure, &Settings::Flags),
            other => other,
        };
        let exit = match &error {
            Of::Load(_)
            | Of::Catalog(_)
            | Of::Workflow(_)
            | Of::UnknownPlugin { .. }
            | Of::LinkedInCircle(_)
            | Of::Grant(_)
            | Of::Models(_)
            | Of::Telemetry(_)
            | Of::Depth { .. } => Exit::Invalid,
            Of::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => Exit::NotFound,
            _ => Exit::Failed,
        };
        let mut causes = Vec::new();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            causes.push(cause.to_string());
            source = cause.source();
        }
        let message = error.to_string();
        causes.retain(|cause| !message.contains(cause));
        causes.into_iter().fold(Self::new(exit, message), Self::cause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(remedy: &str, settings: &Settings, expect: &str) {
        let denial = Denial { effect: "file /x for read".into(), by: "plugin files".into(), remedy: remedy.into() };
        let error = Error::of_failure(&Failure::Denied(denial), settings);
        assert_eq!(error.exit, Exit::Denied);
        let text = anstream::adapter::strip_str(&error.render()).to_string();
        let start = "error: file /x for read is not granted: plugin files does not allow it\n";
        assert_eq!(text.strip_prefix(start).unwrap(), expect);
    }

    #[test]
    fn a_denial_says_how_to_allow_it() {
        let manifest = manifest(&[]);
        let lines = "[plugins.files.grants]\nfiles = [\"/x:read\"]";
        check(
            lines,
            &manifest,
            "hint: to allow it, add to priory.toml:\n\n    [plugins.files.grants]\n    files = [\"/x:read\"]\n",
        );
        check(lines, &Settings::Flags, "hint: to allow it, add --grant 'file=/x:read'\n");
        check("[plugins.a.grants]\nlog = true", &Settings::Flags, "hint: to allow it, add --grant log\n");
        check("--grant \"log\"", &manifest, "hint: to allow it, add --grant \"log\"\n");
        let dial = "[plugins.a.grants]\nhttp = [{ allow = \"GET http://a/\", addresses = [\"10.0.0.1\"] }]";
        assert!(allow_text(dial).starts_with("to allow it, write a manifest with:"));
    }

    fn manifest(bounded: &[(Dimension, u64)]) -> Settings {
        Settings::Manifest { path: "priory.toml".into(), bounded: bounded.iter().copied().collect() }
    }

    fn allow_text(remedy: &str) -> String {
        let denial = Denial { effect: String::new(), by: String::new(), remedy: remedy.into() };
        allow(&denial, &Settings::Flags)
    }

    #[test]
    fn who_did_not_answer_needs_no_limit() {
        let text = |frame: &str| {
            let failure = Failure::Timeout(Timeout { allowed_ms: 1_500, frame: frame.into() });
            let error = Error::of_failure(&failure, &manifest(&[]));
            assert_eq!(error.exit, Exit::of(&failure));
            anstream::adapter::strip_str(&error.render()).to_string()
        };
        let hint = "hint: raise `expires-ms`, or say what happens then with `on-expiry`\n";
        assert_eq!(text("0.2, nobody answered"), format!("error: nobody answered within 1.5 s\n{hint}"));
        assert_eq!(text("0, nobody published a.b"), format!("error: nobody published a.b within 1.5 s\n{hint}"));
        assert!(text("0 tool a.b").contains("raise `time-ms` in priory.toml"));
    }

    #[test]
    fn what_is_spent_on_models_is_told_in_dollars() {
        let text = |dimension, frame: &str, settings: &Settings| {
            let failure = Failure::limit(dimension, 12_000, 10_000, frame);
            let error = Error::of_failure(&failure, settings);
            assert_eq!(error.exit, Exit::Limit);
            anstream::adapter::strip_str(&error.render()).to_string()
        };
        let money = text(Dimension::MoneyMicrousd, "0.1 agent a", &Settings::Flags);
        let expected = "error: 0.1 agent a may spend $0.01, and $0.012 would be needed\nhint: if it may cost more, add --money 0.024\n";
        assert_eq!(money, expected);
        let tokens = text(Dimension::TokensIn, "0 agent a", &manifest(&[]));
        assert!(tokens.contains("10000 tokens in") && tokens.contains("raise `tokens-in` in priory.toml"), "{tokens}");
        let quota = text(Dimension::MoneyMicrousd, QUOTA, &manifest(&[]));
        assert!(quota.contains("raise `money` of [quota] in priory.toml"), "{quota}");
    }

    #[test]
    fn a_limit_names_its_flag_or_its_manifest() {
        let failure = Failure::limit(Dimension::Fuel, 10, 10, "0 tool a.b");
        let text = |settings: &Settings| {
            anstream::adapter::strip_str(&Error::of_failure(&failure, settings).render()).to_string()
        };
        assert!(text(&Settings::Flags).ends_with("hint: if it may take more, add --fuel 20\n"));
        assert!(text(&manifest(&[])).contains("raise `fuel` in priory.toml"));
        assert!(text(&manifest(&[(Dimension::Fuel, 40)])).ends_with("raise it with --fuel 80\n"));
    }
}
