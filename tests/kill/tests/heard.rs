// SPDX-License-Identifier: MIT OR Apache-2.0
//! A host that is killed in the middle of a model's answer takes its run up, asks again under the same key, and counts it
//! once.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what surprises a test ends it")]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use priory_core::model::ProviderKind;
use priory_testkit::provider::{Act, Cuts, LoopbackProvider, Place};
use serde_json::{Value, json};

/// How often it is looked whether the answer has begun, a hundredth of a second apart: a host may have to build a guest.
const LOOKS_MAX: u32 = 30_000;
const SAID: &str = "Bees live in large families, and keep honey for the winter.";

fn host(folder: &Path, url: &str) -> Child {
    let mut host = Command::new(env!("CARGO_BIN_EXE_priory-kill"));
    host.args(["heard".as_ref(), folder.as_os_str(), url.as_ref()]);
    host.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_in_the_middle_of_which_the_host_is_killed_counts_once() {
    let provider = LoopbackProvider::start(ProviderKind::Openai, "sk-fake").await.unwrap();
    let url = provider.url().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("key"), "sk-fake").unwrap();
    provider.then([
        Act::text(SAID).in_pieces(Cuts::Events).hold_at(Place::Half),
        Act::text(SAID).in_pieces(Cuts::Bytes(7)),
        Act::text("Wasps do not."),
    ]);

    let mut first = host(folder.path(), &url);
    let mut looks = 0;
    while !provider.is_held() {
        looks += 1;
        assert!(looks < LOOKS_MAX, "the host does not ask");
        assert!(first.try_wait().unwrap().is_none(), "the host ended before it asked");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // SIGKILL, on systems that have it.
    first.kill().unwrap();
    first.wait().unwrap();
    provider.release();

    let second = host(folder.path(), &url).wait_with_output().unwrap();
    let (out, talk) = (String::from_utf8_lossy(&second.stdout), String::from_utf8_lossy(&second.stderr));
    assert!(second.status.success(), "{talk}\n{out}");
    let end: Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    let heard = end["told"][0]["pieces"].as_array().unwrap();
    let heard: String = heard.iter().filter_map(|piece| piece["text"].as_str()).collect();
    assert_eq!((heard.as_str(), &end["told"][0]["whole"]["text"]), (SAID, &json!(SAID)), "{end}");
    assert_eq!(end["told"][1]["text"], "Wasps do not.", "{end}");
    assert_eq!(end["is-whole"], true, "{end}");

    let asked = provider.asked();
    assert_eq!(asked.len(), 3);
    let key = |at: usize| asked[at].header("idempotency-key").unwrap().to_owned();
    assert_eq!(key(0), key(1), "a repetition has the key of what it repeats");
    assert_ne!(key(1), key(2));

    // Three requests reached the provider, and two of them are there for the books.
    assert_eq!((&end["spent-events"], &end["expenses"][0]["requests"]), (&json!(2), &json!(2)), "{end}");
    let total = &end["expenses"][0];
    assert_eq!(total["usage"]["input"], end["usage"]["tokens-in"], "{end}");
    assert_eq!(total["usage"]["output"], end["usage"]["tokens-out"], "{end}");
    assert_eq!(total["microusd"], end["usage"]["money-microusd"], "{end}");
    assert!(end["usage"]["money-microusd"].as_u64().unwrap() > 0, "{end}");
}
