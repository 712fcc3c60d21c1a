// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the engine needs of the world, as small traits. Each is a contract that every implementation keeps.

use std::future::Future;
use std::net::IpAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::effect::{Effect, Level, Outcome};
use crate::event::{Envelope, Label};
use crate::failure::Failure;
use crate::grant::rule::FileMode;
use crate::http::{HttpRequest, HttpResponse};
use crate::id::{Digest, FramePath, RunId};
use crate::journal::JournalError;
use crate::json::Json;
use crate::limits::Limits;
use crate::memory::{Fact, FactQuery, Forget, KeptFact, ScopeInfo, ScopeKey};
use crate::model::{
    Answered, Delta, Expense, ExpenseQuery, ExpenseTotal, ModelInfo, Prompt, TokenUsage, Unanswered, Vector,
};
use crate::program::{PluginInfo, Report, Task, ToolInfo};
use crate::usage::Meter;

/// A future on the heap.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Tells the time and wakes sleepers. Nothing else in the host reads a clock.
pub trait Clock: Send + Sync {
    /// Returns wall-clock time in milliseconds since 1970.
    fn unix_ms(&self) -> u64;

    /// Returns the time since some fixed instant; it never goes back.
    fn elapsed(&self) -> Duration;

    /// Waits until [`Clock::elapsed`] has reached `until`; returns at once when it has.
    fn sleep_until(&self, until: Duration) -> BoxFuture<'static, ()>;
}

/// Makes ids and seeds. Nothing else in the host draws random numbers.
pub trait Ids: Send + Sync {
    /// Returns a new id of a run.
    fn run(&self, unix_ms: u64) -> RunId;

    /// Returns a new seed, unpredictable to guests.
    fn seed(&self) -> [u8; 32];
}

/// Receives what happens, in order. It must not block: a slow reader is its own problem.
pub trait Recorder: Send + Sync {
    /// Takes one event. Events of one run arrive in the order of their `seq`.
    fn record(&self, envelope: &Envelope);

    /// Hears a piece of an answer that a model is still writing. Who does not watch does nothing.
    fn hear(&self, heard: &Heard) {
        let _ = heard;
    }
}

/// Sends requests to the outside.
pub trait Http: Send + Sync {
    /// Sends one request and reads the whole answer.
    ///
    /// The host name is resolved first; each address is shown to `may_dial`, and only one that it
    /// accepts is dialled, without resolving again. Redirects are answers, never followed. Fails with `denied`
    /// built from what `may_dial` said when no address may be dialled, `limit` when the answer is larger than
    /// `body_bytes_max`, `unavailable` for everything that the network does.
    fn send<'a>(
        &'a self,
        request: &'a HttpRequest,
        body_bytes_max: u64,
        may_dial: &'a (dyn Fn(IpAddr) -> Result<(), Failure> + Send + Sync),
    ) -> BoxFuture<'a, Result<HttpResponse, Failure>>;
}

/// Speaks to the providers of models.
pub trait Models: Send + Sync {
    /// Returns what is known of a model, by its name in the manifest.
    fn get(&self, name: &str) -> Option<Arc<ModelInfo>>;

    /// Returns every model, ordered by name.
    fn list(&self) -> Vec<Arc<ModelInfo>>;

    /// Returns how many tokens a prompt has: what a provider counts is this or less, as far as one can know. It costs time
    /// for every byte; what is cheap is that no text has more tokens than bytes.
    fn count(&self, prompt: &Prompt) -> u64;

    /// Asks a model and returns the whole answer.
    ///
    /// Retries are made here, by what the provider says about them, within the time of the prompt; whether another model
    /// stands in is the engine's to decide. `hear` is told each piece of the answer that was asked for as a stream, and of
    /// one attempt only: once something was heard, nothing is tried again. Fails with `unavailable` or `timeout` when
    /// another model may answer, and with `invalid` when the request is at fault. No failure holds a key. Dropping the
    /// future ends the request.
    fn complete<'a>(
        &'a self,
        prompt: &'a Prompt,
        hear: &'a (dyn Fn(Delta) + Send + Sync),
    ) -> BoxFuture<'a, Result<Answered, Unanswered>>;

    /// Makes vectors of texts. Fails as [`Models::complete`] does.
    fn embed<'a>(&'a self, order: &'a EmbedOrder) -> BoxFuture<'a, Result<Vectors, Unanswered>>;

    /// Tells whether a recorded run answers: nobody is paid then, and only what was asked in that run has an answer.
    fn is_recording(&self) -> bool {
        false
    }
}

/// Texts that are to become vectors.
#[derive(Debug, Clone)]
pub struct EmbedOrder {
    /// The model, by its name in the manifest.
    pub model: Arc<str>,
    /// The texts.
    pub texts: Vec<String>,
    /// By which the provider may know a repetition.
    pub key: String,
    /// How many tokens attempts that give no vectors may take beside those that do, of what was set aside.
    pub spare_input: u64,
    /// How long it may take altogether, in milliseconds.
    pub time_ms: u64,
}

impl EmbedOrder {
    /// Returns the digest of texts that become vectors, whichever model makes them: the same for what is read from a
    /// recorded run.
    pub fn digest_of(texts: &[String]) -> Digest {
        // Plain data can always be written.
        Digest::of(&serde_json::to_vec(texts).unwrap_or_default())
    }
}

/// Texts that became vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct Vectors {
    /// One for each text, in the same order.
    pub vectors: Vec<Vector>,
    /// What they took.
    pub usage: TokenUsage,
    /// How many attempts there were.
    pub attempts: u32,
    /// Whether somebody has to be paid.
    pub is_paid: bool,
}

/// Keeps what is spent on models across runs, so that a day has a bound.
pub trait Expenses: Send + Sync {
    /// Notes an expense in the place of the one with the same key. It is durable when this returns.
    fn note(&self, expense: Expense) -> BoxFuture<'_, Result<(), JournalError>>;

    /// Returns what was spent and set aside on a day.
    fn spent_on(&self, day: u32) -> BoxFuture<'_, Result<ExpenseTotal, JournalError>>;

    /// Sums expenses.
    fn sum(&self, query: ExpenseQuery) -> BoxFuture<'_, Result<Vec<ExpenseTotal>, JournalError>>;
}

/// Keeps answers of models, so that the same request need not be paid again.
pub trait Answers: Send + Sync {
    /// Returns what was kept under a key at or after a time, in milliseconds since 1970.
    fn find(&self, key: Digest, since_unix_ms: u64) -> BoxFuture<'_, Result<Option<Json>, JournalError>>;

    /// Keeps an answer in the place of the one with the same key. What is older than `forget_unix_ms` is forgotten.
    fn keep(
        &self,
        key: Digest,
        answer: Json,
        unix_ms: u64,
        forget_unix_ms: u64,
    ) -> BoxFuture<'_, Result<(), JournalError>>;
}

/// Keeps facts that outlive runs.
pub trait Memory: Send + Sync {
    /// Keeps a fact; one with the same scope and id takes its place. Fails with `full` beyond
    /// [`FACTS_MAX`](crate::memory::FACTS_MAX) of a scope. It is durable when this returns.
    fn remember(&self, fact: KeptFact) -> BoxFuture<'_, Result<(), MemoryError>>;

    /// Finds facts, the best first; where nothing is searched, the newest.
    fn recall(&self, query: FactQuery) -> BoxFuture<'_, Result<Vec<Fact>, MemoryError>>;

    /// Forgets facts, and returns how many there were. Nothing of them is left in the store when this returns.
    fn forget(&self, scope: ScopeKey, which: Forget) -> BoxFuture<'_, Result<u64, MemoryError>>;

    /// Forgets what has expired by a time in milliseconds since 1970, and returns how much that was.
    fn expire(&self, now_unix_ms: u64) -> BoxFuture<'_, Result<u64, MemoryError>>;

    /// Returns the scopes that have facts, ordered by name, those that begin with `prefix`; at most 1,000.
    fn scopes(&self, prefix: String) -> BoxFuture<'_, Result<Vec<ScopeInfo>, MemoryError>>;
}

/// Why the memory cannot do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MemoryError {
    /// The scope has as many facts as it may have.
    #[error("the memory of {scope} has {facts} facts, and may have no more; forget some")]
    Full {
        /// Which scope.
        scope: String,
        /// How many facts it has.
        facts: u64,
    },
    /// The store does not work.
    #[error("the memory cannot be {what}: {reason}")]
    Store {
        /// What was tried, such as `read`.
        what: &'static str,
        /// Why it failed.
        reason: String,
        /// Whether it may work later.
        retriable: bool,
    },
}

/// A piece of an answer on its way to whoever watches the run. It is told as it comes, and is no event: what was said is in
/// the outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The run.
    pub run: RunId,
    /// The frame.
    pub frame: FramePath,
    /// The position among the effects of the frame.
    pub step: u32,
    /// What was said.
    pub delta: Delta,
}

/// Knows the values of secrets. Only the edge of an outgoing request asks it.
pub trait Secrets: Send + Sync {
    /// Returns the value of a secret, or says why it cannot be had (without any part of the value).
    fn reveal(&self, name: &str) -> Result<String, Failure>;
}

/// Runs futures on the threads that are set apart for guests.
pub trait Compute: Send + Sync {
    /// Starts a future. Dropping the handle cancels it; its memory is freed on a compute thread soon after.
    fn spawn(&self, future: BoxFuture<'static, ()>) -> Box<dyn Send + Sync>;
}

/// What a frame is to execute.
#[derive(Debug, Clone)]
pub enum Entry {
    /// A function of the plugin, by its position in [`PluginInfo::functions`].
    Function {
        /// The position.
        index: usize,
        /// An object with one property a parameter.
        arguments: Json,
    },
    /// `priory:agent/agent.run`.
    Agent(Task),
    /// `priory:agent/toolset.list-tools`.
    ListTools,
    /// `priory:agent/toolset.call-tool`.
    CallTool {
        /// The tool, without the plugin in front.
        name: String,
        /// Its arguments.
        arguments: Json,
    },
}

/// What an executed program returned.
#[derive(Debug, Clone, PartialEq)]
pub enum Returned {
    /// The result of a function or of a toolset's tool.
    Json(Json),
    /// The report of an agent.
    Report(Report),
    /// The tools of a toolset.
    Tools(Vec<ToolInfo>),
}

/// A folder or file that a frame sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Mount {
    /// An absolute path of the host.
    pub host_path: PathBuf,
    /// Where the guest sees it.
    pub guest_path: String,
    /// For reading, or for writing too.
    pub mode: FileMode,
}

/// All that a frame is given. Two frames with equal orders and equal outcomes do the same.
#[derive(Debug, Clone)]
pub struct Order {
    /// What to execute.
    pub entry: Entry,
    /// How the frame is called in failures: `path program`.
    pub label: Label,
    /// Frames above it; a sandbox uses it to admit frames without deadlock.
    pub depth: u32,
    /// Limits; fuel is the exact amount.
    pub limits: Limits,
    /// Folders and files.
    pub mounts: Vec<Mount>,
    /// Environment variables.
    pub env: Vec<(String, String)>,
    /// Configuration, for `wasi:config`.
    pub config: Vec<(String, String)>,
    /// The seed of all randomness that the guest sees.
    pub seed: [u8; 32],
    /// The wall clock at the start, in milliseconds since 1970. The guest's clocks go on from there by fuel, and are never
    /// behind [`Order::seen`].
    pub unix_ms: u64,
    /// The time of the last outcome that the frame was given.
    pub seen: Arc<Seen>,
}

/// The time of the last outcome that a frame was given, in milliseconds since 1970. Its host writes it, and the clocks of
/// the guest follow.
#[derive(Debug, Default)]
pub struct Seen(AtomicU64);

impl Seen {
    /// Moves the time on; it never goes back.
    pub fn move_on(&self, unix_ms: u64) {
        self.0.fetch_max(unix_ms, Ordering::Relaxed);
    }

    /// Returns the time.
    pub fn unix_ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a running frame may ask of its host: the waist, seen from one frame.
///
/// `fuel` is always the fuel that the frame has burnt when it asks.
pub trait FrameHost: Send + Sync {
    /// Performs an effect.
    fn perform(&self, effect: Effect, fuel: u64) -> BoxFuture<'_, Outcome>;

    /// Starts an effect and returns a number for it, unique in the frame.
    fn start(&self, effect: Effect, fuel: u64) -> Result<u32, Failure>;

    /// Announces a request whose body is still being written: it takes its place among the effects, and fails at once when
    /// it may not be sent. [`FrameHost::send`] goes on with it.
    fn announce(&self, method: &str, url: &Url, fuel: u64) -> Result<u32, Failure>;

    /// Sends an announced request and starts to wait for its answer, as if it had been started.
    fn send(&self, pending: u32, request: HttpRequest);

    /// Waits for a started effect and takes its outcome. A number that is not pending is a `conflict`.
    fn wait(&self, pending: u32) -> BoxFuture<'_, Outcome>;

    /// Waits for a started effect and takes its outcome while the frame itself goes on.
    fn outcome(&self, pending: u32) -> BoxFuture<'_, Outcome>;

    /// Waits until one of some started effects has ended; returns its position. The first to end is named, and a
    /// number that is not pending counts as ended before all others. The list is not empty.
    fn wait_any<'a>(&'a self, pending: &'a [u32]) -> BoxFuture<'a, usize>;

    /// Waits for the next of all started effects that ends, in the order in which they ended, and takes its outcome; `None`
    /// where none is started.
    fn next(&self) -> BoxFuture<'_, Option<(u32, Outcome)>>;

    /// Withdraws a started effect; its outcome becomes `cancelled` unless it had ended.
    fn cancel(&self, pending: u32);

    /// Withdraws a started effect and forgets it.
    fn forget(&self, pending: u32);

    /// Writes log. Fails only when the frame has to end.
    fn log(&self, level: Level, message: &str, fuel: u64) -> Result<(), Failure>;
}

/// A loaded plugin.
pub trait Plugin: Send + Sync {
    /// Returns what is known of it.
    fn info(&self) -> &PluginInfo;

    /// Executes one frame in a fresh sandbox. Dropping the future ends the frame at once.
    ///
    /// What the frame used is in `meter`, at the latest when the future is gone.
    fn execute(
        self: Arc<Self>,
        order: Order,
        host: Arc<dyn FrameHost>,
        meter: Arc<Meter>,
    ) -> BoxFuture<'static, Result<Returned, Failure>>;
}
