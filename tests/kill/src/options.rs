// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the command line says.

use std::path::PathBuf;

use anyhow::{Context, bail};

pub(crate) const USAGE: &str = "usage: priory-kill [--kills N] [--runs N] [--seed N] [--longest-ms N] [--replays N]

  --kills N       how often a host is killed (200)
  --runs N        how many runs a host works on at the same time (300)
  --seed N        decides when it is killed, and how long the service takes (1)
  --longest-ms N  how long a host lives at most, once it is at work (300)
  --replays N     how many runs are executed again in the end (50)";

/// How many kills, and how many runs at once, one call may ask for.
const MOST: u64 = 1_000_000;

/// What this process is.
#[derive(Debug)]
pub(crate) enum Mode {
    /// It starts hosts, and kills them.
    Harness(Options),
    /// It is a host.
    Worker(Orders),
    /// It is a host that hears a model.
    Heard {
        /// Of its journal and its guest.
        folder: PathBuf,
        /// Where the provider is.
        url: String,
    },
}

/// What the harness is to do.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) kills: u64,
    pub(crate) runs: u64,
    pub(crate) seed: u64,
    pub(crate) longest_ms: u64,
    pub(crate) replays: u64,
}

/// What a host is to do.
#[derive(Debug, Clone)]
pub(crate) struct Orders {
    /// Its number among the hosts.
    pub(crate) generation: u64,
    /// How many runs it works on at the same time.
    pub(crate) runs: u64,
    /// Whether it begins no more runs, and ends when all have ended.
    pub(crate) is_last: bool,
    /// The folder of its journal, the guests and compiled code.
    pub(crate) folder: PathBuf,
    /// Where the service is, such as `http://127.0.0.1:1234`.
    pub(crate) service: String,
}

impl Orders {
    /// Returns the command line that [`parse`] reads as these orders.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let folder = self.folder.display().to_string();
        let numbers = [self.generation, self.runs, u64::from(self.is_last)].map(|number| number.to_string());
        let [generation, runs, is_last] = numbers;
        vec!["worker".into(), generation, runs, is_last, folder, self.service.clone()]
    }
}

pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> anyhow::Result<Mode> {
    let mut options = Options { kills: 200, runs: 300, seed: 1, longest_ms: 300, replays: 50 };
    while let Some(word) = words.next() {
        if word == "worker" {
            return worker(words);
        }
        if word == "heard" {
            let mut word = || words.next().context("`heard` needs a folder and a url");
            return Ok(Mode::Heard { folder: word()?.into(), url: word()? });
        }
        let value = match word.as_str() {
            "--kills" => &mut options.kills,
            "--runs" => &mut options.runs,
            "--seed" => &mut options.seed,
            "--longest-ms" => &mut options.longest_ms,
            "--replays" => &mut options.replays,
            _ => bail!("`{word}` is not known"),
        };
        let text = words.next().with_context(|| format!("`{word}` needs a number"))?;
        *value = text.parse().with_context(|| format!("`{word}` needs a number, not `{text}`"))?;
    }
    if options.kills > MOST || options.runs > MOST || options.runs == 0 {
        bail!("at most {MOST} kills, and between 1 and {MOST} runs");
    }
    Ok(Mode::Harness(options))
}

fn worker(mut words: impl Iterator<Item = String>) -> anyhow::Result<Mode> {
    let mut word = || words.next().context("the harness starts hosts with more words");
    Ok(Mode::Worker(Orders {
        generation: word()?.parse()?,
        runs: word()?.parse()?,
        is_last: word()? == "1",
        folder: word()?.into(),
        service: word()?,
    }))
}
