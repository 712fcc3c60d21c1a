// SPDX-License-Identifier: MIT OR Apache-2.0
//! Models, who provides them, and what they may cost.

use std::fs;
use std::path::{Path, PathBuf};

use priory_core::amounts::{BudgetSpec, QuotaSpec};
use priory_core::gate::RateSpec;
use priory_core::model::{Ability, KeySource, ModelSpec, Price, ProviderKind, ProviderSpec};

use super::{parse, problems, short};
use crate::{Error, Manifest};

const GOOD: &str = include_str!("models.toml");

fn good() -> Manifest {
    parse(GOOD).unwrap_or_else(|error| panic!("{error}"))
}

fn provider<'a>(manifest: &'a Manifest, name: &str) -> &'a ProviderSpec {
    manifest.models.providers.iter().find(|provider| *provider.name == *name).unwrap()
}

fn model<'a>(manifest: &'a Manifest, name: &str) -> &'a ModelSpec {
    manifest.models.models.iter().find(|model| *model.info.name == *name).unwrap()
}

#[test]
fn providers_arrive() {
    let manifest = good();
    let openai = provider(&manifest, "openai");
    assert_eq!(
        (openai.kind, openai.attempts, openai.time_ms, openai.idle_ms),
        (ProviderKind::Openai, 4, 600_000, 180_000)
    );
    assert_eq!(openai.url.as_ref().unwrap().as_str(), "https://api.openai.com/v1/");
    assert_eq!(openai.key, Some(KeySource::Env("OPENAI_API_KEY".into())));
    let rate = RateSpec { concurrency: Some(8), ..RateSpec::calls(60, 60_000).waiting(30_000) };
    assert_eq!((&openai.rate, &openai.breaker), (&rate, &None));

    let local = provider(&manifest, "local");
    assert_eq!((local.kind, local.attempts, local.time_ms, local.idle_ms), (ProviderKind::Openai, 2, 600_000, 90_000));
    assert_eq!(local.url.as_ref().unwrap().as_str(), "http://127.0.0.1:11434/v1/", "a slash is added");
    assert_eq!(local.key, None, "the key of OpenAI goes to nobody else");
    assert_eq!(local.headers, [("x-team".to_owned(), "a".to_owned())]);
    assert_eq!(local.breaker.as_ref().unwrap().failures, 3);

    assert_eq!(provider(&manifest, "claude").key, Some(KeySource::File("/srv/brief/keys/claude".into())));
    let command = ["pass", "show", "gemini"].map(str::to_owned).to_vec();
    assert_eq!(provider(&manifest, "gemini").key, Some(KeySource::Command(command)));
    let scripted = provider(&manifest, "scripted");
    assert_eq!((&scripted.url, &scripted.key), (&None, &None));
}

#[test]
fn models_arrive() {
    let manifest = good();
    assert_eq!(short(&manifest.warnings), Vec::<String>::new());
    let fast = model(&manifest, "fast");
    let price = Price { input: 250_000, output: 2_000_000, cached: Some(25_000), cache_written: None };
    assert_eq!(fast.info.price, Some(price));
    assert_eq!((&*fast.info.id, &*fast.info.provider, &*fast.provider), ("gpt-5-mini", "openai", "openai"));
    assert_eq!((fast.info.context_tokens, fast.info.output_tokens_max), (Some(400_000), 16_384));
    let abilities = [Ability::Tools, Ability::Schema, Ability::Images, Ability::Reasoning, Ability::Streaming];
    assert_eq!(fast.info.abilities, abilities);
    assert_eq!(fast.info.fallbacks, ["local".into(), "slow".into()]);
    assert_eq!((fast.info.call_microusd_max, fast.info.copies, fast.hedge_ms), (Some(50_000), 2, Some(2_000)));
    assert_eq!((fast.info.cache_ms, fast.caches_prompt), (Some(3_600_000), false));

    let local = model(&manifest, "local");
    assert_eq!((&*local.info.provider, local.info.price, local.info.copies), ("local", None, 1), "it is not OpenAI");
    assert_eq!((local.image_tokens, local.token_margin_percent, local.info.output_tokens_max), (500, 20, 4_096));
    assert_eq!(local.extra.as_ref().unwrap().to_value()["options"]["num_ctx"], 8_192);
    assert_eq!(local.info.abilities, [Ability::Tools, Ability::Schema, Ability::Streaming]);
    assert_eq!(&*model(&manifest, "slow").info.provider, "anthropic");
    let rules = model(&manifest, "rules");
    assert_eq!((&*rules.info.id, &*rules.info.provider), ("rules", "scripted"));
    assert_eq!(rules.script, Some("/srv/brief/rules.toml".into()));
    assert_eq!(manifest.models.default.as_deref(), Some("fast"));
    assert_eq!(manifest.models.embedding.as_deref(), Some("vectors"));
    assert!(manifest.memory_embeds);
    let telemetry = manifest.telemetry.unwrap();
    assert_eq!((telemetry.otlp.as_str(), telemetry.content), ("http://127.0.0.1:4318/", true));
}

#[test]
fn what_anthropic_writes_to_its_cache_costs_a_quarter_more() {
    let written = |kind: &str, more: &str, price: &str| {
        let url = "http://127.0.0.1:1/";
        let text = format!(
            "name = \"n\"\n[providers.p]\nkind = \"{kind}\"\nurl = \"{url}\"\n\
             [models.m]\nprovider = \"p\"\nid = \"i\"\n{more}\nprice = {{ {price} }}"
        );
        let manifest = Manifest::parse(&text, Path::new("/srv/priory.toml")).unwrap();
        model(&manifest, "m").info.price.unwrap().cache_written
    };
    let price = r#"input = "0.000003", output = "1""#;
    assert_eq!(written("anthropic", "", r#"input = "3", output = "15""#), Some(3_750_000));
    assert_eq!(written("anthropic", "", price), Some(4), "it is rounded up");
    let said = r#"input = "3", output = "15", cache-written = "6""#;
    assert_eq!(written("anthropic", "", said), Some(6_000_000), "what is said holds");
    assert_eq!(written("anthropic", "caches-prompt = false", price), None);
    assert_eq!(written("openai", "", price), None);
}

#[test]
fn budgets_and_grants_arrive() {
    let manifest = good();
    let tokens = |tokens_in, tokens_out, money_microusd| BudgetSpec {
        tokens_in: Some(tokens_in),
        tokens_out: Some(tokens_out),
        money_microusd: Some(money_microusd),
        ..BudgetSpec::default()
    };
    assert_eq!(manifest.budget, tokens(1_000_000, 100_000, 1_000_000));
    let quota = QuotaSpec { tokens_in: Some(50_000_000), tokens_out: None, money_microusd: Some(20_000_000) };
    assert_eq!(manifest.quota, quota);
    let assistant = &manifest.agents["assistant"];
    assert_eq!((assistant.budget, assistant.model.as_deref()), (tokens(200_000, 20_000, 500_000), Some("fast")));
    let inputs = [("user".to_owned(), "ann".to_owned())].into();
    let grants = assistant.grants.resolve(&inputs).unwrap();
    let grants: Vec<_> = grants.iter().map(ToString::to_string).collect();
    let expected = [
        "agent=other",
        "model=rules",
        "memory=agent:write",
        "memory=user/ann:read",
        "memory=user/*:write",
        "memory=run:write",
        "memory=*:write",
        "model=fast",
    ];
    assert_eq!(grants, expected, "what an agent asks is granted with it");
    let other = manifest.agents["other"].grants.resolve(&inputs).unwrap();
    let other: Vec<_> = other.iter().map(ToString::to_string).collect();
    assert_eq!(other, ["ask model=s*"], "a grant with conditions was meant to have them");
}

#[test]
fn the_only_model_is_asked_where_nobody_names_one() {
    let one = "name = 'a'\nproviders.scripted = {}\nmodels.m = { provider = 'scripted', script = 's' }\n";
    let vectors = "models.v = { provider = 'scripted', script = 's', abilities = ['embedding'] }\n";
    let another = "models.n = { provider = 'scripted', script = 's' }";
    let usual = |text: &str| {
        let models = parse(text).unwrap().models;
        (models.default.as_deref().map(str::to_owned), models.embedding.as_deref().map(str::to_owned))
    };
    assert_eq!(usual(one), (Some("m".into()), None));
    assert_eq!(usual(&format!("{one}{vectors}")), (Some("m".into()), Some("v".into())));
    assert_eq!(usual(&format!("{one}{vectors}{another}")), (None, Some("v".into())));
}

#[test]
fn prompts_are_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("priory.toml");
    let prompts = folder.path().join("prompts");
    fs::create_dir(&prompts).unwrap();
    fs::write(prompts.join("system.md"), "Be brief.\n").unwrap();
    fs::write(prompts.join("notes.txt"), "nothing").unwrap();
    let text =
        "name = 'a'\nplugins.p.path = 'p'\nagents.a = { plugin = 'p', prompts = 'prompts', config = { depth = '2' } }";
    let parse = |text: &str| Manifest::parse(text, &path);
    let agent = parse(text).unwrap().agents["a"].clone();
    assert_eq!(agent.config["prompt.system"], "Be brief.\n");
    assert_eq!((agent.config.len(), agent.config["depth"].as_str()), (2, "2"));
    let grants = agent.grants.resolve(&Default::default()).unwrap();
    assert_eq!(grants.iter().map(ToString::to_string).collect::<Vec<_>>(), ["config=prompt.system"]);

    let said = |text: &str| match parse(text) {
        Err(Error::Problems { problems, .. }) => {
            short(&problems).join("\n").replace(&*folder.path().to_string_lossy(), "…")
        }
        other => panic!("{other:?}"),
    };
    let twice = text.replace("depth = '2'", "'prompt.system' = 'x'");
    assert_eq!(
        said(&twice),
        "3:60 `prompt.system` is in the folder of prompts already (leave it out here, or take the file away)"
    );
    fs::write(prompts.join("Big One.md"), "x").unwrap();
    assert_eq!(
        said(text),
        "3:38 …/prompts/Big One.md cannot name a prompt (a name is made of lower-case letters, digits and `-`, and begins with a letter, as in `system.md`)"
    );
    fs::remove_file(prompts.join("Big One.md")).unwrap();
    fs::write(prompts.join("long.md"), "x".repeat((64 << 10) + 1)).unwrap();
    assert_eq!(
        said(text),
        "3:38 …/prompts/long.md is longer than 65536 bytes (say less, or let the agent read the rest as a file)"
    );
    fs::write(prompts.join("long.md"), "x".repeat(64 << 10)).unwrap();
    assert!(parse(text).is_ok());
    fs::write(prompts.join("long.md"), b"\xff").unwrap();
    assert_eq!(said(text), "3:38 …/prompts/long.md is not UTF-8 (save it as UTF-8)");
    fs::remove_file(prompts.join("long.md")).unwrap();
    (0..254).for_each(|n| fs::write(prompts.join(format!("{n}.txt")), "").unwrap());
    assert!(parse(text).is_ok());
    fs::write(prompts.join("one-more.txt"), "").unwrap();
    assert_eq!(said(text), "3:38 …/prompts has more than 256 files (keep prompts in a folder of their own)");
    assert!(said(&text.replace("'prompts'", "'nowhere'")).starts_with("3:38 …/nowhere cannot be read: "));
    assert_eq!(PathBuf::from(&path), parse("name = 'a'").unwrap().path);
}

#[test]
fn a_key_is_shown_to_nobody() {
    const KEY: &str = "sk-proj-0123456789abcdefghijklmnopqrstuvwxyz";
    let texts = [
        format!("name = 'a'\n[providers.openai]\nkey = '{KEY}'"),
        format!("name = 'a'\n[providers.openai]\nkey = {{ env = '{KEY}' }}"),
        format!("name = 'a'\n[providers.openai]\nkey = {{ command = ['echo', '{KEY}'] }}"),
        format!("name = 'a'\n[providers.openai]\nheaders = {{ authorization = 'Bearer {KEY}' }}"),
        format!("name = 'a'\n[providers.openai]\nheaders = {{ x-other = '{KEY}' }}"),
        format!("name = 'a'\n[providers.openai]\nurl = 'https://me:{KEY}@example.org/'"),
        format!("name = 'a'\n[providers.gemini]\nurl = 'https://example.org/v1?key={KEY}'"),
        format!("name = 'a'\n[providers.openai]\nurl = 'example.org?key={KEY}'"),
        format!("name = 'a'\n[providers.openai]\nkey = '{KEY}"),
        format!("name = 'a'\n[providers.openai]\nkey = '{KEY}'\nkey = '{KEY}'"),
        format!("name = 'a'\nproviders.openai = {{ key = '{KEY}', kind = 'opnai' }}"),
    ];
    for text in texts {
        let error = parse(&text).unwrap_err();
        assert!(matches!(error, Error::Problems { .. }), "{text}");
        for shown in [error.render(true), error.to_string(), format!("{error:?}")] {
            assert!(!shown.contains("0123456789"), "{shown}");
        }
        assert!(error.render(false).contains('•'), "{}", error.render(false));
    }
}

#[test]
fn money_is_warned_of_where_nobody_counts_it() {
    let of = |url: &str, budget: &str| {
        let text = format!(
            "name = 'a'\n{budget}\nproviders.p = {{ kind = 'openai', url = '{url}' }}\nmodels.m = {{ provider = 'p', id = 'x' }}"
        );
        short(&parse(&text).unwrap().warnings)
    };
    let expected = "4:8 money is bounded, and model `m` has no price, so it counts as free (add `price = { input = \"…\", output = \"…\" }`)";
    assert_eq!(of("https://example.org/", "budget.money = '1'"), [expected]);
    assert_eq!(of("https://example.org/", "quota.money = '1'"), [expected]);
    assert_eq!(of("http://localhost:8080/", "budget.money = '1'"), Vec::<String>::new());
    assert_eq!(of("https://example.org/", "budget.tokens-in = 1"), Vec::<String>::new());
}

#[test]
fn a_key_is_not_sent_for_everybody_to_read() {
    let of = |url: &str, key: &str| {
        let text = format!("name = 'a'\n[providers.p]\nkind = 'openai'\nurl = '{url}'\nkey = {key}");
        short(&parse(&text).unwrap().warnings)
    };
    let expected = "4:7 its key would go through the network for everybody to read (write `https://`, or `key = false` where none is needed)";
    assert_eq!(of("http://gpu.example.org/v1", "{ env = 'A' }"), [expected]);
    for (url, key) in [
        ("https://gpu.example.org/v1", "{ env = 'A' }"),
        ("http://gpu.example.org/v1", "false"),
        ("http://localhost/v1", "{ env = 'A' }"),
        ("http://[::1]:80/v1", "{ env = 'A' }"),
    ] {
        assert_eq!(of(url, key), Vec::<String>::new(), "{url}");
    }
}

/// What is wrong with manifests; what stands there follows the line `name = 'a'`.
const CASES: &[(&str, &str)] = &[
    (
        "default-model = 'fsat'\nproviders.openai = {}\nmodels.fast = { provider = 'openai', id = 'x' }",
        "2:17 there is no model `fsat` (did you mean `fast`?)",
    ),
    ("default-model = 'fast'", "2:17 there is no model `fast` (there are no models at all; add [models.fast])"),
    (
        "providers.openai = {}\nmodels.m = { provider = 'opnai', id = 'x' }",
        "3:25 there is no provider `opnai` (did you mean `openai`?)",
    ),
    (
        "models.m = { provider = 'openai', id = 'x' }",
        "2:25 there is no provider `openai` (there are no providers at all; add [providers.openai])",
    ),
    ("providers.openai = {}\nmodels.m = { id = 'x' }", "3:12 `provider` is missing in `models.m` (who provides it)"),
    (
        "providers.openai = {}\nmodels.m = { provider = 'openai' }",
        "3:8 nothing says how the provider calls model `m` (add `id = \"…\"`)",
    ),
    (
        "providers.openai = {}\nmodels.m = { provider = 'openai', id = '' }",
        "3:40 a provider calls no model like this (it has at most 256 bytes, as in `gpt-5-mini`)",
    ),
    (
        "providers.mine = {}",
        "2:11 nobody knows how provider `mine` is spoken to (add `kind = \"openai\"`, which most servers speak, or `openai-responses`, `anthropic`, `gemini` or `scripted`)",
    ),
    (
        "providers.mine = { kind = 'opnai' }",
        "2:27 `opnai` is not a value of `providers.mine.kind` (did you mean `openai`?)",
    ),
    (
        "providers.mine = { kind = 'openai', url = 'ftp://x' }",
        "2:43 this is no address (`http://` or `https://` is expected, as in `http://127.0.0.1:11434/v1/`)",
    ),
    (
        "providers.mine = { kind = 'openai', url = 'http://' }",
        "2:43 this is no address (`http://` or `https://` is expected, as in `http://127.0.0.1:11434/v1/`)",
    ),
    (
        "providers.openai.key = true",
        "2:24 `true` does not say where the key is (say where it is, as in `key = { env = \"NAME\" }`)",
    ),
    (
        "providers.openai.key = {}",
        "2:24 nothing says where the key is (exactly one of `env`, `file` and `command` says where the host finds it)",
    ),
    (
        "providers.openai.key = { env = 'A', file = 'b' }",
        "2:24 the key is in several places (exactly one of `env`, `file` and `command` says where the host finds it)",
    ),
    (
        "providers.openai.key = { envv = 'A' }",
        "2:26 unknown key `envv` in `providers.openai.key` (did you mean `env`?)",
    ),
    ("providers.openai.key = { env = 'A=B' }", "2:32 `A=B` cannot name a variable"),
    (
        "providers.openai.key = { command = [] }",
        "2:36 there is no program (write the program and its arguments, as in `[\"pass\", \"show\", \"openai\"]`)",
    ),
    (
        "providers.openai.key = 7",
        "2:24 `providers.openai.key` is a whole number, and a table or `true` or `false` or a string is expected",
    ),
    (
        "providers.openai.key = 'secret'",
        "2:24 a key is not written into a manifest (say where it is: `key = { env = \"NAME\" }`, `{ file = \"…\" }` or `{ command = [\"…\"] }`; and have it replaced, since it has been written down)",
    ),
    ("providers.openai.headers = { 'x y' = 'a' }", "2:30 `x y` cannot name a header field"),
    (
        "providers.openai.headers = { X-Api-Key = 'a' }",
        "2:30 `X-Api-Key` looks like a key, and a key is not written into a manifest (header fields hold no secrets; say with `key` where the host finds it)",
    ),
    (
        "providers.openai.headers = { Content-Type = 'a' }",
        "2:30 `Content-Type` belongs to the host, which sets it itself (leave it out)",
    ),
    (
        "providers.openai.headers = { x-a = \"a\\nb\" }",
        "2:36 `x-a` is no value of a header field (it is made of at most 1024 characters of ASCII, all of them printable)",
    ),
    ("providers.openai.attempts = 0", "2:29 `providers.openai.attempts` is a whole number from 1 to 10"),
    ("providers.openai.attempts = 11", "2:29 `providers.openai.attempts` is a whole number from 1 to 10"),
    (
        "providers.openai.time = '5m'",
        "2:25 `5m` is no span of time (write a number above 0 with its unit, such as `90s`, `5min`, `1h` or `250ms`)",
    ),
    ("providers.openai.time = '61min'", "2:25 `61min` is out of bounds: it may be from 100ms to 1h"),
    ("providers.openai.time = '1ms'", "2:25 `1ms` is out of bounds: it may be from 100ms to 1h"),
    (
        "providers.openai = { time = '10s', idle = '11s' }",
        "2:43 a request has 10s altogether, so it never waits 11s (make `time` longer, or this shorter)",
    ),
    (
        "providers.openai.rate = { calls = 1 }",
        "2:35 it is not said in which time so many calls may come (add `per-ms`, such as `per-ms = 1000`)",
    ),
    (
        "providers.openai.breaker = { failures = 0 }",
        "2:41 `providers.openai.breaker.failures` is a whole number from 1 to 1000",
    ),
    (
        "providers.scripted = { url = 'http://a/', key = { env = 'A' } }",
        "2:30 a scripted provider has no `url`: its answers come from files (leave it out)\n2:49 a scripted provider has no `key`: its answers come from files (leave it out)",
    ),
    (
        "providers.scripted = {}\nmodels.m = { provider = 'scripted' }",
        "3:8 model `m` has no rules to answer by (add `script = \"FILE.toml\"`)",
    ),
    (
        "providers.openai = {}\nmodels.m = { provider = 'openai', id = 'x', script = 's' }",
        "3:54 only a scripted model has a script (leave it out, or name a provider of kind `scripted`)",
    ),
    (
        "providers.openai = {}\nmodels.m = { provider = 'openai', id = 'x', price = { input = 0.25, output = 2 } }",
        "3:63 `0.25` is a number, and dollars are written as text, which is exact (write `\"0.25\"`)\n3:78 `2` is a number, and dollars are written as text, which is exact (write `\"2.00\"`)",
    ),
    (
        "providers.openai = {}\nmodels.m = { provider = 'openai', id = 'x', price = { input = '0.0000001' } }",
        "3:63 `0.0000001` is no amount of money (money is exact to the micro-dollar, which is six digits behind the point)",
    ),
    (
        "providers.openai = {}\nmodels.m = { provider = 'openai', id = 'x', price = { input = '-1' } }",
        "3:63 `-1` is no amount of money (dollars are written as a decimal number without a sign, as in `0.50`)",
    ),
    (
        "providers.openai = {}\nmodels.m = { provider = 'openai', id = 'x', price = { input = '99999999999999' } }",
        "3:63 `99999999999999` is no amount of money (that is more money than can be counted)",
    ),
    (
        "providers.openai = {}\nmodels.m = { provider = 'openai', id = 'x', price = { output = '1' } }",
        "3:53 `input` is missing in `models.m.price` (tokens that it reads)",
    ),
    (
        "providers.openai = {}\nmodels.m = { provider = 'openai', id = 'x', price = '1' }",
        "3:53 `models.m.price` is a string, and a table is expected",
    ),
    (
        "providers.openai = {}\nmodels.m = { provider = 'openai', id = 'x', call-max = '1' }",
        "3:56 nobody counts what a model without a price costs (add `price`, or leave this out)",
    ),
    (
        "providers.openai = {}\nmodels.m = { provider = 'openai', id = 'x', context-tokens = 10, output-tokens-max = 11 }",
        "3:86 an answer of 11 tokens does not fit into a context of 10 (a context has input and output together; make `output-tokens-max` smaller)",
    ),
    (
        "providers.openai = {}\nmodels.m = { provider = 'openai', id = 'x', output-tokens-max = 0 }",
        "3:65 `models.m.output-tokens-max` is a whole number from 1 to 10000000",
    ),
    (
        "providers.openai = {}\nmodels.m = { provider = 'openai', id = 'x', output-tokens-max = 10000001 }",
        "3:65 `models.m.output-tokens-max` is a whole number from 1 to 10000000",
    ),
    (
        "providers.openai = {}\nmodels.m = { provider = 'openai', id = 'x', abilities = ['tool'] }",
        "3:58 `tool` is not a value of `models.m.abilities` (did you mean `tools`?)",
    ),
    (
        "providers.openai = {}\nmodels.m = { provider = 'openai', id = 'x', abilities = ['tools', 'embedding'] }",
        "3:67 a model that makes vectors does nothing else (write `abilities = [\"embedding\"]`, and a model of its own for the rest)",
    ),
    (
        "providers.openai.time = '10s'\nmodels.m = { provider = 'openai', id = 'x', hedge = '10s' }",
        "3:53 its provider gives a request 10s altogether, so there is never a second one (make this shorter than `time` of the provider)",
    ),
    (
        "providers.openai = {}\nmodels.m = { provider = 'openai', id = 'x', hedge = '1ms' }",
        "3:53 `1ms` is out of bounds: it may be from 50ms to 365d",
    ),
    (
        "providers.openai = {}\nmodels.m = { provider = 'openai', id = 'x', cache = '400d' }",
        "3:53 `400d` is out of bounds: it may be from 1ms to 365d",
    ),
    (
        "providers.openai = {}\nmodels.m = { provider = 'openai', id = 'x', token-margin = 401 }",
        "3:60 `models.m.token-margin` is a whole number from 0 to 400",
    ),
    (
        "providers.openai = {}\nmodels.m = { provider = 'openai', id = 'x', fallbacks = ['m'] }",
        "3:58 `m` cannot stand in for itself (name another model)",
    ),
    (
        "providers.openai = {}\nmodels.m = { provider = 'openai', id = 'x', fallbacks = ['n'] }\nmodels.nn = { provider = 'openai', id = 'x' }",
        "3:58 there is no model `n` (did you mean `nn`?)",
    ),
    (
        "providers.openai = {}\nmodels.a = { provider = 'openai', id = 'x', fallbacks = ['b', 'b'] }\nmodels.b = { provider = 'openai', id = 'x' }",
        "3:63 `b` is named twice (leave one of them out)",
    ),
    (
        "providers.openai = {}\nmodels.c = { provider = 'openai', id = 'x', fallbacks = ['a'] }\nmodels.a = { provider = 'openai', id = 'x', fallbacks = ['b'] }\nmodels.b = { provider = 'openai', id = 'x', fallbacks = ['c'] }",
        "4:58 models stand in for each other in a circle: `a` → `b` → `c` → `a` (put them in one order: who is asked first names all others)",
    ),
    (
        "providers.openai = {}\nmodels.a = { provider = 'openai', id = 'x', fallbacks = ['b'] }\nmodels.b = { provider = 'openai', id = 'x', abilities = ['embedding'] }",
        "3:58 `b` cannot stand in: only one of both makes vectors",
    ),
    (
        "embedding-model = 'm'\nproviders.openai = {}\nmodels.m = { provider = 'openai', id = 'x' }\n",
        "2:19 `m` makes no vectors, so it cannot be the `embedding-model` (a model that does has `abilities = [\"embedding\"]`)",
    ),
    (
        "default-model = 'v'\nproviders.openai = {}\nmodels.v = { provider = 'openai', id = 'x', abilities = ['embedding'] }",
        "2:17 `v` makes vectors, and answers nobody",
    ),
    (
        "memory.embed = true\nproviders.openai = {}\nmodels.m = { provider = 'openai', id = 'x' }\n",
        "2:16 there is no model that makes vectors (add a model with `abilities = [\"embedding\"]`, and name it as `embedding-model`)",
    ),
    (
        "telemetry = {}",
        "2:13 `otlp` is missing in `telemetry` (the OTLP endpoint, by HTTP, such as `http://127.0.0.1:4318`)",
    ),
    (
        "telemetry.otlp = 'localhost:4318'",
        "2:18 this is no address (`http://` or `https://` is expected, as in `http://127.0.0.1:4318`)",
    ),
    (
        "telemetry = { otlp = 'http://localhost:4318', contents = true }",
        "2:47 unknown key `contents` in `telemetry` (did you mean `content`?)",
    ),
    (
        "budget.money = 0.5",
        "2:16 `0.5` is a number, and dollars are written as text, which is exact (write `\"0.50\"`)",
    ),
    (
        "budget.money = '0,50'",
        "2:16 `0,50` is no amount of money (dollars are written as a decimal number without a sign, as in `0.50`)",
    ),
    ("quota.money = 1", "2:15 `1` is a number, and dollars are written as text, which is exact (write `\"1.00\"`)"),
    ("quota.fuel = 1", "2:7 unknown key `fuel` in `quota` (the keys are `money`, `tokens-in`, `tokens-out`)"),
    ("budget.tokens-in = -1", "2:20 `budget.tokens-in` is a whole number from 0 to 18446744073709551615"),
    (
        "providers.openai = {}\nmodels.m = { provider = 'openai', id = 'x' }\nplugins.p.path = 'p'\nagents.a = { plugin = 'p', model = 'x' }",
        "5:36 there is no model `x` (the models are `m`)",
    ),
    (
        "providers.openai = {}\nmodels.m = { provider = 'openai', id = 'x' }\nmodels.v = { provider = 'openai', id = 'x', abilities = ['embedding'] }\nplugins.p.path = 'p'\nagents.a = { plugin = 'p', model = 'v' }",
        "6:36 `v` makes vectors, and answers nobody (the models are `m`)",
    ),
    (
        "providers.openai = {}\nmodels.m = { provider = 'openai', id = 'x' }\nplugins.p.path = 'p'\nagents.a = { plugin = 'p', grants = { models = ['x', 'm*', 'z*', '*'] } }",
        "5:49 there is no model `x` (the models are `m`)\n5:60 no model begins with `z`",
    ),
    (
        "plugins.p.path = 'p'\nagents.a = { plugin = 'p', grants = { memory = ['agnet', 'user/', 'user', 'user/{input.who}:read', 'other:write', 'us*', 'agent*'] } }",
        "3:49 `agnet` is no scope of the memory (did you mean `agent`?)\n3:58 `user/` is no scope of the memory (the scopes are `run`, `agent`, `user/NAME` and `tenant`)\n3:67 `user` is no scope of the memory (the scopes are `run`, `agent`, `user/NAME` and `tenant`)\n3:75 there is no input `who` (there are no inputs at all; add [inputs.who])\n3:100 `other` is no scope of the memory (the scopes are `run`, `agent`, `user/NAME` and `tenant`)\n3:122 `agent*` is no scope of the memory (did you mean `agent`?)",
    ),
];

#[test]
fn what_is_wrong_with_models_is_named_with_its_place() {
    let mut wrong = Vec::new();
    for (text, expected) in CASES {
        let found = short(&problems(&format!("name = 'a'\n{text}"))).join("\n");
        if found != *expected {
            wrong.push(format!("{text}\n=> {found}\n!= {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
