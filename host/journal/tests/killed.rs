// SPDX-License-Identifier: MIT OR Apache-2.0
//! A process that is killed has lost nothing that it was told is durable.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what surprises a test ends it")]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use priory_core::model::{Expense, ExpenseKey, ExpenseQuery, GroupBy, TokenUsage};
use priory_core::ports::{Answers, Expenses};
use priory_core::{Digest, FramePath, Json, RunId};
use priory_journal::SqliteJournal;

/// Says to the test that it is the process to be killed, and in which folder.
const FOLDER: &str = "PRIORY_KILLED_FOLDER";
/// How often one is killed.
const KILLS: u32 = 6;
/// How many spend at once.
const SPENDERS: u32 = 4;
const DAY: u32 = 20_717;
/// What is set aside, and what it came to.
const ASIDE: u64 = 1_000;
const SPENT: u64 = 7;

fn expense(generation: u32, spender: u32, step: u32, microusd: u64) -> Expense {
    let run = RunId::from_parts(generation.into(), spender.into());
    let key = ExpenseKey { run, frame: FramePath::root(), step, turn: 0 };
    let (program, model, provider) = ("agent a".into(), "fast".into(), "openai".into());
    let is_settled = microusd == SPENT;
    Expense { key, day: DAY, program, model, provider, usage: TokenUsage::default(), microusd, is_settled }
}

fn key(generation: u32, spender: u32, step: u32) -> Digest {
    Digest::of(format!("{generation} {spender} {step}").as_bytes())
}

/// Spends until it is killed, and says what is durable.
async fn spend(folder: &Path, generation: u32) {
    let journal = Arc::new(SqliteJournal::open(folder).unwrap());
    let spenders = (0..SPENDERS).map(|spender| {
        let journal = Arc::clone(&journal);
        tokio::spawn(async move {
            for step in 0.. {
                Expenses::note(&*journal, expense(generation, spender, step, ASIDE)).await.unwrap();
                say(&format!("aside {spender} {step}"));
                Expenses::note(&*journal, expense(generation, spender, step, SPENT)).await.unwrap();
                say(&format!("spent {spender} {step}"));
                Answers::keep(&*journal, key(generation, spender, step), Json::of(&step).unwrap(), 1, 0).await.unwrap();
                say(&format!("kept {spender} {step}"));
            }
        })
    });
    for spender in spenders.collect::<Vec<_>>() {
        spender.await.unwrap();
    }
}

fn say(line: &str) {
    // Who reads it may be gone: then nobody wants to know.
    let _ = writeln!(std::io::stdout().lock(), "\n{line}");
}

/// Starts a process, kills it after some lines, and returns what it said was durable.
fn killed_after(lines: u32, folder: &Path, generation: u32) -> Vec<String> {
    let mut process = Command::new(std::env::current_exe().unwrap());
    process.args(["--exact", "what_was_spent_is_counted_once", "--nocapture"]);
    process.env(FOLDER, format!("{generation} {}", folder.display())).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut process = process.spawn().unwrap();
    let read = BufReader::new(process.stdout.take().unwrap());
    let mut said = Vec::new();
    for line in read.lines() {
        let line = line.unwrap();
        if ["aside ", "spent ", "kept "].iter().any(|word| line.starts_with(word)) {
            said.push(line);
        }
        if said.len() as u32 == lines {
            // SIGKILL, on systems that have it. What is in the pipe by then is read, too.
            process.kill().unwrap();
        }
    }
    process.wait().unwrap();
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_spent_is_counted_once() {
    if let Ok(orders) = std::env::var(FOLDER) {
        let (generation, folder) = orders.split_once(' ').unwrap();
        return spend(Path::new(folder), generation.parse().unwrap()).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut before = (0, 0);
    for generation in 0..KILLS {
        let said = killed_after(5 + generation * 17, folder.path(), generation);
        let journal = SqliteJournal::open(folder.path()).unwrap();
        let parts = |word: &str| {
            let of = said.iter().filter_map(|line| line.strip_prefix(word)).map(|line| line.trim().split_once(' '));
            of.map(|pair| pair.map(|(a, b)| (a.parse().unwrap(), b.parse().unwrap())).unwrap())
                .collect::<Vec<(u32, u32)>>()
        };
        let (aside, spent, kept) = (parts("aside "), parts("spent "), parts("kept "));
        assert!(!aside.is_empty() && said.len() >= 5, "{said:?}");
        let total = journal.spent_on(DAY).await.unwrap();
        // Each may have come one step further than it could say.
        let (requests, most) = (total.requests - before.0, aside.len() as u64 + u64::from(SPENDERS));
        assert!((aside.len() as u64..=most).contains(&requests), "{requests} requests, {} were said", aside.len());
        let open = (total.microusd - before.1 - requests * SPENT) / (ASIDE - SPENT);
        assert_eq!((total.microusd - before.1 - requests * SPENT) % (ASIDE - SPENT), 0, "nothing is counted twice");
        assert!(open <= requests - spent.len() as u64, "{open} are open, {} were spent", spent.len());
        let by_run = ExpenseQuery { since_day: DAY, until_day: DAY, by: GroupBy::Run, most: 999 };
        let rows = journal.sum(by_run).await.unwrap();
        let sums = rows.iter().fold((0, 0), |sum, row| (sum.0 + row.requests, sum.1 + row.microusd));
        assert_eq!(sums, (total.requests, total.microusd), "the rows are what the day came to");
        for (spender, step) in kept {
            let found = journal.find(key(generation, spender, step), 0).await.unwrap();
            assert_eq!(found, Some(Json::of(&step).unwrap()));
        }
        before = sums;
    }
}
