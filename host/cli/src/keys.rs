// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether the keys of providers can be found, and where from. No part of a key is ever read for this, let alone shown.

use std::env;
use std::fs;
use std::path::Path;

use priory::core::model::{KeySource, ModelSpec, ModelsSpec, ProviderSpec};

/// Where a key is, and whether it can be found there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// Where it is looked for; `None` where none is sent.
    pub(crate) place: Option<String>,
    /// Whether there is one; `None` where nobody knows before a program was asked.
    pub(crate) is_there: Option<bool>,
}

impl Found {
    /// Looks for the key of a provider.
    pub(crate) fn of(provider: &ProviderSpec) -> Self {
        match &provider.key {
            None => Self { place: None, is_there: Some(true) },
            Some(KeySource::Env(name)) => {
                let is_there = env::var_os(name).is_some_and(|value| !value.is_empty());
                Self { place: Some(format!("env {name}")), is_there: Some(is_there) }
            }
            Some(KeySource::File(path)) => {
                let is_there = fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() > 0);
                Self { place: Some(format!("file {}", path.display())), is_there: Some(is_there) }
            }
            Some(KeySource::Command(words)) => {
                let program = words.first().map(String::as_str).unwrap_or_default();
                let is_there = if is_program(program) { None } else { Some(false) };
                Self { place: Some(format!("command {program}")), is_there }
            }
        }
    }

    /// Says it in a few words.
    pub(crate) fn words(&self) -> String {
        match (&self.place, self.is_there) {
            (None, _) => "none needed".to_owned(),
            (Some(place), Some(true)) => format!("found in {place}"),
            (Some(place), Some(false)) => format!("missing in {place}"),
            (Some(place), None) => format!("printed by {place}"),
        }
    }
}

/// Finds the provider of a model.
pub(crate) fn provider_of<'a>(models: &'a ModelsSpec, model: &ModelSpec) -> Option<&'a ProviderSpec> {
    models.providers.iter().find(|provider| provider.name == model.provider)
}

/// Says of models whose keys cannot be found what is missing.
pub(crate) fn missing(models: &ModelsSpec) -> Vec<String> {
    let one = |provider: &ProviderSpec| {
        let used: Vec<_> = models.models.iter().filter(|model| model.provider == provider.name).collect();
        let found = Found::of(provider);
        let place = found.place.filter(|_| found.is_there == Some(false))?;
        let names = used.iter().map(|model| format!("`{}`", model.info.name)).collect::<Vec<_>>().join(", ");
        (!used.is_empty())
            .then(|| format!("the key of provider `{}` is missing in {place}; it is for {names}", provider.name))
    };
    models.providers.iter().filter_map(one).collect()
}

/// Tells whether a program is there, as a command names it.
fn is_program(name: &str) -> bool {
    if name.contains(['/', '\\']) {
        return Path::new(name).is_file();
    }
    let paths = env::var_os("PATH").unwrap_or_default();
    !name.is_empty() && env::split_paths(&paths).any(|folder| folder.join(name).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(key: Option<KeySource>) -> String {
        let provider = ProviderSpec {
            name: "p".into(),
            kind: priory::core::model::ProviderKind::Openai,
            url: None,
            key,
            headers: Vec::new(),
            rate: Default::default(),
            breaker: None,
            attempts: 1,
            time_ms: 1,
            idle_ms: 1,
        };
        Found::of(&provider).words()
    }

    #[test]
    fn where_a_key_is_can_be_told_without_it() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("key");
        let file = |path: &Path| found(Some(KeySource::File(path.to_owned())));
        assert_eq!(file(&path), format!("missing in file {}", path.display()));
        fs::write(&path, "").unwrap();
        assert!(file(&path).starts_with("missing"));
        fs::write(&path, "sk-secret").unwrap();
        assert_eq!(file(&path), format!("found in file {}", path.display()));
        assert_eq!(found(None), "none needed");
        let env = KeySource::Env("PRIORY_TEST_NO_SUCH_VARIABLE".into());
        assert_eq!(found(Some(env)), "missing in env PRIORY_TEST_NO_SUCH_VARIABLE");
        let command = |word: &str| found(Some(KeySource::Command(vec![word.to_owned(), "show".to_owned()])));
        assert_eq!(command("no-such-program-at-all"), "missing in command no-such-program-at-all");
        assert_eq!(command("/bin/sh"), "printed by command /bin/sh");
    }
}
