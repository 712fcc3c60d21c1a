// SPDX-License-Identifier: MIT OR Apache-2.0
//! A process that is killed has lost nothing that it was told is durable, and left nothing half written.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what surprises a test ends it")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use priory_core::memory::{FactQuery, Forget, KeptFact, ScopeKey};
use priory_core::ports::Memory;
use priory_memory::Facts;
use priory_testkit::memory::{about, fact, meaning, query};

/// Says to the test that it is the process to be killed, and in which folder.
const FOLDER: &str = "PRIORY_KILLED_FOLDER";
/// How often one is killed.
const KILLS: u32 = 6;
/// How many remember at once.
const AT_ONCE: u32 = 4;

fn scope(generation: u32, number: u32) -> ScopeKey {
    ScopeKey::new(format!("user/g{generation}n{number}"))
}

/// Remembers and forgets until it is killed, and says what is durable.
async fn work(folder: &Path, generation: u32) {
    let memory = Arc::new(Facts::open(&folder.join("memory.db")).unwrap());
    let tasks = (0..AT_ONCE).map(|task| {
        let memory = Arc::clone(&memory);
        tokio::spawn(async move {
            for step in 0.. {
                let scope = scope(generation, task);
                let kept = fact(step, &format!("tea number{step}"));
                let id = kept.fact.id;
                let kept = KeptFact { scope: scope.clone(), meaning: meaning("m", &[1.0; 100]), ..kept };
                memory.remember(kept).await.unwrap();
                say(&format!("known {task} {step}"));
                if step % 3 == 0 {
                    memory.forget(scope, Forget::Ids(vec![id])).await.unwrap();
                    say(&format!("forgotten {task} {step}"));
                }
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

fn say(line: &str) {
    // Who reads it may be gone: then nobody wants to know.
    let _ = writeln!(std::io::stdout().lock(), "\n{line}");
}

/// Starts a process, kills it after some lines, and returns what it said was durable.
fn killed_after(lines: u32, folder: &Path, generation: u32) -> Vec<String> {
    let mut process = Command::new(std::env::current_exe().unwrap());
    process.args(["--exact", "what_is_known_stays_known", "--nocapture"]);
    process.env(FOLDER, format!("{generation} {}", folder.display())).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut process = process.spawn().unwrap();
    let read = BufReader::new(process.stdout.take().unwrap());
    let mut said = Vec::new();
    for line in read.lines() {
        let line = line.unwrap();
        if line.starts_with("known ") || line.starts_with("forgotten ") {
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
async fn what_is_known_stays_known() {
    if let Ok(orders) = std::env::var(FOLDER) {
        let (generation, folder) = orders.split_once(' ').unwrap();
        return work(Path::new(folder), generation.parse().unwrap()).await;
    }
    let folder = tempfile::tempdir().unwrap();
    for generation in 0..KILLS {
        let said = killed_after(8 + generation * 19, folder.path(), generation);
        assert!(said.len() >= 8, "{said:?}");
        let memory = Facts::open(&folder.path().join("memory.db")).unwrap();
        for task in 0..AT_ONCE {
            let steps = |word: &str| {
                let of_task = format!("{word} {task} ");
                let steps = said.iter().filter_map(|line| line.strip_prefix(&of_task));
                steps.map(|step| step.trim().parse().unwrap()).collect::<BTreeSet<u32>>()
            };
            let (known, forgotten) = (steps("known"), steps("forgotten"));
            let all = FactQuery { scope: scope(generation, task), ..query() };
            let there: BTreeSet<u32> = memory.recall(all).await.unwrap().iter().map(|fact| fact.from.step).collect();
            assert!(there.is_disjoint(&forgotten), "{there:?} {forgotten:?}");
            // It may have come one step further than it could say, and one was on its way to be forgotten.
            let missing: Vec<_> = known.difference(&forgotten).filter(|step| !there.contains(step)).collect();
            assert!(missing.iter().all(|step| *step % 3 == 0) && missing.len() <= 1, "{missing:?}");
            assert!(there.difference(&known).count() <= 1, "{there:?} {known:?}");
            // Words and meanings are there as the facts are.
            let tea = FactQuery { scope: scope(generation, task), ..about("tea") };
            let by_words = memory.recall(tea.clone()).await.unwrap().len();
            let like = FactQuery { words: None, meaning: meaning("m", &[1.0; 100]), ..tea };
            let by_meaning = memory.recall(like).await.unwrap().len();
            assert_eq!((by_words, by_meaning), (there.len(), there.len()));
        }
    }
}
