// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keys of providers: read when a request needs one, put on its head, and shown nowhere.
//!
//! A key is in memory while its request is on its way. What a program printed is kept for a few minutes, because asking it
//! again for each request would start a process each time; it is forgotten when the provider refuses it.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use priory_core::model::KeySource;
use priory_core::ports::Clock;
use reqwest::header::HeaderValue;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use tokio::sync::Mutex;

use crate::wait::within;

/// How long a key may be, in bytes: tokens that name a whole account are about 4,000.
const KEY_BYTES_MAX: usize = 16 << 10;
/// How long a program may take to print a key.
const COMMAND_TIME: Duration = Duration::from_secs(30);
/// How long what a program printed is kept.
const COMMAND_KEPT: Duration = Duration::from_secs(5 * 60);
/// The least part of a key that is taken out of a text where the text was cut within it.
const PART_BYTES_MIN: usize = 4;

/// A key. It has no way to be shown, written down or compared.
pub(crate) struct Key(String);

/// Where the key of a provider is read.
pub(crate) struct Keys {
    source: KeySource,
    clock: Arc<dyn Clock>,
    /// What a program printed, and until when that is kept. Held while the program runs, so that it runs once.
    kept: Mutex<Option<(Arc<Key>, Duration)>>,
}

/// Why there is no key. It never holds a part of one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("the environment variable `{0}` is not set; set it to the key of this provider")]
    NoVariable(String),
    #[error("the file `{}` with its key cannot be read: {reason}", path.display())]
    File { path: PathBuf, reason: String },
    #[error("`{program}`, which prints its key, {reason}")]
    Command { program: String, reason: String },
    #[error("its key {0}")]
    Form(&'static str),
}

// === impl Key ===

impl Key {
    fn of(text: &str) -> Result<Arc<Self>, KeyError> {
        let text = text.trim();
        match text {
            "" => Err(KeyError::Form("is empty")),
            text if text.len() > KEY_BYTES_MAX => Err(KeyError::Form("is longer than any key")),
            text if !text.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Err(KeyError::Form("has spaces or characters that no key has"))
            }
            text => Ok(Arc::new(Self(text.to_owned()))),
        }
    }

    /// Returns the value of a header field that holds it.
    pub(crate) fn header(&self, before: &str) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(&format!("{before}{}", self.0)).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Takes it out of a text of a stranger, also where the text was cut within it.
    pub(crate) fn scrub(&self, text: &str) -> String {
        let mut text = text.replace(&self.0, "[key]");
        let end = text.trim_end_matches('…');
        let cut =
            (PART_BYTES_MIN..self.0.len()).rev().find(|n| self.0.get(..*n).is_some_and(|part| end.ends_with(part)));
        if let Some(n) = cut {
            text.truncate(end.len() - n);
            text.push_str("[key]");
        }
        text
    }
}

// === impl Keys ===

impl Keys {
    pub(crate) fn new(source: KeySource, clock: Arc<dyn Clock>) -> Self {
        Self { source, clock, kept: Mutex::new(None) }
    }

    /// Reads the key.
    pub(crate) async fn get(&self) -> Result<Arc<Key>, KeyError> {
        match &self.source {
            KeySource::Env(name) => Key::of(&std::env::var(name).map_err(|_| KeyError::NoVariable(name.clone()))?),
            KeySource::File(path) => {
                let owned = path.clone();
                let read = tokio::task::spawn_blocking(move || read_file(&owned)).await;
                let failed = |reason: String| KeyError::File { path: path.clone(), reason };
                let text = read.map_err(|_| failed("the host is stopping".to_owned()))?;
                Key::of(&text.map_err(|error| failed(error.to_string()))?)
            }
            KeySource::Command(words) => {
                let mut kept = self.kept.lock().await;
                let now = self.clock.elapsed();
                if let Some((key, _)) = kept.as_ref().filter(|(_, until)| now < *until) {
                    return Ok(key.clone());
                }
                let key = Key::of(&self.printed(words).await?)?;
                *kept = Some((key.clone(), now.saturating_add(COMMAND_KEPT)));
                Ok(key)
            }
        }
    }

    /// Forgets what was kept: the provider refuses it.
    pub(crate) async fn forget(&self) {
        *self.kept.lock().await = None;
    }

    /// Returns what a program prints.
    async fn printed(&self, words: &[String]) -> Result<String, KeyError> {
        let (program, arguments) = words.split_first().ok_or(KeyError::Form("is printed by no program"))?;
        let failed = |reason: String| KeyError::Command { program: program.clone(), reason };
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| failed(format!("cannot be started: {error}")))?;
        let out = child.stdout.take();
        let work = async {
            let mut bytes = Vec::new();
            if let Some(out) = out {
                out.take(KEY_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).await?;
            }
            Ok::<_, std::io::Error>((bytes, child.wait().await?))
        };
        let until = self.clock.elapsed().saturating_add(COMMAND_TIME);
        let ended = within(&*self.clock, until, work).await;
        let (bytes, status) = ended
            .ok_or_else(|| failed(format!("did not end within {} s", COMMAND_TIME.as_secs())))?
            .map_err(|error| failed(format!("cannot be read: {error}")))?;
        if !status.success() {
            return Err(failed(format!("failed: {status}")));
        }
        String::from_utf8(bytes).map_err(|_| failed("printed something that is no text".to_owned()))
    }
}

fn read_file(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(KEY_BYTES_MAX as u64 + 1).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use priory_testkit::SimClock;

    fn shown(key: &Key) -> String {
        let header = key.header("Bearer ").unwrap();
        assert!(header.is_sensitive());
        format!("{} {header:?}", header.to_str().unwrap())
    }

    fn keys(source: KeySource) -> (Keys, SimClock) {
        let clock = SimClock::at(0);
        (Keys::new(source, Arc::new(clock.clone())), clock)
    }

    #[test]
    fn it_is_taken_out_of_texts() {
        let key = Key::of(" sk-0123456789\n").unwrap();
        assert_eq!(shown(&key), "Bearer sk-0123456789 Sensitive");
        assert_eq!(key.scrub("wrong key sk-0123456789!"), "wrong key [key]!");
        assert_eq!(key.scrub("wrong key sk-01234…"), "wrong key [key]");
        assert_eq!(key.scrub("wrong key sk-"), "wrong key sk-");
        for text in ["", " ", "a b", "é", "a\u{7f}"] {
            assert!(matches!(Key::of(text), Err(KeyError::Form(_))), "{text:?}");
        }
        assert!(Key::of(&"k".repeat(KEY_BYTES_MAX)).is_ok());
        assert!(Key::of(&"k".repeat(KEY_BYTES_MAX + 1)).is_err());
    }

    #[tokio::test]
    async fn it_is_read_where_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let (from_file, _) = keys(KeySource::File(path.clone()));
        assert!(matches!(from_file.get().await, Err(KeyError::File { .. })));
        std::fs::write(&path, "one\n").unwrap();
        assert_eq!(shown(&from_file.get().await.unwrap()), "Bearer one Sensitive");
        std::fs::write(&path, "two").unwrap();
        assert_eq!(shown(&from_file.get().await.unwrap()), "Bearer two Sensitive");

        let (from_env, _) = keys(KeySource::Env("PRIORY_TEST_NO_SUCH_KEY".to_owned()));
        let error = from_env.get().await.err().unwrap();
        assert!(error.to_string().contains("PRIORY_TEST_NO_SUCH_KEY"), "{error}");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn what_a_program_prints_is_kept_for_a_while() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "one\n").unwrap();
        let (keys, clock) = keys(KeySource::Command(vec!["cat".to_owned(), path.display().to_string()]));
        assert_eq!(shown(&keys.get().await.unwrap()), "Bearer one Sensitive");
        std::fs::write(&path, "two\n").unwrap();
        assert_eq!(shown(&keys.get().await.unwrap()), "Bearer one Sensitive");
        clock.advance(COMMAND_KEPT);
        assert_eq!(shown(&keys.get().await.unwrap()), "Bearer two Sensitive");
        std::fs::write(&path, "three\n").unwrap();
        keys.forget().await;
        assert_eq!(shown(&keys.get().await.unwrap()), "Bearer three Sensitive");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_program_that_fails_is_told_without_what_it_printed() {
        let fails = |script: &str| KeySource::Command(vec!["sh".to_owned(), "-c".to_owned(), script.to_owned()]);
        for (source, expected) in [
            (fails("echo secret; exit 3"), "failed: exit status: 3"),
            (fails("printf 'a b'"), "has spaces"),
            (fails("printf '\\377'"), "no text"),
            (KeySource::Command(vec!["/no/such/program".to_owned()]), "cannot be started"),
            (KeySource::Command(vec![]), "no program"),
        ] {
            let (keys, _) = keys(source);
            let error = keys.get().await.err().unwrap().to_string();
            assert!(error.contains(expected) && !error.contains("secret"), "{error}");
        }
        let (keys, _) = keys(fails("yes | head -c 100000; cat"));
        assert!(matches!(keys.get().await, Err(KeyError::Form(_) | KeyError::Command { .. })));
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_program_that_hangs_is_ended() {
        let (keys, clock) = keys(KeySource::Command(vec!["sleep".to_owned(), "1000".to_owned()]));
        let get = keys.get();
        let advance = async {
            while clock.next_wake().is_none() {
                tokio::task::yield_now().await;
            }
            clock.advance(COMMAND_TIME);
        };
        let (result, ()) = tokio::join!(get, advance);
        assert!(result.err().unwrap().to_string().contains("did not end within 30 s"));
    }
}
