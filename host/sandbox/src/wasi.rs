// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a guest sees of WASI: its folders, its environment, seeded randomness, and streams that end in the log.

use std::convert::Infallible;
use std::fs::File;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::Mutex;
use priory_core::Failure;
use priory_core::effect::Level;
use priory_core::grant::rule::FileMode;
use priory_core::ports::{FrameHost, Mount, Order};
use priory_core::usage::Meter;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{SeedableRng, TryRng};
use tokio::io::AsyncWrite;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::filesystem::{Descriptor, Dir};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};
use wasmtime_wasi::{FsPerms, OpenMode, WasiCtx, WasiCtxBuilder, async_trait};

use crate::clock::{GuestClock, SharedClock};
use crate::folders::Folders;
use crate::state::Guest;

/// The version of the WASI interfaces that the runtime implements; older guests match it.
const WASI: &str = "0.2.12";
/// How many random bytes one call may ask for.
const RANDOM_BYTES_MAX: u64 = 1 << 20;
/// How much of a line of output is kept until its end comes.
const LINE_BYTES_MAX: usize = 8 << 10;

/// The WASI context of one frame. It is only made when the guest first asks WASI for something: many never do.
pub(crate) struct Wasi {
    context: Option<WasiCtx>,
    parts: Parts,
    /// The open folders, and where the guest sees them.
    folders: Vec<(Dir, String)>,
}

/// What the context is made of.
struct Parts {
    env: Vec<(String, String)>,
    seed: [u8; 32],
    host: Arc<dyn FrameHost>,
    meter: Arc<Meter>,
    clock: Arc<GuestClock>,
}

impl Wasi {
    pub(crate) fn new(
        order: &Order,
        host: &Arc<dyn FrameHost>,
        meter: &Arc<Meter>,
        clock: &Arc<GuestClock>,
        folders: &Folders,
    ) -> Result<Self, Failure> {
        let (host, meter, clock) = (host.clone(), meter.clone(), clock.clone());
        let parts = Parts { env: order.env.clone(), seed: order.seed, host, meter, clock };
        order.mounts.iter().filter(|mount| mount.mode == FileMode::Write).for_each(|mount| {
            folders.writable(&mount.host_path);
        });
        let open = |mount: &Mount| Ok((dir(folders.open(&mount.host_path)?, mount.mode), mount.guest_path.clone()));
        let folders = order.mounts.iter().map(open).collect::<Result<_, Failure>>()?;
        Ok(Self { context: None, parts, folders })
    }

    pub(crate) fn context(&mut self) -> &mut WasiCtx {
        self.context.get_or_insert_with(|| self.parts.builder().build())
    }
}

impl Parts {
    fn builder(&self) -> WasiCtxBuilder {
        let mut builder = WasiCtxBuilder::new();
        let generator = |purpose| Seeded { seed: self.seed, purpose, generator: None };
        let [first, second] = halves(&self.seed);
        let stream = |level| LogStream(Arc::new(Mutex::new(Lines::new(self.host.clone(), self.meter.clone(), level))));
        builder
            .secure_random(generator("secure"))
            .insecure_random(generator("insecure"))
            .insecure_random_seed(first ^ second)
            .max_random_size(RANDOM_BYTES_MAX)
            .wall_clock(SharedClock(self.clock.clone()))
            .monotonic_clock(SharedClock(self.clock.clone()))
            .stdout(stream(Level::Info))
            .stderr(stream(Level::Warn))
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .envs(&self.env);
        builder
    }
}

fn dir(opened: File, mode: FileMode) -> Dir {
    let (permissions, mode) = match mode {
        FileMode::Read => (FsPerms::ReadOnly, OpenMode::READ),
        FileMode::Write => (FsPerms::ReadWrite, OpenMode::READ | OpenMode::WRITE),
    };
    Dir::new(opened, permissions, mode, false)
}

/// Puts the frame's own list of folders in place of the runtime's, which would open them by their paths.
pub(crate) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let mut preopens = linker.instance(&format!("wasi:filesystem/preopens@{WASI}"))?;
    preopens.func_wrap("get-directories", |mut store, (): ()| {
        let guest = store.data_mut();
        let mut list: Vec<(Resource<Descriptor>, String)> = Vec::new();
        for (dir, path) in &guest.wasi.folders {
            list.push((guest.table.push(Descriptor::Dir(dir.clone()))?, path.clone()));
        }
        Ok((list,))
    })
}

/// A generator that is only set up when the guest asks for its first number: few do.
struct Seeded {
    seed: [u8; 32],
    purpose: &'static str,
    generator: Option<ChaCha20Rng>,
}

impl TryRng for Seeded {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.generator().try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.generator().try_next_u64()
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.generator().try_fill_bytes(bytes)
    }
}

impl Seeded {
    fn generator(&mut self) -> &mut ChaCha20Rng {
        let (seed, purpose) = (&self.seed, self.purpose);
        self.generator
            .get_or_insert_with(|| ChaCha20Rng::from_seed(*blake3::keyed_hash(seed, purpose.as_bytes()).as_bytes()))
    }
}

fn halves(bytes: &[u8; 32]) -> [u128; 2] {
    let mut halves = [0, 0];
    for (half, bytes) in halves.iter_mut().zip(bytes.chunks_exact(16)) {
        *half = bytes.iter().fold(0, |number: u128, byte| (number << 8) | u128::from(*byte));
    }
    halves
}

/// Standard output or error of a guest: each line becomes a line of log. However often a guest opens it, it is one
/// stream with one unfinished line.
#[derive(Clone)]
struct LogStream(Arc<Mutex<Lines>>);

impl IsTerminal for LogStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LogStream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

/// Collects bytes into lines.
struct Lines {
    host: Arc<dyn FrameHost>,
    meter: Arc<Meter>,
    level: Level,
    line: Vec<u8>,
}

impl Lines {
    fn new(host: Arc<dyn FrameHost>, meter: Arc<Meter>, level: Level) -> Self {
        Self { host, meter, level, line: Vec::new() }
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let ends = piece.ends_with(b"\n");
            for part in piece.strip_suffix(b"\n").unwrap_or(piece).chunks(LINE_BYTES_MAX) {
                if self.line.len() + part.len() > LINE_BYTES_MAX {
                    self.write()?;
                }
                self.line.extend_from_slice(part);
            }
            if ends {
                self.write()?;
            }
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), Failure> {
        let line = std::mem::take(&mut self.line);
        let text = String::from_utf8_lossy(&line);
        self.host.log(self.level, text.trim_end_matches('\r'), self.meter.fuel())
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        if !self.line.is_empty() {
            // The frame is ending: a spent limit has nobody left to end.
            let _ = self.write();
        }
    }
}

#[async_trait]
impl Pollable for LogStream {
    async fn ready(&mut self) {}
}

impl OutputStream for LogStream {
    fn write(&mut self, bytes: bytes::Bytes) -> StreamResult<()> {
        self.0.lock().take(&bytes).map_err(|failure| StreamError::Trap(crate::failure::Kill(failure).into()))
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(LINE_BYTES_MAX)
    }
}

impl AsyncWrite for LogStream {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Poll::Ready(self.0.lock().take(bytes).map(|()| bytes.len()).map_err(std::io::Error::other))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use priory_testkit::QuietHost;

    #[test]
    fn a_stream_that_is_opened_twice_is_one_stream() {
        let host = Arc::new(QuietHost::default());
        let stream = LogStream(Arc::new(Mutex::new(Lines::new(host.clone(), Arc::default(), Level::Info))));
        let (mut first, mut second) = (stream.p2_stream(), stream.p2_stream());
        first.write("one ".into()).unwrap();
        second.write("line\nand".into()).unwrap();
        drop((stream, first));
        assert_eq!(host.log(), ["one line"]);
        drop(second);
        assert_eq!(host.log(), ["one line", "and"]);
    }
}
