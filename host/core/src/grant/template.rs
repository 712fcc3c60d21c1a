// SPDX-License-Identifier: MIT OR Apache-2.0
//! Grants as an operator wrote them, with places for what is given when a run starts.
//!
//! The path of a file grant, the key of a state grant and the host, port and path of an http grant may contain
//! `{input.NAME}`. Such a place is a *slot*: whatever value is put there, it cannot change what stands around it. Nothing that a guest says ever
//! becomes a value. In the path of a file grant, `{{` and `}}` stand for single braces.

mod kind;
mod slot;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::grant::rule::{
    FileMode, FileRule, FileScope, HttpRule, Mode, RULE_BYTES_MAX, RuleError, SecretRule, StateRule, normalised,
};
use crate::grant::{ASK, GRANTS_MAX, Grant, GrantSet, Held};
use crate::http::is_public;
pub use kind::GrantKind;
use slot::{Part, Slot, parts};

/// Why a number of uses is refused where [`GrantKind::has_uses`] says no.
const NO_USES: &str = "this kind of grant has no number of uses: a frame is given it once, when it opens";

/// Why it is refused to ask for each use where [`GrantKind::has_asks`] says no.
const NO_ASKS: &str = "nobody can be asked for each use of this kind of grant: the host does not see them one by one";

/// A grant as an operator wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct GrantTemplate {
    /// What kind of grant it is.
    pub kind: GrantKind,
    /// What stands behind the `=` of a grant; empty for log. Paths may be relative to `base`.
    pub text: String,
    /// Where the guest finds the file, absolute; `None` means `/` and the last part of the path as it is written.
    pub guest_path: Option<String>,
    /// Addresses that an http grant may dial although they are not public.
    pub addresses: Vec<IpNet>,
    /// The header field that carries a secret; `None` means `authorization`.
    pub header: Option<String>,
    /// The value of that field, with `{}` where the secret stands; `None` means `Bearer {}`.
    pub format: Option<String>,
    /// Until when it holds, in milliseconds since 1970; `None` for ever.
    pub until_unix_ms: Option<u64>,
    /// How often in one run; `None` without end. It is refused for what has no uses, see [`GrantKind::has_uses`].
    pub uses_max: Option<u32>,
    /// Whether a person approves each use. It is refused for what is not done by effects, see [`GrantKind::has_asks`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub asks: bool,
    /// The absolute folder that relative paths start from.
    pub base: PathBuf,
}

/// The grants of one holder, as an operator wrote them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GrantTemplates(pub Vec<GrantTemplate>);

/// Where values come from.
type Values<'a> = &'a dyn Fn(&str, Slot) -> Option<String>;

// === impl GrantTemplate ===

impl FromStr for GrantTemplate {
    type Err = RuleError;

    /// Reads `kind=value`, as a grant is written, without conditions but `ask ` in front: a person approves each use. A relative path is refused when it is resolved.
    fn from_str(text: &str) -> Result<Self, RuleError> {
        let (text, asks) = text.strip_prefix(ASK).map_or((text, false), |rest| (rest, true));
        let (kind, value) = text.split_once('=').unwrap_or((text, ""));
        let kind = GrantKind::ALL.into_iter().find(|(_, name)| *name == kind).map(|(kind, _)| kind);
        let kind = kind.ok_or_else(|| {
            RuleError::new(text, "a grant is `kind=value`, such as `tool=files.read`, or the word `log`")
        })?;
        Ok(Self { asks, ..Self::new(kind, value, PathBuf::new()) })
    }
}

impl GrantTemplate {
    /// Makes a grant without conditions.
    pub fn new(kind: GrantKind, text: impl Into<String>, base: impl Into<PathBuf>) -> Self {
        Self {
            kind,
            text: text.into(),
            guest_path: None,
            addresses: Vec::new(),
            header: None,
            format: None,
            until_unix_ms: None,
            uses_max: None,
            asks: false,
            base: base.into(),
        }
    }

    /// Returns the names of the inputs that it mentions, in order.
    pub fn inputs(&self) -> Result<Vec<&str>, RuleError> {
        let name = |part| match part {
            Part::Input(name) => Some(name),
            Part::Text(_) => None,
        };
        match self.kind {
            GrantKind::File | GrantKind::Http | GrantKind::State | GrantKind::Memory => {
                Ok(parts(&self.text)?.into_iter().filter_map(name).collect())
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Checks everything that does not depend on the values of inputs.
    pub fn check(&self, declared: &dyn Fn(&str) -> bool) -> Result<(), RuleError> {
        if let Some(name) = self.inputs()?.into_iter().find(|name| !declared(name)) {
            return Err(self.error(format!("there is no input `{name}`")));
        }
        // What fits every slot shows whether the rest is right.
        let stand_in = |_: &str, slot| Some(if slot == Slot::Port { "1" } else { "x" }.to_owned());
        self.fill(&stand_in).map(|_| ())
    }

    /// Returns the grant for a run that was given some inputs.
    pub fn resolve(&self, inputs: &BTreeMap<String, String>) -> Result<Held, RuleError> {
        self.fill(&|name, _| inputs.get(name).cloned())
    }

    fn fill(&self, values: Values<'_>) -> Result<Held, RuleError> {
        self.check_fields()?;
        let grant = match self.kind {
            GrantKind::Tool => Grant::Tool(self.fixed()?.parse()?),
            GrantKind::Agent => Grant::Agent(self.fixed()?.parse()?),
            GrantKind::State => Grant::State(self.state(values)?),
            GrantKind::Artifact if self.text.is_empty() => Grant::Artifact(Mode::Write),
            GrantKind::Artifact => Grant::Artifact(self.fixed()?.parse()?),
            GrantKind::Env => Grant::Env(self.fixed()?.parse()?),
            GrantKind::Config => Grant::Config(self.fixed()?.parse()?),
            GrantKind::Http => Grant::Http(self.http(values)?),
            GrantKind::File => Grant::File(self.file(values)?),
            GrantKind::Secret => Grant::Secret(self.secret()?),
            GrantKind::Event => Grant::Event(self.fixed()?.parse()?),
            GrantKind::Model => Grant::Model(self.fixed()?.parse()?),
            GrantKind::Memory => Grant::Memory(self.state(values)?),
            GrantKind::Log => Grant::Log,
            GrantKind::Human => Grant::Human,
            GrantKind::Sleep => Grant::Sleep,
        };
        Ok(Held { grant, until_unix_ms: self.until_unix_ms, uses_max: self.uses_max, asks: self.asks })
    }

    /// Refuses what the kind has no use for, so that a condition is never dropped in silence.
    fn check_fields(&self) -> Result<(), RuleError> {
        let secret = self.header.is_some() || self.format.is_some();
        if self.text.len() > RULE_BYTES_MAX {
            return Err(self.error(format!("the rule is longer than {RULE_BYTES_MAX} bytes")));
        }
        match self.kind {
            GrantKind::Log | GrantKind::Human | GrantKind::Sleep if !self.text.is_empty() => {
                Err(self.error("log, human and sleep have no value"))
            }
            kind if self.guest_path.is_some() && kind != GrantKind::File => {
                Err(self.error("only a file grant has a place in the guest"))
            }
            kind if !self.addresses.is_empty() && kind != GrantKind::Http => {
                Err(self.error("only an http grant has addresses"))
            }
            kind if self.uses_max.is_some() && !kind.has_uses() => Err(self.error(NO_USES)),
            kind if self.asks && !kind.has_asks() => Err(self.error(NO_ASKS)),
            kind if secret && kind != GrantKind::Secret => {
                Err(self.error("only a secret grant has a header and a format"))
            }
            _ => Ok(()),
        }
    }

    /// Returns the text of a kind in which nothing can be filled in.
    fn fixed(&self) -> Result<&str, RuleError> {
        if self.text.contains(['{', '}']) {
            return Err(self.error(
                "`{input.NAME}` may only stand in the path of a file, in a key of the state, in a scope of the memory, and in the host, port and path \
                 of a url",
            ));
        }
        Ok(&self.text)
    }

    fn http(&self, values: Values<'_>) -> Result<HttpRule, RuleError> {
        let (methods, place) = match self.text.split_once(' ') {
            Some((methods, place)) => (Some(methods), place),
            None => (None, self.text.as_str()),
        };
        let form = "`http://` or `https://` is expected, as in `GET https://example.org/docs/*`";
        let (scheme, rest) = place.split_once("://").ok_or_else(|| self.error(form))?;
        if methods.is_some_and(|methods| methods.contains('{')) || scheme.contains('{') {
            return Err(self.error("`{input.NAME}` may stand in the host, the port and the path, not before them"));
        }
        // Names of inputs hold neither `/` nor `:`, so the template can be cut before it is filled.
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            _ => (authority, None),
        };
        let mut text = methods.map(|methods| format!("{methods} ")).unwrap_or_default();
        text.push_str(scheme);
        text.push_str("://");
        text.push_str(&self.host(host, values)?);
        if let Some(port) = port {
            text.push(':');
            text.push_str(&self.fill_text(port, Slot::Port, values)?);
        }
        text.push_str(&self.url_path(path, values)?);
        Ok(text.parse::<HttpRule>()?.with_addresses(self.addresses.iter().copied()))
    }

    /// Fills in the host. A value that is an address must be public or listed: else whoever gives the
    /// value could reach into the network of the host.
    fn host(&self, host: &str, values: Values<'_>) -> Result<String, RuleError> {
        let filled = self.fill_text(host, Slot::Host, values)?;
        if host.contains('{') {
            let address = match url::Host::parse(&filled) {
                Ok(url::Host::Ipv4(ip)) => Some(ip.into()),
                Ok(url::Host::Ipv6(ip)) => Some(std::net::IpAddr::V6(ip).to_canonical()),
                _ => None,
            };
            if let Some(ip) = address.filter(|ip| !is_public(*ip) && !self.addresses.iter().any(|n| n.contains(ip))) {
                return Err(self.error(format!("{ip} is not public; list it in `addresses` to allow it")));
            }
        }
        Ok(filled)
    }

    fn url_path(&self, path: &str, values: Values<'_>) -> Result<String, RuleError> {
        let filled = self.fill_text(path, Slot::UrlPath, values)?;
        let is_dots = |segment: &str| matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
        if path.contains('{') && filled.split('/').any(is_dots) {
            return Err(self.error("the path has dot segments once the inputs are filled in"));
        }
        Ok(filled)
    }

    /// The mode is cut off before the keys are filled in, so that no value can be taken for one.
    fn state(&self, values: Values<'_>) -> Result<StateRule, RuleError> {
        let (keys, mode) = StateRule::cut(&self.text);
        Ok(StateRule { keys: self.fill_text(keys, Slot::Key, values)?.parse()?, mode })
    }

    fn file(&self, values: Values<'_>) -> Result<FileRule, RuleError> {
        let (path, mode) = match self.text.rsplit_once(':') {
            Some((path, "read")) => (path, FileMode::Read),
            Some((path, "write")) => (path, FileMode::Write),
            _ => return Err(self.error("`PATH:read` or `PATH:write` is expected")),
        };
        if path == "*" {
            return match self.guest_path {
                Some(_) => Err(self.error("all files have no one place in the guest")),
                None => Ok(FileRule { scope: FileScope::Any, mode, guest_path: None }),
            };
        }
        let filled = self.file_path(path, values)?;
        let resolved = normalised(&self.base.join(filled))
            .ok_or_else(|| self.error("the path is relative, and the folder that it starts from is not absolute"))?;
        let guest_path = match &self.guest_path {
            Some(guest_path) => guest_path.clone(),
            None => self.default_guest_path(path, &resolved)?,
        };
        if !is_guest_path(&guest_path) {
            return Err(RuleError::new(&guest_path, "a place in the guest is an absolute path such as `/docs`"));
        }
        Ok(FileRule { scope: FileScope::Under(resolved), mode, guest_path: Some(guest_path) })
    }

    /// Fills in a path, piece by piece between slashes.
    ///
    /// A placeholder that is the whole first piece takes any path. Anywhere else a value stays below what stands before
    /// it: it is neither absolute nor does it go up.
    fn file_path(&self, path: &str, values: Values<'_>) -> Result<String, RuleError> {
        if path.is_empty() {
            return Err(self.error("a path is expected"));
        }
        if path == "~" || path.starts_with("~/") {
            return Err(self.error("`~` is not resolved; write the folder, or take it from an input"));
        }
        if path.contains('*') {
            return Err(self.error("a path has no `*` inside: a folder includes all that is below it"));
        }
        let mut filled = String::new();
        for (index, piece) in path.split('/').enumerate() {
            if index > 0 {
                filled.push('/');
            }
            let text = self.fill_text(piece, Slot::FilePath, values)?;
            let is_slot = matches!(parts(piece)?.as_slice(), [Part::Input(_)]);
            let has_slot = parts(piece)?.iter().any(|part| matches!(part, Part::Input(_)));
            if has_slot && !(index == 0 && is_slot) {
                let stays = Path::new(&text).components().all(|c| matches!(c, Component::Normal(_)));
                if !stays {
                    return Err(self.error(format!("`{text}` leads out of the folder that stands before it")));
                }
            }
            filled.push_str(&text);
        }
        Ok(filled)
    }

    /// Returns `/` and the last piece of the path as it is written, inputs by their names, so that a guest finds the same
    /// path in every run.
    fn default_guest_path(&self, path: &str, resolved: &Path) -> Result<String, RuleError> {
        let name = |name: &str, _| Some(name.to_owned());
        let last = path.rsplit('/').find(|piece| !piece.is_empty()).unwrap_or_default();
        let last = match self.fill_text(last, Slot::FilePath, &name)?.as_str() {
            "" | "." | ".." => resolved.file_name().and_then(|name| name.to_str()).map(str::to_owned),
            last => Some(last.to_owned()),
        };
        last.map(|last| format!("/{last}")).ok_or_else(|| self.error("say with `as` where the guest finds it"))
    }

    fn secret(&self) -> Result<SecretRule, RuleError> {
        let mut rule: SecretRule = self.fixed()?.parse()?;
        if let Some(header) = &self.header {
            let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
            if header.is_empty() || !header.bytes().all(is_token) {
                return Err(RuleError::new(header, "the name of a header field is expected"));
            }
            rule.header = header.to_ascii_lowercase();
        }
        if let Some(format) = &self.format {
            if format.matches("{}").count() != 1 || format.chars().any(char::is_control) {
                return Err(RuleError::new(format, "a format has one `{}`, where the secret stands"));
            }
            rule.format.clone_from(format);
        }
        Ok(rule)
    }

    /// Fills in the placeholders of a text, each with a value that its slot takes.
    fn fill_text(&self, text: &str, slot: Slot, values: Values<'_>) -> Result<String, RuleError> {
        let mut filled = String::new();
        for part in parts(text)? {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Input(name) => {
                    let value =
                        values(name, slot).ok_or_else(|| self.error(format!("input `{name}` was not given")))?;
                    slot.check(&value).map_err(|reason| self.error(format!("input `{name}` {reason}")))?;
                    filled.push_str(&value);
                }
            }
        }
        Ok(filled)
    }

    fn error(&self, reason: impl Into<String>) -> RuleError {
        RuleError::new(&self.text, reason)
    }
}

// === impl GrantTemplates ===

impl GrantTemplates {
    /// Returns the grants for a run that was given some inputs.
    pub fn resolve(&self, inputs: &BTreeMap<String, String>) -> Result<GrantSet, RuleError> {
        if self.0.len() > GRANTS_MAX {
            return Err(RuleError::new("", format!("more than {GRANTS_MAX} grants in one set")));
        }
        self.0.iter().map(|template| template.resolve(inputs)).collect::<Result<Vec<_>, _>>().map(GrantSet::from_iter)
    }

    /// Returns the grants in order.
    pub fn iter(&self) -> impl Iterator<Item = &GrantTemplate> {
        self.0.iter()
    }

    /// Tells whether nothing is granted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn is_guest_path(path: &str) -> bool {
    let plain = |piece: &str| !matches!(piece, "" | "." | "..");
    path.len() <= RULE_BYTES_MAX
        && !path.chars().any(char::is_control)
        && path.strip_prefix('/').is_some_and(|rest| rest.is_empty() || rest.split('/').all(plain))
}
