// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is remembered beyond runs: `memory`.

use priory::core::inbox::Origin;
use priory::core::memory::{Fact, FactId, KeptFact, ScopeKey};
use priory::core::ports::Memory;
use priory::core::{FramePath, RunId};
use priory::memory::Facts;
use serde_json::json;

use crate::stage::Home;

/// Remembers facts as agents do, and returns their ids.
fn remember(home: &Home, facts: &[(&str, &str, Option<&str>)]) -> Vec<String> {
    std::fs::create_dir_all(home.data()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let memory = Facts::open(&home.data().join("memory.sqlite")).unwrap();
    let mut ids = Vec::new();
    for (step, (scope, text, subject)) in (0..).zip(facts) {
        let (run, frame) = (RunId::from_parts(1, 2), FramePath::root());
        let id = FactId::of(run, &frame, step);
        let fact = Fact {
            id,
            text: (*text).to_owned(),
            data: None,
            subject: subject.map(str::to_owned),
            source: Some("the user said so".to_owned()),
            unix_ms: 1_795_132_800_000 + u64::from(step),
            expires_unix_ms: None,
            from: Origin { run, frame, step },
            score_ppm: 0,
        };
        let kept = KeptFact { scope: ScopeKey::new(*scope), fact, meaning: None };
        runtime.block_on(memory.remember(kept)).unwrap();
        ids.push(id.to_string());
    }
    ids
}

#[test]
fn what_is_remembered_can_be_listed_searched_and_forgotten() {
    let home = Home::new();
    home.run(&["memory", "list"]).exits(0).prints("").tells(&["nothing was ever remembered here"]);
    let ids = remember(
        &home,
        &[
            ("agent/chat", "Ann likes green tea.", Some("ann")),
            ("agent/chat", "Ann lives in Rome.", Some("ann")),
            ("agent/chat", "Bob likes coffee.", Some("bob")),
            ("tenant", "The office is closed on Fridays.", None),
        ],
    );
    let text = home.run(&["memory", "list"]).exits(0).out;
    assert!(text.contains("agent/chat") && text.contains("tenant"), "{text}");
    let scopes = home.run(&["memory", "list", "--json"]).exits(0).json();
    assert_eq!(scopes["scopes"][0]["facts"], 3);
    let text = home.run(&["memory", "list", "agent/chat", "--subject", "ann"]).exits(0).out;
    assert!(text.contains("Rome") && text.contains("the user said so · run_") && !text.contains("Bob"), "{text}");
    let found = home.run(&["memory", "search", "agent/chat", "tea", "--json"]).exits(0).json();
    assert_eq!(found["facts"][0]["text"], "Ann likes green tea.");
    home.run(&["memory", "search", "tenant", "tea"]).exits(0).prints("").tells(&["remembers nothing like this"]);

    home.run(&["memory", "forget", "agent/chat", "--subject", "bob"]).exits(2).tells(&["add --yes"]);
    let forget = |more: &[&str]| home.run(&[&["memory", "forget", "agent/chat", "--yes"], more].concat());
    forget(&["--subject", "bob"]).exits(0).prints("1 fact forgotten\n");
    forget(&["--id", &ids[0], "--id", &ids[3]]).exits(0).prints("1 fact forgotten\n");
    assert_eq!(
        home.run(&["memory", "list", "agent/chat", "--json"]).exits(0).json()["facts"].as_array().unwrap().len(),
        1
    );
    forget(&["--all"]).exits(0).prints("1 fact forgotten\n");
    assert_eq!(home.run(&["memory", "list", "--json"]).exits(0).json()["scopes"][0]["scope"], json!("tenant"));
    home.run(&["memory", "forget", "agent/chat", "--yes"]).exits(2);
    home.run(&["memory", "list", "agnet/chat"]).exits(2).tells(&["is expected"]);
}

#[test]
fn what_a_run_remembers_goes_with_it() {
    let home = Home::new();
    home.write("priory.toml", "name = \"x\"\nworkflows.w.nodes.a.value = \"1\"\n");
    home.run(&["run"]).exits(0);
    let kept = home.run(&["runs", "list", "--json"]).exits(0).out;
    let kept: serde_json::Value = serde_json::from_str(kept.lines().next().unwrap()).unwrap();
    let own = format!("run/{}", kept["run"].as_str().or(kept["id"].as_str()).unwrap());
    remember(&home, &[(&own, "of a run that is kept", None), ("tenant", "of all", None)]);
    let gone = "run/run_01JD0000000000000000000000";
    remember(&home, &[(gone, "of a run that is gone", None)]);
    let scopes = |home: &Home| {
        let json = home.run(&["memory", "list", "--json"]).exits(0).json();
        json["scopes"].as_array().unwrap().iter().map(|s| s["scope"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(scopes(&home).len(), 3);
    home.run(&["runs", "prune", "--keep", "1"]).exits(0);
    assert_eq!(scopes(&home), [own, "tenant".to_owned()]);
    home.run(&["runs", "prune", "--keep", "0"]).exits(0);
    assert_eq!(scopes(&home), ["tenant"]);
}
