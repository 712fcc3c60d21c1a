// SPDX-License-Identifier: MIT OR Apache-2.0
//! The clocks that a guest sees: they go by the fuel that it burns and by what it slept, so they are the same in
//! every replay.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use parking_lot::Mutex;
use priory_core::Effect;
use priory_core::ports::{FrameHost, Seen};
use priory_core::usage::Meter;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

use crate::state::Guest;

/// The version of the WASI interfaces that the runtime implements; older guests match it.
const WASI: &str = "0.2.12";
const NS_PER_MS: u64 = 1_000_000;
/// From which length on a sleep is an effect. Shorter ones are only waited for; the guest's clock tells no difference.
const EFFECT_MIN: Duration = Duration::from_millis(20);
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
    /// The time of the last outcome that the guest was given; its clocks are never behind it.
    seen: Arc<Seen>,
    /// The sleeps that the guest waits for right now, by their ends.
    waiting: Mutex<BTreeSet<(u64, u64)>>,
    next_sleep: AtomicU64,
}

impl GuestClock {
    pub(crate) fn new(unix_ms: u64, seen: Arc<Seen>) -> Self {
        Self {
            start_unix_ns: unix_ms.saturating_mul(NS_PER_MS),
            slept_ns: AtomicU64::new(0),
            fuel: AtomicU64::new(0),
            seen,
            waiting: Mutex::default(),
            next_sleep: AtomicU64::new(0),
        }
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
    let seen_ns = guest.clock.seen.unix_ms().saturating_mul(NS_PER_MS);
    guest.clock.reach(seen_ns.saturating_sub(guest.clock.start_unix_ns));
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

/// Brings the clock of a guest up to the fuel that it has burnt.
pub(crate) fn bring_up(store: &StoreContextMut<'_, Guest>) {
    let _ = clock(store);
}

fn sleep(guest: &mut Guest, clock: Arc<GuestClock>, instant_ns: u64) -> wasmtime::Result<Resource<DynPollable>> {
    let key = (instant_ns, clock.next_sleep.fetch_add(1, Ordering::Relaxed));
    let (host, meter) = (guest.host.clone(), guest.meter.clone());
    let sleep = guest.table.push(Sleep { clock, host, meter, key, going_on: None })?;
    let handle = sleep.rep();
    let pollable = subscribe(&mut guest.table, sleep)?;
    crate::races::watch_sleep(guest, &pollable, handle);
    Ok(pollable)
}

/// A sleep of a guest. It takes real time, and moves the guest's clock when it is over.
///
/// Of several sleeps that a guest waits for at once, only the one that ends first goes on: so which of them is over does
/// not depend on how busy the machine is.
pub(crate) struct Sleep {
    clock: Arc<GuestClock>,
    host: Arc<dyn FrameHost>,
    meter: Arc<Meter>,
    /// When it is over by the clock of the guest, and its number.
    key: (u64, u64),
    going_on: Option<GoingOn>,
}

/// How a sleep goes on.
enum GoingOn {
    /// A longer one is an effect, which the run can wait for without being in memory.
    Effect(u32),
    Timer(Pin<Box<tokio::time::Sleep>>),
}

#[async_trait]
impl Pollable for Sleep {
    async fn ready(&mut self) {
        let _waiting = Waiting::new(&self.clock, self.key);
        // Every other sleep that the guest waits for is noted before one goes on, and a guest that polls for an instant
        // that is over lets others go first.
        tokio::task::yield_now().await;
        if self.is_over() {
            return;
        }
        let clock = self.clock.clone();
        poll_fn(|_| if clock.is_first(self.key) { Poll::Ready(()) } else { Poll::Pending }).await;
        match self.going_on.get_or_insert_with(|| GoingOn::new(&*self.host, &self.meter, &clock, self.key.0)) {
            GoingOn::Effect(number) => {
                let number = *number;
                // Whatever it came to, it is over.
                let _ = self.host.wait(number).await;
            }
            GoingOn::Timer(timer) => timer.as_mut().await,
        }
        self.going_on = None;
        self.clock.reach(self.key.0);
    }
}

impl Sleep {
    /// Tells whether it is over.
    pub(crate) fn is_over(&self) -> bool {
        self.clock.monotonic_ns() >= self.key.0
    }

    /// Makes an effect of it, whose end can be compared with that of another, unless it is over. There is no number when
    /// it may not be one: then it never comes first.
    pub(crate) fn race(&mut self) -> Option<Option<u32>> {
        if self.is_over() {
            return None;
        }
        if !matches!(self.going_on, Some(GoingOn::Effect(_))) {
            let ms = GoingOn::ms_left(&self.clock, self.key.0);
            let number = self.host.start(Effect::Sleep { ms }, self.meter.fuel());
            self.going_on = number.ok().map(GoingOn::Effect);
        }
        match self.going_on {
            Some(GoingOn::Effect(number)) => Some(Some(number)),
            _ => Some(None),
        }
    }
}

impl GoingOn {
    fn ms_left(clock: &GuestClock, instant_ns: u64) -> u64 {
        instant_ns.saturating_sub(clock.monotonic_ns()).div_ceil(NS_PER_MS)
    }

    fn new(host: &dyn FrameHost, meter: &Meter, clock: &GuestClock, instant_ns: u64) -> Self {
        let left = Duration::from_nanos(instant_ns.saturating_sub(clock.monotonic_ns()));
        let ms = Self::ms_left(clock, instant_ns);
        if left >= EFFECT_MIN
            && let Ok(number) = host.start(Effect::Sleep { ms }, meter.fuel())
        {
            return Self::Effect(number);
        }
        Self::Timer(Box::pin(tokio::time::sleep(left)))
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(GoingOn::Effect(number)) = self.going_on {
            self.host.forget(number);
        }
    }
}

impl GuestClock {
    fn is_first(&self, key: (u64, u64)) -> bool {
        self.waiting.lock().first().is_none_or(|first| *first == key)
    }
}

/// Notes that a guest waits for a sleep, until it is dropped.
struct Waiting {
    clock: Arc<GuestClock>,
    key: (u64, u64),
}

impl Waiting {
    fn new(clock: &Arc<GuestClock>, key: (u64, u64)) -> Self {
        clock.waiting.lock().insert(key);
        Self { clock: clock.clone(), key }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.clock.waiting.lock().remove(&self.key);
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
