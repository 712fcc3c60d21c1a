// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs cases: a provider and a gateway for each, and a clock that moves when nothing else can happen.

use std::fmt::Write as _;
use std::io::Write;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use priory_core::gate::RateSpec;
use priory_core::model::{
    Ability, Answered, Delta, KeySource, ModelInfo, ModelSpec, ModelsSpec, Prompt, ProviderKind, ProviderSpec,
    Unanswered,
};
use priory_core::ports::{Clock, Models};
use priory_models::Gateway;
use priory_testkit::SimClock;
use priory_testkit::provider::LoopbackProvider;

use super::case::{self, Case};

/// The key of every provider here. It looks like nothing else, so that it can be searched for.
pub(crate) const KEY: &str = "sk-fake-0123456789-Never-Shown";
/// How long a request may take: longer than everything that is waited for.
pub(crate) const TIME_MS: u64 = 24 * 60 * 60 * 1_000;
/// How long a provider may be silent: longer than any pause between two attempts.
pub(crate) const IDLE_MS: u64 = 30 * 60 * 1_000;
/// The longest pause between two attempts. What sleeps longer waits for the network.
const PAUSE_MAX: Duration = Duration::from_secs(20 * 60);
/// When the clock starts: 2026-11-21 at midnight, in milliseconds since 1970.
pub(crate) const START_UNIX_MS: u64 = 1_795_219_200_000;
/// How often it is looked whether the clock has to move. Nothing depends on how long that takes.
const LOOK: Duration = Duration::from_millis(1);
/// How often it is looked whether a connection was closed, before the clock moves once more: one that was only read late
/// would otherwise keep a case waiting.
const LOOKS_MAX: u32 = 5_000;

/// How long a case runs before it is given up: many times what the slowest takes.
const CASE_TIME: Duration = Duration::from_secs(90);

/// What is logged while cases run.
static LOGGED: OnceLock<Arc<Mutex<Vec<u8>>>> = OnceLock::new();

/// What is kept of everything that is logged.
#[derive(Clone)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Keeps everything that is logged from now on, of every crate and level.
pub(crate) fn logged() -> Arc<Mutex<Vec<u8>>> {
    let logged = LOGGED.get_or_init(|| {
        let log = Log(Arc::default());
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::set_global_default(subscriber).unwrap();
        log.0
    });
    Arc::clone(logged)
}

/// A provider and a gateway that knows it as the only one.
pub(crate) struct Bench {
    pub(crate) clock: SimClock,
    pub(crate) provider: LoopbackProvider,
    pub(crate) gateway: Gateway,
    _key: tempfile::NamedTempFile,
}

/// Returns how a kind of provider is configured here.
fn model(kind: ProviderKind) -> ModelSpec {
    let id = match kind {
        ProviderKind::Anthropic => "claude-sonnet-4-5",
        ProviderKind::Gemini => "gemini-2.5-flash",
        _ => "fake-1",
    };
    let info = ModelInfo {
        name: "m".into(),
        provider: kind.telemetry_name().into(),
        id: id.into(),
        context_tokens: None,
        output_tokens_max: 8_192,
        abilities: vec![Ability::Tools, Ability::Schema, Ability::Images, Ability::Files, Ability::Streaming],
        price: None,
        fallbacks: vec![],
        call_microusd_max: None,
        copies: 1,
        cache_ms: None,
    };
    ModelSpec {
        info: Arc::new(info),
        provider: "p".into(),
        hedge_ms: None,
        caches_prompt: false,
        image_tokens: 1_000,
        token_margin_percent: 0,
        extra: None,
        script: None,
    }
}

impl Bench {
    /// Sets them up.
    pub(crate) async fn new(kind: ProviderKind, tune: impl Fn(&mut ProviderSpec, &mut ModelSpec)) -> Self {
        let clock = SimClock::at(START_UNIX_MS);
        let provider = LoopbackProvider::start(kind, KEY).await.unwrap();
        let mut key = tempfile::NamedTempFile::new().unwrap();
        writeln!(key, "{KEY}").unwrap();
        let mut spec = ProviderSpec {
            name: "p".into(),
            kind,
            url: provider.url(),
            key: Some(KeySource::File(key.path().to_owned())),
            headers: vec![],
            rate: RateSpec::default(),
            breaker: None,
            attempts: 4,
            time_ms: TIME_MS,
            idle_ms: IDLE_MS,
        };
        let mut model = model(kind);
        tune(&mut spec, &mut model);
        let models = ModelsSpec { providers: vec![spec], models: vec![model], default: None, embedding: None };
        let gateway = Gateway::new(models, Arc::new(clock.clone()), [7; 32]).unwrap();
        Self { clock, provider, gateway, _key: key }
    }

    /// Asks, and moves the clock where nothing else can happen.
    pub(crate) async fn ask(
        &self,
        prompt: &Prompt,
        heard_before: usize,
        silence_ms: Option<u64>,
    ) -> (Result<Answered, Unanswered>, Vec<Delta>) {
        let heard = Mutex::new(Vec::new());
        let hear = |delta| heard.lock().push(delta);
        let asked = self.gateway.complete(prompt, &hear);
        // Only what is streamed begins soon; anything else may take as long as the request.
        let silence = silence_ms.unwrap_or(if prompt.streams { IDLE_MS } else { TIME_MS });
        let result = self.driven(asked, silence, || heard.lock().len() >= heard_before).await;
        (result, heard.into_inner())
    }

    /// Waits for a future, and moves the clock where nothing else can happen: to the end of a pause between two attempts, and
    /// by `silence_ms` where the provider says nothing any more and `is_ready`.
    pub(crate) async fn driven<T>(
        &self,
        future: impl Future<Output = T>,
        silence_ms: u64,
        is_ready: impl Fn() -> bool,
    ) -> T {
        let mut future = std::pin::pin!(future);
        let mut moved_for: Option<(usize, u32)> = None;
        loop {
            tokio::select! {
                biased;
                output = &mut future => return output,
                () = tokio::time::sleep(LOOK) => {}
            }
            if self.provider.is_held() {
                // It is slow, and not silent for too long: what is left is still longer than any pause.
                self.clock.advance(Duration::from_millis(IDLE_MS / 4));
                self.provider.release();
                continue;
            }
            match (self.provider.waiting(), moved_for) {
                (Some(number), Some((moved, looks))) if number == moved && looks < LOOKS_MAX => {
                    moved_for = Some((moved, looks + 1));
                }
                (Some(number), _) if is_ready() => {
                    self.clock.advance(Duration::from_millis(silence_ms));
                    moved_for = Some((number, 0));
                }
                (Some(_), _) => {}
                (None, _) => {
                    moved_for = None;
                    if let Some(pause) = self.clock.next_wake().filter(|pause| *pause <= PAUSE_MAX) {
                        self.clock.advance(pause);
                    }
                }
            }
        }
    }
}

/// Runs one case in one form, and says what is wrong with what it came to.
async fn one(kind: ProviderKind, case: &Case, streams: bool, expected: &str) -> Option<String> {
    let bench = Bench::new(kind, |provider, model| case.tunes.iter().for_each(|tune| tune(provider, model))).await;
    bench.provider.then((case.acts)(streams));
    let mut prompt = case::prompt();
    case.asks.iter().for_each(|ask| ask(&mut prompt));
    prompt.streams = streams;
    let (result, heard) = bench.ask(&prompt, case.heard, case.silence_ms).await;
    let shown = case::shown(&result);
    let mut wrong = String::new();
    if shown != expected {
        let why = result.as_ref().err().map(|unanswered| format!(" ({})", unanswered.failure)).unwrap_or_default();
        let _ = write!(wrong, "\n    expected {expected}\n    and not  {shown}{why}");
    }
    if let (Some(words), Err(unanswered)) = (case.says, &result)
        && !unanswered.failure.to_string().contains(words)
    {
        let _ = write!(wrong, "\n    it does not say {words:?}: {}", unanswered.failure);
    }
    if let Some(misheard) = result.as_ref().ok().filter(|_| streams).and_then(|answer| case::misheard(&heard, answer)) {
        let _ = write!(wrong, "\n    {misheard}");
    }
    if !streams && !heard.is_empty() {
        let _ = write!(wrong, "\n    heard {heard:?}, although no stream was asked for");
    }
    let asked = bench.provider.asked();
    for refusal in asked.iter().filter_map(|asked| asked.refusal.as_ref()) {
        let _ = write!(wrong, "\n    the provider refuses it: {refusal}");
    }
    if bench.provider.acts_left() > 0 {
        let _ = write!(wrong, "\n    {} acts were not played", bench.provider.acts_left());
    }
    let elapsed = u64::try_from(bench.clock.elapsed().as_millis()).unwrap();
    if let Some((least, most)) = case.waits.filter(|(least, most)| !(*least..=*most).contains(&elapsed)) {
        let _ = write!(wrong, "\n    it took {elapsed} ms, and not {least} to {most}");
    }
    case.looks.iter().for_each(|look| look(&asked));
    let debug = format!("{result:?} {heard:?} {shown}");
    if debug.contains(KEY) {
        let _ = write!(wrong, "\n    it shows the key: {debug}");
    }
    (!wrong.is_empty()).then(|| format!("{} ({}):{wrong}", case.name, if streams { "stream" } else { "whole" }))
}

/// Runs all cases in both forms.
pub(crate) async fn all(kind: ProviderKind, cases: &[Case]) {
    let logged = logged();
    let mut wrong = Vec::new();
    for case in cases {
        for (streams, expected) in [(false, &case.whole), (true, &case.stream)] {
            if let Some(expected) = expected {
                // A case that hangs is named; nothing else depends on how long one takes.
                let ended = tokio::time::timeout(CASE_TIME, one(kind, case, streams, expected)).await;
                wrong.extend(
                    ended.unwrap_or_else(|_| Some(format!("{} (stream {streams}): it does not end", case.name))),
                );
            }
        }
    }
    let logged = String::from_utf8_lossy(&logged.lock()).into_owned();
    assert!(!logged.is_empty(), "nothing was logged, so nothing was searched");
    assert!(!logged.contains(KEY), "the key was logged");
    assert!(wrong.is_empty(), "{} of {} cases of {kind}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
