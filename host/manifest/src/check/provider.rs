// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who provides models: where they are, and where their keys are found. A key is never written into a manifest.

use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

use priory_core::model::{KEY_HEADERS, KeySource, OWN_HEADERS, ProviderKind, ProviderSpec, REQUEST_TIME_MS_MAX};
use url::{Host, Url};

use super::{Check, amount};
use crate::hidden;
use crate::wire::{self, At, Key, Named};

/// How often one request is sent where nobody says anything.
const ATTEMPTS: u32 = 4;
/// How long one request may take where nobody says anything, in milliseconds: models that think take minutes.
const TIME_MS: u64 = 10 * 60 * 1_000;
/// How long a byte of a stream may keep it waiting where nobody says anything, in milliseconds: some providers say nothing
/// while their model thinks.
const IDLE_MS: u64 = 3 * 60 * 1_000;
/// How short these times may be, in milliseconds: less is no time to answer.
const TIME_MS_MIN: u64 = 100;
/// How long a header's value may be, in bytes.
const HEADER_BYTES_MAX: usize = 1_024;

impl<'a> Check<'a> {
    /// Checks who provides models.
    pub(super) fn providers(&mut self) -> Vec<ProviderSpec> {
        let mut made = Vec::new();
        for (name, provider) in &self.wire.providers {
            self.name("provider", name);
            made.extend(self.provider(name, provider));
        }
        made
    }

    fn provider(&mut self, name: &'a At<String>, wire: &'a At<wire::Provider>) -> Option<ProviderSpec> {
        let url = wire.url.as_ref().map(|url| self.url(url, "http://127.0.0.1:11434/v1/"));
        let key = wire.key.as_ref().map(|key| self.key(key));
        let headers = self.headers(&wire.headers);
        let rate = wire.rate.as_ref().and_then(|rate| self.rate(rate)).unwrap_or_default();
        let breaker = wire.breaker.as_ref().map(|breaker| self.breaker(breaker));
        let time_ms = wire.time.as_ref().and_then(|time| self.span(time, TIME_MS_MIN, REQUEST_TIME_MS_MAX));
        let time_ms = time_ms.unwrap_or(TIME_MS);
        let idle_ms = wire.idle.as_ref().and_then(|idle| self.span(idle, TIME_MS_MIN, REQUEST_TIME_MS_MAX));
        if let (Some(idle), Some(ms)) = (&wire.idle, idle_ms.filter(|ms| *ms > time_ms)) {
            let message = format!("a request has {} altogether, so it never waits {}", time(time_ms), time(ms));
            self.problems.push(idle.span(), message, Some("make `time` longer, or this shorter".to_owned()));
        }
        let kind = self.provider_kind(name, wire)?;
        if kind == ProviderKind::Scripted {
            self.is_nobody(wire);
        }
        let is_elsewhere = wire.url.is_some();
        let url = match url {
            Some(url) => Some(url?),
            None => kind.default_url().and_then(|url| url.parse().ok()),
        };
        let key = match key {
            Some(key) => key?,
            // The usual key of a kind belongs to whoever the kind is named after, and goes to nobody else.
            None if is_elsewhere => None,
            None => kind.default_key_env().map(|env| KeySource::Env(env.to_owned())),
        };
        if let (Some(written), Some(url), Some(_)) = (&wire.url, &url, &key)
            && url.scheme() == "http"
            && !is_local(url)
        {
            let hint = "write `https://`, or `key = false` where none is needed".to_owned();
            self.warnings.push(
                written.span(),
                "its key would go through the network for everybody to read",
                Some(hint),
            );
        }
        let attempts = wire.attempts.as_deref().copied().unwrap_or(ATTEMPTS);
        let idle_ms = idle_ms.unwrap_or(IDLE_MS).min(time_ms);
        let name = Arc::from(name.as_str());
        Some(ProviderSpec { name, kind, url, key, headers, rate, breaker, attempts, time_ms, idle_ms })
    }

    fn provider_kind(&mut self, name: &At<String>, wire: &At<wire::Provider>) -> Option<ProviderKind> {
        if let Some(kind) = &wire.kind {
            return Some(provider_kind(**kind));
        }
        let named = name.parse().ok();
        // Where it has a kind that was refused, that was told.
        if named.is_none() && !self.problems.has_within(&wire.span()) {
            let message = format!("nobody knows how provider `{}` is spoken to", name.as_str());
            let hint = "add `kind = \"openai\"`, which most servers speak, or `openai-responses`, `anthropic`, `gemini` \
                        or `scripted`";
            self.problems.push(name.span(), message, Some(hint.to_owned()));
        }
        named
    }

    /// Refuses what has no meaning where there is nobody to speak to.
    fn is_nobody(&mut self, wire: &wire::Provider) {
        let key = wire.key.as_ref().filter(|key| matches!(***key, Key::From(_)));
        let spans = [("url", wire.url.as_ref().map(At::span)), ("key", key.map(At::span))];
        for (what, span) in spans.into_iter().filter_map(|(what, span)| Some((what, span?))) {
            let message = format!("a scripted provider has no `{what}`: its answers come from files");
            self.problems.push(span, message, Some("leave it out".to_owned()));
        }
    }

    /// Returns where something is; reports what is no address, and what has a secret in it.
    pub(super) fn url(&mut self, written: &At<String>, example: &str) -> Option<Url> {
        let parsed = Url::parse(written).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let Some(mut url) = parsed.filter(Url::has_host) else {
            // Nobody knows what else stands there.
            self.hide(written.span());
            let hint = format!("`http://` or `https://` is expected, as in `{example}`");
            self.problems.push(written.span(), "this is no address", Some(hint));
            return None;
        };
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
            self.hide(written.span());
            let hint = "write the scheme, the host, the port and the path; a key is found by `key`".to_owned();
            self.problems.push(written.span(), "an address has no user, no password and no query", Some(hint));
            return None;
        }
        if !url.path().ends_with('/') {
            let path = format!("{}/", url.path());
            url.set_path(&path);
        }
        Some(url)
    }

    /// Returns where a key is found; `Some(None)` sends none, and `None` was reported.
    fn key(&mut self, written: &'a At<Key>) -> Option<Option<KeySource>> {
        let table = match &**written {
            Key::IsSent(false) => return Some(None),
            Key::IsSent(true) => {
                let hint = "say where it is, as in `key = { env = \"NAME\" }`".to_owned();
                self.problems.push(written.span(), "`true` does not say where the key is", Some(hint));
                return None;
            }
            Key::Plain => {
                self.hide(written.span());
                let hint = "say where it is: `key = { env = \"NAME\" }`, `{ file = \"…\" }` or `{ command = [\"…\"] }`; \
                            and have it replaced, since it has been written down";
                self.problems.push(written.span(), "a key is not written into a manifest", Some(hint.to_owned()));
                return None;
            }
            Key::From(table) => table,
        };
        self.key_table(table, written.span()).map(Some)
    }

    fn key_table(&mut self, table: &'a wire::KeyTable, span: Range<usize>) -> Option<KeySource> {
        let hint = || Some("exactly one of `env`, `file` and `command` says where the host finds it".to_owned());
        let said = [table.env.is_some(), table.file.is_some(), table.command.is_some()];
        match said.into_iter().filter(|is_said| *is_said).count() {
            // What it was meant to be was refused, and that was told.
            0 if self.problems.has_within(&span) => return None,
            0 => {
                self.problems.push(span, "nothing says where the key is", hint());
                return None;
            }
            1 => {}
            _ => {
                self.problems.push(span, "the key is in several places", hint());
                return None;
            }
        }
        if let Some(env) = &table.env {
            if hidden::is_like_a_key(env) {
                self.hide(env.span());
                let hint = "write the name of an environment variable; and have the key replaced".to_owned();
                self.problems.push(env.span(), "this looks like a key itself", Some(hint));
                return None;
            }
            if env.is_empty() || env.contains(['=', '\0']) {
                self.problems.push(env.span(), format!("`{}` cannot name a variable", env.as_str()), None);
                return None;
            }
            return Some(KeySource::Env(env.to_string()));
        }
        if let Some(file) = &table.file {
            return self.path(file).map(KeySource::File);
        }
        let command = table.command.as_ref()?;
        let words: Vec<String> = command.iter().map(|word| word.to_string()).collect();
        if words.first().is_none_or(String::is_empty) {
            let hint = "write the program and its arguments, as in `[\"pass\", \"show\", \"openai\"]`".to_owned();
            self.problems.push(command.span(), "there is no program", Some(hint));
            return None;
        }
        if let Some(word) = command.iter().find(|word| hidden::is_like_a_key(word)) {
            self.hide(word.span());
            let hint = "let the program find it; what stands here is seen by everybody".to_owned();
            self.problems.push(word.span(), "this looks like a key itself", Some(hint));
            return None;
        }
        Some(KeySource::Command(words))
    }

    fn headers(&mut self, wire: &Named<String>) -> Vec<(String, String)> {
        let mut headers = Vec::new();
        for (name, value) in wire {
            let lower = name.to_ascii_lowercase();
            let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
            if name.is_empty() || !name.bytes().all(is_token) {
                let message = format!("`{}` cannot name a header field", name.as_str());
                self.problems.push(name.span(), message, None);
            } else if KEY_HEADERS.contains(&&*lower) || hidden::is_like_a_key(value) {
                self.hide(value.span());
                let hint = "header fields hold no secrets; say with `key` where the host finds it".to_owned();
                let message = format!("`{}` looks like a key, and a key is not written into a manifest", name.as_str());
                self.problems.push(name.span(), message, Some(hint));
            } else if OWN_HEADERS.contains(&&*lower) {
                let message = format!("`{}` belongs to the host, which sets it itself", name.as_str());
                self.problems.push(name.span(), message, Some("leave it out".to_owned()));
            } else if value.len() > HEADER_BYTES_MAX || !value.bytes().all(|b| (0x20..0x7f).contains(&b)) {
                let message = format!("`{}` is no value of a header field", name.as_str());
                let hint =
                    format!("it is made of at most {HEADER_BYTES_MAX} characters of ASCII, all of them printable");
                self.problems.push(value.span(), message, Some(hint));
            } else {
                headers.push((lower, value.to_string()));
            }
        }
        headers
    }

    /// Takes note that a part of the text is not shown to anybody.
    pub(super) fn hide(&mut self, span: Range<usize>) {
        self.problems.hide(span);
    }
}

/// Tells whether an address is on this machine.
pub(super) fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => IpAddr::from(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::from(ip).is_loopback(),
        None => false,
    }
}

fn time(ms: u64) -> String {
    amount::span_words(ms)
}

fn provider_kind(wire: wire::ProviderKind) -> ProviderKind {
    match wire {
        wire::ProviderKind::Openai => ProviderKind::Openai,
        wire::ProviderKind::OpenaiResponses => ProviderKind::OpenaiResponses,
        wire::ProviderKind::Anthropic => ProviderKind::Anthropic,
        wire::ProviderKind::Gemini => ProviderKind::Gemini,
        wire::ProviderKind::Scripted => ProviderKind::Scripted,
    }
}
