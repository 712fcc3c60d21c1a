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
use crate::id::RunId;
use crate::json::Json;
use crate::limits::Limits;
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
