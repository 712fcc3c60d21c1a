// SPDX-License-Identifier: MIT OR Apache-2.0
//! A run of an agent that calls a tool, which reads a folder and sends requests with a secret.

use std::path::PathBuf;

use priory_core::amounts::BudgetSpec;
use priory_core::effect::Level;
use priory_core::grant::template::{GrantTemplate, GrantTemplates};
use priory_core::grant::{FileMode, GrantKind};
use priory_core::http::HttpRequest;
use priory_core::ports::{BoxFuture, FrameHost, Mount, Order, Plugin, Returned};
use priory_core::program::PluginInfo;
use priory_core::usage::Meter;
use priory_core::{Digest, Failure, Json, LimitSpec, RunId};

use super::*;
use crate::catalog::{AgentEntry, PluginEntry};
use crate::doubt::InDoubt;

/// A plugin of which only the name matters: nothing is executed here.
struct Named(PluginInfo);

impl Plugin for Named {
    fn info(&self) -> &PluginInfo {
        &self.0
    }

    fn execute(
        self: Arc<Self>,
        _: Order,
        _: Arc<dyn FrameHost>,
        _: Arc<Meter>,
    ) -> BoxFuture<'static, Result<Returned, Failure>> {
        Box::pin(async { Err(Failure::other("nothing is executed")) })
    }
}

fn plugin(name: &str, grants: Vec<GrantTemplate>) -> Arc<PluginEntry> {
    let info = PluginInfo {
        name: name.into(),
        digest: Digest::of(name.as_bytes()),
        byte_len: 0,
        is_agent: name == "agents",
        is_workflow: false,
        is_toolset: name != "agents",
        functions: Vec::new(),
        refused: Vec::new(),
        imports: Vec::new(),
        ceiling: None,
    };
    Arc::new(PluginEntry {
        name: name.into(),
        plugin: Arc::new(Named(info)),
        limits: LimitSpec::default(),
        grants: GrantTemplates(grants),
        config: Vec::new(),
        linked_tools: Vec::new(),
        declared: None,
        in_doubt: InDoubt::default(),
        gate: Default::default(),
    })
}

fn grant(kind: GrantKind, text: &str) -> GrantTemplate {
    GrantTemplate::new(kind, text, PathBuf::from("/"))
}

fn catalog() -> Catalog {
    let web = plugin(
        "web",
        vec![
            grant(GrantKind::Http, "GET https://a.org/*"),
            grant(GrantKind::File, "/docs:read"),
            GrantTemplate { header: Some("authorization".into()), ..grant(GrantKind::Secret, "key@https://a.org/*") },
        ],
    );
    let agents = plugin("agents", Vec::new());
    let own = vec![
        GrantTemplate { uses_max: Some(1), ..grant(GrantKind::Tool, "web.first") },
        grant(GrantKind::Tool, "web.*"),
        grant(GrantKind::Log, ""),
    ];
    let lends = vec![
        grant(GrantKind::Http, "GET https://a.org/*"),
        grant(GrantKind::File, "/docs:read"),
        grant(GrantKind::Secret, "key@https://a.org/*"),
    ];
    let agent = AgentEntry {
        name: "a".into(),
        description: String::new(),
        plugin: agents.clone(),
        limits: LimitSpec::default(),
        budget: BudgetSpec::default(),
        grants: GrantTemplates(own),
        lends: GrantTemplates(lends),
        config: Vec::new(),
        gate: Default::default(),
        model: None,
    };
    Catalog::new(vec![web, agents], vec![Arc::new(agent)], Limits::default(), BudgetSpec::default()).unwrap()
}

fn began(program: Program, mounts: Vec<Mount>) -> Event {
    let (limits, env, config) = (Limits::default(), Vec::new(), Vec::new());
    Event::FrameStarted(Box::new(FrameStarted { program, plugin: None, limits, mounts, env, config }))
}

fn calls(step: u32) -> Event {
    let effect = Effect::tool("web.first", Json::null());
    Event::Intent { step, effect: Arc::new(effect) }
}

fn gets(step: u32) -> Event {
    let url = "https://a.org/x".parse().unwrap();
    let request = HttpRequest { method: "GET".into(), url, headers: Vec::new(), body: Vec::new(), first_byte_ms: None };
    Event::Intent { step, effect: Arc::new(Effect::HttpRequest(request)) }
}

/// The agent calls the tool twice and logs; the tool sees a folder and sends a request each time.
fn run() -> Vec<Envelope> {
    let root = FramePath::root();
    let mount = Mount { host_path: "/docs".into(), guest_path: "/docs".into(), mode: FileMode::Read };
    let start = RunStarted {
        program: Program::Agent("a".into()),
        input: Json::null(),
        seed: String::new(),
        inputs: BTreeMap::new(),
        grants: None,
        limits: LimitSpec::default(),
        budget: BudgetSpec::default(),
        engine: "e".into(),
        catalog: None,
        forked_from: None,
        model: None,
        events_after: None,
    };
    let tool = || began(Program::Tool("web.first".into()), vec![mount.clone()]);
    let events = vec![
        (root.clone(), Event::RunStarted(Box::new(start))),
        (root.clone(), began(Program::Agent("a".into()), Vec::new())),
        (root.clone(), calls(0)),
        (root.child(0), tool()),
        (root.child(0), gets(0)),
        (root.clone(), calls(1)),
        (root.child(1), tool()),
        (root.child(1), gets(0)),
        (root, Event::Log { level: Level::Info, message: "x".into() }),
    ];
    let run = RunId::from_parts(1, 1);
    let at = |((frame, event), seq)| Envelope { run, seq, frame, unix_ms: seq, fuel: 0, event };
    events.into_iter().zip(0..).map(at).collect()
}

fn check(grant: &str, holder: Option<Holder>, expect: &[&str]) {
    let thought = Without { holder, grant: grant.parse().unwrap() };
    let found = without(&catalog(), &run(), &thought).unwrap();
    let line = |missed: &Missed| {
        let step = missed.site.step.map_or_else(String::new, |step| format!(" step {step}"));
        format!("{}{step}: {} {:?} by {}", missed.site.frame, missed.access, missed.consequence, missed.by)
    };
    assert_eq!(found.missed.iter().map(line).collect::<Vec<_>>(), expect, "{grant}");
    assert!(found.was_held || expect.is_empty(), "{grant}");
}

#[test]
fn every_access_names_the_grants_that_allowed_it() {
    let allowed = allowed(&catalog(), &run()).unwrap();
    let line = |allowed: &Allowed| {
        let by: Vec<_> = allowed.by.iter().map(|(holder, grant)| format!("{holder}: {grant}")).collect();
        format!("{} {} | {}", allowed.site.frame, allowed.access, by.join(", "))
    };
    let request = "http GET https://a.org/x | plugin web: http=GET https://a.org/*, agent a: http=GET https://a.org/*";
    let secret =
        "secret key for https://a.org/x | plugin web: secret=key@https://a.org/*, agent a: secret=key@https://a.org/*";
    let file = "file /docs for read | plugin web: file=/docs:read, agent a: file=/docs:read";
    // One that can be used without end comes first, as it does when the run decides.
    let tool = "0 tool web.first | agent a: tool=web.*";
    let expected = [
        tool.to_owned(),
        format!("0.0 {file}"),
        format!("0.0 {request}"),
        format!("0.0 {secret}"),
        tool.to_owned(),
        format!("0.1 {file}"),
        format!("0.1 {request}"),
        format!("0.1 {secret}"),
        "0 log | agent a: log".to_owned(),
    ];
    assert_eq!(allowed.iter().map(line).collect::<Vec<_>>(), expected);
}

#[test]
fn what_is_below_a_call_that_fails_is_not_told() {
    // The other grant for it can be used once, so the first call would have gone on.
    check("tool=web.*", None, &["0 step 1: tool web.first Fails by agent a"]);
    check("tool=web.first", None, &[]);
}

#[test]
fn a_grant_is_of_its_holder() {
    let agent = || Some(Holder::Agent("a".into()));
    let plugin = || Some(Holder::Plugin("web".into()));
    let fails = |by: &str| [0, 1].map(|call| format!("0.{call} step 0: http GET https://a.org/x Fails by {by}"));
    let http = "http=GET https://a.org/*";
    for (holder, by) in [(agent(), "agent a"), (plugin(), "plugin web"), (None, "plugin web")] {
        check(http, holder, &fails(by).each_ref().map(String::as_str));
    }
    check(http, Some(Holder::Caller), &[]);
    check("log", agent(), &["0: log Dropped by agent a"]);
    check("log", plugin(), &[]);
}

#[test]
fn files_and_secrets_are_missed_as_well() {
    let unseen = [0, 1].map(|call| format!("0.{call}: file /docs for read Unseen by plugin web"));
    check("file=/docs:read", None, &unseen.each_ref().map(String::as_str));
    let secret = [0, 1].map(|call| format!("0.{call} step 0: secret key for https://a.org/x Fails by agent a"));
    check("secret=key@https://a.org/*", Some(Holder::Agent("a".into())), &secret.each_ref().map(String::as_str));
}

#[test]
fn a_grant_that_nobody_had_is_told() {
    let thought = Without { holder: None, grant: "tool=files.*".parse().unwrap() };
    let found = without(&catalog(), &run(), &thought).unwrap();
    assert_eq!(found, Hypothesis { was_held: false, missed: Vec::new() });
    assert!(matches!(allowed(&catalog(), &[]), Err(AuditError::NoStart)));
}
