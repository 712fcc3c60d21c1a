// SPDX-License-Identifier: MIT OR Apache-2.0
//! The runtime that all frames of a host share: engine, linker, cache and places.

use std::path::Path;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};
use priory_core::ports::Clock;
use wasmtime::Engine;
use wasmtime::component::Linker;
use wasmtime_wasi_config::WasiConfig;

use crate::cache::CodeCache;
use crate::config::{self, SandboxConfig};
use crate::error::{Error, LoadError};
use crate::folders::Folders;
use crate::load::{self, Source};
use crate::plugin::Loaded;
use crate::slots::Slots;
use crate::state::Guest;

/// Loads components.
#[derive(Clone)]
pub struct Sandboxes {
    runtime: Arc<Runtime>,
}

impl Sandboxes {
    /// Sets up the runtime.
    pub fn new(config: SandboxConfig, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let (engine, is_pooled) = config::engine(&config)?;
        let linker = linker(&engine).map_err(Error::Runtime)?;
        let cache = config.cache_dir.as_deref().and_then(|folder| CodeCache::open(folder, &engine));
        let slots = Slots::new(config.frames_max, config.depth_max);
        let large = is_pooled.then(|| Slots::new(config.large_max(), config.depth_max));
        let folders = Folders::default();
        let compilations = Turns::new(config.compilations_max);
        let runtime = Runtime { engine, linker, cache, slots, large, folders, compilations, clock, config };
        Ok(Self { runtime: Arc::new(runtime) })
    }

    /// Loads a component. It compiles, so it takes its time: call it where blocking is allowed.
    pub fn load(&self, source: &Source) -> Result<Arc<Loaded>, LoadError> {
        load::load(&self.runtime, source).map(Arc::new)
    }

    /// Says that guests may write to a folder, or may have done so before: from now on, no symbolic link in it is
    /// followed to a folder of a frame. Folders that frames are given for writing are known without being said.
    pub fn writable(&self, folder: &Path) {
        self.runtime.folders.writable(folder);
    }
}

/// What all frames of a host share.
pub(crate) struct Runtime {
    pub(crate) engine: Engine,
    pub(crate) linker: Linker<Guest>,
    pub(crate) cache: Option<CodeCache>,
    pub(crate) slots: Slots,
    /// Places for frames that need more of the pool than a slot has; there are none without a pool.
    pub(crate) large: Option<Slots>,
    pub(crate) folders: Folders,
    pub(crate) compilations: Turns,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) config: SandboxConfig,
}

/// Offers what every guest may import.
fn linker(engine: &Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    wasmtime_wasi_config::add_to_linker(&mut linker, |guest: &mut Guest| WasiConfig::from(&guest.config))?;
    linker.allow_shadowing(true);
    crate::clock::add_to_linker(&mut linker)?;
    crate::races::add_to_linker(&mut linker)?;
    crate::wasi::add_to_linker(&mut linker)?;
    linker.allow_shadowing(false);
    crate::imports::add_to_linker(&mut linker)?;
    Ok(linker)
}

/// Lets a bounded number of threads do something at once; the others wait.
pub(crate) struct Turns {
    free: Mutex<usize>,
    returned: Condvar,
}

impl Turns {
    fn new(count: usize) -> Self {
        Self { free: Mutex::new(count.max(1)), returned: Condvar::new() }
    }

    pub(crate) fn take(&self) -> Turn<'_> {
        let mut free = self.free.lock();
        while *free == 0 {
            self.returned.wait(&mut free);
        }
        *free -= 1;
        Turn { turns: self }
    }
}

/// One turn, until it is dropped.
pub(crate) struct Turn<'a> {
    turns: &'a Turns,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.turns.free.lock() += 1;
        self.turns.returned.notify_one();
    }
}
