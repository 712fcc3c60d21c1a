// SPDX-License-Identifier: MIT OR Apache-2.0
//! The clocks that a guest sees: they go by the fuel that it burns and by what it slept, so they are the same in
//! every replay.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

use crate::state::Guest;

/// The version of the WASI interfaces that the runtime implements; older guests match it.
const WASI: &str = "0.2.12";
/// One unit of fuel is one nanosecond of the guest's time.
const NS_PER_FUEL: u64 = 1;
/// What the guest is told of the grain of its clocks.
const RESOLUTION_NS: u64 = 1;

/// The time of one frame.
#[derive(Debug)]
pub(crate) struct GuestClock {
    start_unix_ns: u64,
    /// What the guest slept, in nanoseconds.
    slept_ns: AtomicU64,
    /// Fuel burnt when the guest last asked.
    fuel: AtomicU64,
}

impl GuestClock {
    pub(crate) fn new(unix_ms: u64) -> Self {
        Self { start_unix_ns: unix_ms.saturating_mul(1_000_000), slept_ns: AtomicU64::new(0), fuel: AtomicU64::new(0) }
    }

    /// Returns the time since the frame began, in nanoseconds.
    fn monotonic_ns(&self) -> u64 {
        let computed = self.fuel.load(Ordering::Relaxed).saturating_mul(NS_PER_FUEL);
        computed.saturating_add(self.slept_ns.load(Ordering::Relaxed))
    }

    fn unix_ns(&self) -> u64 {
        self.start_unix_ns.saturating_add(self.monotonic_ns())
    }

    /// Puts the clock forward to an instant that a sleep has reached.
    fn reach(&self, instant_ns: u64) {
        let behind = instant_ns.saturating_sub(self.monotonic_ns());
        self.slept_ns.fetch_add(behind, Ordering::Relaxed);
    }
}

/// Brings the clock of a guest up to the fuel that it has burnt, and returns it.
fn clock<'a>(store: &'a StoreContextMut<'_, Guest>) -> &'a Arc<GuestClock> {
    let guest = store.data();
    let fuel = crate::execute::burnt(store);
    guest.meter.set_fuel(fuel);
    guest.clock.fuel.store(fuel, Ordering::Relaxed);
    &guest.clock
}

/// Puts these clocks in place of the runtime's, which go by the time of the host.
pub(crate) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let mut wall = linker.instance(&format!("wasi:clocks/wall-clock@{WASI}"))?;
    wall.func_wrap("now", |store, (): ()| Ok((datetime(clock(&store).unix_ns()),)))?;
    wall.func_wrap("resolution", |_, (): ()| Ok((datetime(RESOLUTION_NS),)))?;
    let mut monotonic = linker.instance(&format!("wasi:clocks/monotonic-clock@{WASI}"))?;
    monotonic.func_wrap("now", |store, (): ()| Ok((clock(&store).monotonic_ns(),)))?;
    monotonic.func_wrap("resolution", |_, (): ()| Ok((RESOLUTION_NS,)))?;
    monotonic.func_wrap("subscribe-instant", |mut store, (instant,): (u64,)| {
        let clock = clock(&store).clone();
        Ok((sleep(store.data_mut(), clock, instant)?,))
    })?;
    monotonic.func_wrap("subscribe-duration", |mut store, (duration,): (u64,)| {
        let clock = clock(&store).clone();
        let instant = clock.monotonic_ns().saturating_add(duration);
        Ok((sleep(store.data_mut(), clock, instant)?,))
    })
}

fn datetime(ns: u64) -> Datetime {
    let time = Duration::from_nanos(ns);
    Datetime { seconds: time.as_secs(), nanoseconds: time.subsec_nanos() }
}

fn sleep(guest: &mut Guest, clock: Arc<GuestClock>, instant_ns: u64) -> wasmtime::Result<Resource<DynPollable>> {
    let wait = Duration::from_nanos(instant_ns.saturating_sub(clock.monotonic_ns()));
    let timer = Box::pin(tokio::time::sleep(wait));
    let sleep = guest.table.push(Sleep { timer, clock, instant_ns, yielded: false })?;
    subscribe(&mut guest.table, sleep)
}

/// A sleep of a guest. It takes real time, and moves the guest's clock when it is over.
struct Sleep {
    timer: std::pin::Pin<Box<tokio::time::Sleep>>,
    clock: Arc<GuestClock>,
    instant_ns: u64,
    yielded: bool,
}

#[async_trait]
impl Pollable for Sleep {
    async fn ready(&mut self) {
        // A guest that polls for an instant that is over lets others go first, once.
        if !std::mem::replace(&mut self.yielded, true) {
            tokio::task::yield_now().await;
        }
        self.timer.as_mut().await;
        self.clock.reach(self.instant_ns);
    }
}

/// The same clocks for the parts of the runtime that ask for one themselves.
pub(crate) struct SharedClock(pub(crate) Arc<GuestClock>);

impl HostWallClock for SharedClock {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(RESOLUTION_NS)
    }

    fn now(&self) -> Duration {
        Duration::from_nanos(self.0.unix_ns())
    }
}

impl HostMonotonicClock for SharedClock {
    fn resolution(&self) -> u64 {
        RESOLUTION_NS
    }

    fn now(&self) -> u64 {
        self.0.monotonic_ns()
    }
}
