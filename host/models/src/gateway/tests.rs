// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the gateway does with a provider that answers, is slow, fails, or is not there, by a clock that the test moves.

use std::future::Future;
use std::io::Write as _;
use std::sync::Mutex;
use std::time::Duration;

use priory_core::gate::{BreakerSpec, RateSpec};
use priory_core::json::Json;
use priory_core::model::{KeySource, ProviderKind, StopReason};
use priory_testkit::SimClock;
use priory_testkit::provider::{Act, LoopbackProvider, Place};

use super::*;
use crate::testing::{asks, model, models, provider};

const KEY: &str = "sk-secret-0123456789";

struct Stage {
    server: LoopbackProvider,
    gateway: Gateway,
    clock: SimClock,
    _key: tempfile::NamedTempFile,
}

async fn stage(change: impl FnOnce(&mut ProviderSpec, &mut ModelSpec)) -> Stage {
    let server = LoopbackProvider::start(ProviderKind::Openai, KEY).await.unwrap();
    let mut key = tempfile::NamedTempFile::new().unwrap();
    key.write_all(KEY.as_bytes()).unwrap();
    let mut provider = provider(ProviderKind::Openai, server.url());
    provider.key = Some(KeySource::File(key.path().to_owned()));
    let mut model = model("gpt-test", &[Ability::Streaming]);
    change(&mut provider, &mut model);
    let clock = SimClock::at(1_000_000);
    let gateway = Gateway::new(models(provider, model), Arc::new(clock.clone()), [7; 32]).unwrap();
    Stage { server, gateway, clock, _key: key }
}

impl Stage {
    async fn ask(&self, prompt: &Prompt) -> Result<Answered, Unanswered> {
        self.gateway.complete(prompt, &|_| ()).await
    }

    /// Asks, and moves the clock on to the next sleeper that `moves` wants woken: those that wait for the server are not,
    /// as it answers in its own time. Returns how far the clock was moved.
    async fn moving<T>(&self, ask: impl Future<Output = T>, moves: impl Fn(Duration) -> bool) -> (T, Duration) {
        let before = self.clock.elapsed();
        tokio::pin!(ask);
        loop {
            tokio::select! {
                biased;
                answered = &mut ask => return (answered, self.clock.elapsed() - before),
                () = tokio::task::yield_now() => {}
            }
            if let Some(next) = self.clock.next_wake().filter(|next| moves(*next)) {
                self.clock.advance(next);
            }
        }
    }
}

/// Tells a pause before another attempt from a time that a server may take.
fn is_pause(next: Duration) -> bool {
    next < Duration::from_secs(9)
}

fn words(answered: Result<Answered, Unanswered>) -> String {
    answered.unwrap().message.words()
}

#[tokio::test]
async fn an_answer_comes_and_the_connection_is_kept() {
    let stage = stage(|_, _| ()).await;
    stage.server.then([Act::text("one"), Act::text("two"), Act::text("three")]);
    for (expected, streams) in [("one", false), ("two", true), ("three", false)] {
        let answered = stage.ask(&Prompt { streams, ..asks("hi") }).await.unwrap();
        assert_eq!((answered.message.words().as_str(), answered.attempts), (expected, 1));
        assert_eq!((answered.usage.input, answered.usage.output), (11, 7));
        assert!(answered.lost.is_zero() && answered.is_paid && answered.stop == StopReason::End);
    }
    assert_eq!(stage.server.connections(), 1);
    let asked = &stage.server.asked()[0];
    assert_eq!(asked.headers["authorization"], format!("Bearer {KEY}"));
    assert_eq!(asked.headers["idempotency-key"], "key-1");
    assert!(asked.headers["user-agent"].starts_with("priory/"));
}

#[tokio::test]
async fn a_stream_is_heard_piece_by_piece() {
    let stage = stage(|_, _| ()).await;
    stage.server.then([Act::text("one two three")]);
    let heard = Mutex::new(String::new());
    let hear = |delta| match delta {
        Delta::Text(text) => heard.lock().unwrap().push_str(&text),
        other => panic!("{other:?}"),
    };
    let prompt = Prompt { streams: true, ..asks("hi") };
    stage.gateway.complete(&prompt, &hear).await.unwrap();
    assert_eq!(*heard.lock().unwrap(), "one two three");
}

#[tokio::test]
async fn it_is_asked_again_when_the_provider_says_so() {
    let stage = stage(|_, _| ()).await;
    stage.server.then([
        Act::error(429, "slow down").header("retry-after", "7"),
        Act::error(500, "oh"),
        Act::text("ok"),
    ]);
    let (answered, waited) = stage.moving(stage.ask(&asks("hi")), is_pause).await;
    let answered = answered.unwrap();
    assert_eq!((answered.message.words().as_str(), answered.attempts), ("ok", 3));
    let counted = stage.gateway.count(&asks("hi"));
    assert_eq!(
        (answered.lost.input, answered.lost.output),
        (counted, 0),
        "what was refused costs nothing, what failed may"
    );
    assert!((7_500..9_000).contains(&waited.as_millis()), "{waited:?}");
    let keys: Vec<_> = stage.server.asked().iter().map(|asked| asked.headers["idempotency-key"].clone()).collect();
    assert_eq!(keys, ["key-1"; 3]);
}

#[tokio::test]
async fn it_is_not_asked_again_when_that_is_too_late_or_of_no_use() {
    let stage = stage(|provider, _| provider.attempts = 2).await;
    stage.server.then([Act::error(429, "slow down").header("retry-after", "61")]);
    let failed = stage.ask(&asks("hi")).await.unwrap_err();
    assert!(failed.attempts == 1 && failed.failure.is_retriable(), "{failed:?}");
    for (act, kind, retriable) in [
        (Act::error_named(429, "insufficient_quota", "pay first"), "unavailable", false),
        (Act::error(404, "no such model"), "unavailable", false),
        (Act::error(400, "bad"), "invalid", false),
        (Act::error(500, "oh").header("x-should-retry", "false"), "unavailable", true),
    ] {
        stage.server.then([act]);
        let failed = stage.ask(&asks("hi")).await.unwrap_err();
        assert_eq!((failed.failure.kind(), failed.failure.is_retriable(), failed.attempts), (kind, retriable, 1));
    }
    stage.server.then([Act::error(500, "one"), Act::error(500, "two")]);
    let (failed, _) = stage.moving(stage.ask(&asks("hi")), is_pause).await;
    let failed = failed.unwrap_err();
    assert!(failed.attempts == 2 && failed.failure.to_string().contains("two"), "{failed:?}");
}

#[tokio::test]
async fn nothing_is_asked_beyond_what_was_set_aside() {
    let stage = stage(|_, _| ()).await;
    let with = |input| Prompt { spare: TokenUsage { input, ..TokenUsage::default() }, ..asks("hi") };
    let one = stage.gateway.count(&asks("hi"));
    for (spare, attempts) in [(0, 1), (one - 1, 1), (one, 2), (2 * one, 3)] {
        stage.server.then((0..attempts).map(|_| Act::error(500, "oh")));
        let (failed, _) = stage.moving(stage.ask(&with(spare)), is_pause).await;
        let failed = failed.unwrap_err();
        assert_eq!((failed.attempts, failed.lost.input), (attempts, one * u64::from(attempts)), "{spare}");
        assert!(failed.failure.is_retriable());
    }
    let prompt = with(u64::MAX);
    stage.server.then([Act::body(200, "application/json", "{\"id\": ")]);
    let (failed, _) = stage.moving(stage.ask(&prompt), is_pause).await;
    assert!(failed.unwrap_err().lost.output > 0, "output has a bound of its own");
    stage.server.then([Act::error(429, "slow"), Act::error(503, "full"), Act::text("ok")]);
    let (answered, _) = stage.moving(stage.ask(&with(0)), is_pause).await;
    assert_eq!(answered.unwrap().attempts, 3, "what costs nothing is made again");
}

#[tokio::test]
async fn a_connection_that_breaks_may_have_to_be_paid() {
    let stage = stage(|provider, _| provider.attempts = 1).await;
    let counted = stage.gateway.count(&asks("hi"));
    for (act, lost) in [
        (Act::text("x").cut_at(Place::Start), counted),
        (Act::error(408, "late"), counted),
        (Act::error(504, "late"), counted),
        (Act::error(501, "no"), 0),
        (Act::error(503, "full"), 0),
        (Act::error(529, "full"), 0),
        (Act::error(400, "bad"), 0),
    ] {
        stage.server.then([act]);
        assert_eq!(stage.ask(&asks("hi")).await.unwrap_err().lost.input, lost);
    }
    let nowhere = models(provider(ProviderKind::Openai, Some("http://127.0.0.1:1/".parse().unwrap())), model("x", &[]));
    let gateway = Gateway::new(nowhere, Arc::new(SimClock::at(0)), [7; 32]).unwrap();
    let prompt = Prompt { time_ms: 1, ..asks("hi") };
    assert!(gateway.complete(&prompt, &|_| ()).await.unwrap_err().lost.is_zero());
}

#[tokio::test]
async fn every_copy_that_was_sent_counts() {
    let stage = stage(|provider, model| (provider.attempts, model.hedge_ms) = (2, Some(500))).await;
    stage.server.then([Act::error(500, "slow").hold_at(Place::Start), Act::error(500, "fast")]);
    let release = async {
        while stage.server.asked().len() < 2 {
            tokio::task::yield_now().await;
        }
        stage.server.release();
    };
    let prompt = asks("hi");
    let ask = stage.moving(stage.ask(&prompt), |next| next.as_millis() <= 500);
    let ((failed, _), ()) = tokio::join!(ask, release);
    let failed = failed.unwrap_err();
    assert_eq!((failed.attempts, failed.lost.input), (2, 2 * stage.gateway.count(&asks("hi"))));
}

#[tokio::test]
async fn what_was_heard_is_not_asked_again() {
    let stage = stage(|_, _| ()).await;
    stage.server.then([Act::text("one two three four five six").cut_at(Place::Events(4))]);
    let heard = Mutex::new(0);
    let prompt = Prompt { streams: true, ..asks("hi") };
    let failed = stage.gateway.complete(&prompt, &|_| *heard.lock().unwrap() += 1).await.unwrap_err();
    assert!(*heard.lock().unwrap() > 0);
    assert_eq!((failed.attempts, failed.failure.is_retriable()), (1, true));
    assert!(failed.lost.input > 0 && failed.lost.output > 0, "{:?}", failed.lost);
    assert_eq!(stage.server.asked().len(), 1);
}

#[tokio::test]
async fn silence_ends() {
    for streams in [false, true] {
        let stage = stage(|provider, _| (provider.attempts, provider.idle_ms) = (1, 10_000)).await;
        stage.server.then([Act::text("x").hang_at(Place::Start)]);
        let prompt = Prompt { streams, ..asks("hi") };
        let (failed, waited) = stage.moving(stage.ask(&prompt), |_| stage.server.waiting().is_some()).await;
        let failed = failed.unwrap_err();
        let (kind, ms) = if streams { ("unavailable", 10_000) } else { ("timeout", 60_000) };
        assert_eq!((failed.failure.kind(), waited.as_millis()), (kind, ms), "{failed:?}");
        assert!(failed.failure.is_retriable() && failed.lost.input > 0);
    }
}

#[tokio::test]
async fn a_slow_answer_is_hedged() {
    let stage = stage(|_, model| model.hedge_ms = Some(500)).await;
    stage.server.then([Act::text("slow").hang_at(Place::Start), Act::text("fast")]);
    let (answered, waited) =
        stage.moving(stage.ask(&asks("hi")), |next| stage.server.waiting().is_some() && next.as_millis() <= 500).await;
    let answered = answered.unwrap();
    assert_eq!((answered.message.words().as_str(), answered.attempts), ("fast", 2));
    assert_eq!((answered.lost.input, answered.lost.output), (11, 7), "the other copy is counted as this one");
    assert_eq!(waited.as_millis(), 500);
    let keys: Vec<_> = stage.server.asked().iter().map(|asked| asked.headers["idempotency-key"].clone()).collect();
    assert_eq!(keys, ["key-1", "key-1-1"]);
    stage.server.then([Act::text("at once")]);
    assert_eq!(stage.ask(&asks("hi")).await.unwrap().attempts, 1);
}

#[tokio::test]
async fn no_failure_holds_the_key() {
    let stage = stage(|provider, _| provider.attempts = 1).await;
    let long = format!("{} {KEY} {KEY}", "x".repeat(285));
    for text in [format!("your key {KEY} is bad"), long] {
        let stream_error = format!("data: {{\"error\": {{\"message\": \"{text}\"}}}}\n\n");
        for act in [
            Act::error(401, &text),
            Act::error(400, &text),
            Act::body(500, "text/html", text.clone()),
            Act::body(200, "application/json", format!("{{\"error\": {{\"message\": \"{text}\"}}}}")),
            Act::body(200, "application/json", format!("{{\"choices\": \"{text}\"}}")),
            Act::body(200, "text/event-stream", stream_error),
        ] {
            stage.server.then([act]);
            let failed = stage.ask(&asks("hi")).await.unwrap_err();
            let shown = format!("{failed:?} {}", failed.failure);
            assert!(!shown.contains("sk-secret"), "{shown}");
        }
    }
}

#[tokio::test]
async fn a_missing_key_is_told_without_asking() {
    let stage = stage(|provider, _| provider.key = Some(KeySource::Env("PRIORY_TEST_NO_SUCH_KEY".to_owned()))).await;
    let failed = stage.ask(&asks("hi")).await.unwrap_err();
    assert_eq!(failed.failure.kind(), "unavailable");
    let told = "model m is not available: provider p cannot be asked: its key cannot be read";
    assert_eq!(failed.failure.to_string(), told);
    assert!(stage.server.asked().is_empty());
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let stage = stage(|provider, _| provider.attempts = 1).await;
    let other = LoopbackProvider::start(ProviderKind::Openai, KEY).await.unwrap();
    stage.server.then([Act::body(307, "text/plain", "").header("location", other.url().unwrap().as_str())]);
    let failed = stage.ask(&asks("hi")).await.unwrap_err();
    assert!(!failed.failure.is_retriable());
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn a_failing_provider_is_left_alone() {
    let breaker = BreakerSpec { failures: 2, open_ms: 5_000, ..BreakerSpec::default() };
    let stage = stage(|provider, _| (provider.attempts, provider.breaker) = (1, Some(breaker))).await;
    stage.server.then([Act::error(400, "bad"), Act::error(503, "a"), Act::error(503, "b"), Act::text("ok")]);
    for _ in 0..3 {
        stage.ask(&asks("hi")).await.unwrap_err();
    }
    let failed = stage.ask(&asks("hi")).await.unwrap_err();
    assert!(failed.failure.to_string().contains("its breaker is open"), "{}", failed.failure);
    assert_eq!(stage.server.asked().len(), 3);
    stage.clock.advance(Duration::from_secs(5));
    assert_eq!(words(stage.ask(&asks("hi")).await), "ok");
}

#[tokio::test]
async fn no_more_requests_go_on_than_may() {
    let stage = stage(|provider, _| provider.rate = RateSpec::at_once(1).waiting(60_000)).await;
    stage.server.then([Act::text("one").hold_at(Place::Start), Act::text("two")]);
    let (one, two) = (asks("one"), asks("two"));
    let release = async {
        while stage.server.waiting().is_none() {
            tokio::task::yield_now().await;
        }
        assert_eq!(stage.server.asked().len(), 1);
        stage.server.release();
    };
    let (one, two, ()) = tokio::join!(stage.ask(&one), stage.ask(&two), release);
    assert_eq!((words(one), words(two)), ("one".to_owned(), "two".to_owned()));
}

#[tokio::test]
async fn a_model_can_be_tested() {
    let stage = stage(|_, _| ()).await;
    stage.server.then([Act::text("ok")]);
    let tested = stage.gateway.test("m").await.unwrap();
    assert_eq!((tested.words.as_str(), tested.attempts, tested.usage.input), ("ok", 1, 11));
    let failed = stage.gateway.test("other").await.unwrap_err();
    assert_eq!(failed.failure.to_string(), "model other is not available: there is no model with this name");
}

#[tokio::test]
async fn texts_become_vectors() {
    let stage = stage(|_, _| ()).await;
    stage.server.then([Act::error(500, "oh"), Act::vectors(vec![vec![1.0, 0.5], vec![0.0, 1.0]])]);
    let order = EmbedOrder {
        model: "m".into(),
        texts: vec!["a".to_owned(), "b".to_owned()],
        key: "k".to_owned(),
        spare_input: u64::MAX,
        time_ms: 60_000,
    };
    let (vectors, _) = stage.moving(stage.gateway.embed(&order), is_pause).await;
    let vectors = vectors.unwrap();
    assert_eq!((vectors.vectors.len(), vectors.attempts), (2, 2));
    assert!(vectors.usage.input > 0 && vectors.usage.output == 0);
    stage.server.then([Act::error(500, "oh")]);
    let failed = stage.gateway.embed(&EmbedOrder { spare_input: 0, ..order }).await.unwrap_err();
    assert!(failed.attempts == 1 && failed.lost.input > 0, "no other attempt fits into what was set aside");
}

#[tokio::test]
async fn what_is_configured_wrongly_is_told() {
    let clock: Arc<dyn Clock> = Arc::new(SimClock::at(0));
    let url = || Some("https://example.org/v1".parse().unwrap());
    let new = |spec| Gateway::new(spec, clock.clone(), [0; 32]).map(|_| ());
    let good = || models(provider(ProviderKind::Openai, url()), model("x", &[]));
    new(good()).unwrap();
    let fails = |change: &dyn Fn(&mut ModelsSpec)| {
        let mut spec = good();
        change(&mut spec);
        new(spec).unwrap_err().to_string()
    };
    for (error, expected) in [
        (fails(&|spec| spec.models[0].provider = "q".into()), "`q`, which is not there"),
        (fails(&|spec| spec.models.push(spec.models[0].clone())), "two models"),
        (fails(&|spec| spec.providers.push(spec.providers[0].clone())), "two providers"),
        (fails(&|spec| spec.default = Some("q".into())), "named by `default-model`"),
        (fails(&|spec| spec.providers[0].url = None), "is missing"),
        (fails(&|spec| spec.providers[0].url = Some("ftp://x/".parse().unwrap())), "neither https nor http"),
        (fails(&|spec| spec.providers[0].url = Some("https://a:b@x/".parse().unwrap())), "holds a name or a password"),
        (fails(&|spec| spec.providers[0].headers = vec![("Authorization".into(), "x".into())]), "written by the host"),
        (fails(&|spec| spec.providers[0].headers = vec![("X-Auth-Token".into(), "x".into())]), "written by the host"),
        (fails(&|spec| spec.providers[0].url = Some("https://x/v1?key=y".parse().unwrap())), "has a query"),
        (fails(&|spec| spec.providers[0].headers = vec![("a b".into(), "x".into())]), "no name of a header"),
        (fails(&|spec| spec.models[0].extra = Some(Json::parse("[]").unwrap())), "has to be an object"),
        (fails(&|spec| spec.models[0].extra = Some(Json::parse(r#"{"stream": true}"#).unwrap())), "sets `stream`"),
        (fails(&|spec| spec.providers[0].kind = ProviderKind::Scripted), "names no file of rules"),
    ] {
        assert!(error.contains(expected), "{error}");
    }
}
