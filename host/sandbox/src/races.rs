// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which of several things that a guest waits for comes first: an answer of `wasi:http`, another, or a timer.
//!
//! Answers come when the outside gives them, so the order is not in the guest. It is in the events of the run: whoever waits
//! for an answer is told of the one thing that ended first there, also when it is executed again. For that, an answer is
//! only there for the guest when it was waited for, and a timer that races with one is an effect, however short.

use std::collections::{HashMap, HashSet};

use parking_lot::Mutex;
use tokio::sync::Notify;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource, ResourceType};
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi::p2::bindings::io::poll::{Host, HostPollable};
use wasmtime_wasi_http::RequestOptions;
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::p2::bindings::http::outgoing_handler::Host as _;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, HostFutureIncomingResponse as _};
use wasmtime_wasi_http::p2::types::{HostFutureIncomingResponse, HostOutgoingRequest};

use crate::clock::Sleep;
use crate::state::Guest;

/// The version of the WASI interfaces that the runtime implements; older guests match it.
const WASI: &str = "0.2.12";

/// What a guest may wait for, by the handles of its pollables. What is not here is ready by itself.
#[derive(Default)]
pub(crate) struct Races {
    /// The effect of each answer, by the handle of the future response.
    answers: HashMap<u32, u32>,
    watched: HashMap<u32, Watched>,
}

/// What a pollable stands for.
#[derive(Clone, Copy)]
enum Watched {
    /// An answer, by the number of its effect.
    Answer(u32),
    /// A timer, by its handle.
    Sleep(u32),
}

/// Answers that a guest has waited for, or of which nothing can come any more: no more than it may ask for.
#[derive(Default)]
pub(crate) struct Shown {
    numbers: Mutex<HashSet<u32>>,
    changed: Notify,
}

impl Shown {
    /// Lets an answer reach the guest.
    pub(crate) fn show(&self, number: u32) {
        self.numbers.lock().insert(number);
        self.changed.notify_waiters();
    }

    /// Tells whether an answer may reach the guest.
    fn has(&self, number: u32) -> bool {
        self.numbers.lock().contains(&number)
    }

    /// Waits until one of some answers may reach the guest, and returns its position.
    async fn any(&self, numbers: &[u32]) -> usize {
        loop {
            let changed = self.changed.notified();
            if let Some(at) = numbers.iter().position(|number| self.has(*number)) {
                return at;
            }
            changed.await;
        }
    }

    /// Waits until an answer may reach the guest.
    pub(crate) async fn shown(&self, number: u32) {
        self.any(&[number]).await;
    }
}

/// Notes a timer.
pub(crate) fn watch_sleep(guest: &mut Guest, pollable: &Resource<DynPollable>, sleep: u32) {
    guest.races.watched.insert(pollable.rep(), Watched::Sleep(sleep));
}

/// Puts these in place of the runtime's, which say what is ready at the moment.
pub(crate) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let mut handler = linker.instance(&format!("wasi:http/outgoing-handler@{WASI}"))?;
    handler.func_wrap("handle", |mut store, (request, options)| Ok((handle(store.data_mut(), request, options)?,)))?;
    let mut types = linker.instance(&format!("wasi:http/types@{WASI}"))?;
    types.func_wrap("[method]future-incoming-response.subscribe", |mut store, (answer,)| {
        Ok((subscribe(store.data_mut(), answer)?,))
    })?;
    let mut poll = linker.instance(&format!("wasi:io/poll@{WASI}"))?;
    poll.resource("pollable", ResourceType::host::<DynPollable>(), |mut store, rep| {
        let guest = store.data_mut();
        guest.races.watched.remove(&rep);
        HostPollable::drop(&mut guest.table, Resource::new_own(rep))
    })?;
    poll.func_wrap_async("poll", |store, (pollables,)| Box::new(async move { Ok((wait(store, pollables).await?,)) }))?;
    poll.func_wrap_async("[method]pollable.block", |store, (pollable,): (Resource<DynPollable>,)| {
        Box::new(async move { wait(store, vec![pollable]).await.map(|_| ()) })
    })?;
    poll.func_wrap_async("[method]pollable.ready", |store, (pollable,)| {
        Box::new(async move { Ok((is_ready(store, pollable).await?,)) })
    })
}

type Handled = Result<Resource<HostFutureIncomingResponse>, ErrorCode>;

fn handle(
    guest: &mut Guest,
    request: Resource<HostOutgoingRequest>,
    options: Option<Resource<RequestOptions>>,
) -> wasmtime::Result<Handled> {
    match guest.http().handle(request, options) {
        Ok(answer) => {
            if let Some(number) = guest.outgoing.take_announced() {
                guest.races.answers.insert(answer.rep(), number);
            }
            Ok(Ok(answer))
        }
        Err(error) => error.downcast().map(Err),
    }
}

fn subscribe(
    guest: &mut Guest,
    answer: Resource<HostFutureIncomingResponse>,
) -> wasmtime::Result<Resource<DynPollable>> {
    let number = guest.races.answers.get(&answer.rep()).copied();
    let pollable = guest.http().subscribe(answer)?;
    if let Some(number) = number {
        guest.races.watched.insert(pollable.rep(), Watched::Answer(number));
    }
    Ok(pollable)
}

/// Returns the number of the effect that a pollable waits for, if it is an answer that the guest has not waited for.
fn answer_of(guest: &Guest, pollable: u32) -> Option<u32> {
    match guest.races.watched.get(&pollable) {
        Some(Watched::Answer(number)) if !guest.outgoing.open().shown.has(*number) => Some(*number),
        _ => None,
    }
}

/// Waits until something of a list is ready, and returns the positions of it.
async fn wait(
    mut store: StoreContextMut<'_, Guest>,
    pollables: Vec<Resource<DynPollable>>,
) -> wasmtime::Result<Vec<u32>> {
    crate::clock::bring_up(&store);
    let guest = store.data_mut();
    let reps: Vec<u32> = pollables.iter().map(Resource::rep).collect();
    if reps.iter().all(|rep| answer_of(guest, *rep).is_none()) {
        return Host::poll(&mut guest.table, pollables).await;
    }
    // In the order of the list, so that every timer has its place among the effects.
    let (mut numbers, mut ready) = (Vec::new(), HashSet::new());
    for rep in &reps {
        match guest.races.watched.get(rep).copied() {
            Some(Watched::Answer(number)) if !guest.outgoing.open().shown.has(number) => numbers.push((*rep, number)),
            Some(Watched::Sleep(sleep)) => match guest.table.get_mut(&Resource::<Sleep>::new_borrow(sleep))?.race() {
                None => drop(ready.insert(*rep)),
                Some(number) => numbers.extend(number.map(|number| (*rep, number))),
            },
            _ => {
                if HostPollable::ready(&mut guest.table, Resource::new_borrow(*rep)).await? {
                    ready.insert(*rep);
                }
            }
        }
    }
    if ready.is_empty() {
        ready.extend(first(guest, &numbers).await?);
    }
    let positions = (0..).zip(&reps).filter(|(_, rep)| ready.contains(rep));
    Ok(positions.map(|(at, _)| at).collect())
}

/// Waits for the effect that ends first, and returns the pollable that stands for it when it is ready.
async fn first(guest: &mut Guest, numbers: &[(u32, u32)]) -> wasmtime::Result<Option<u32>> {
    let (open, host) = (guest.outgoing.open().clone(), guest.host.clone());
    let (reps, numbers): (Vec<u32>, Vec<u32>) = numbers.iter().copied().unzip();
    let at = tokio::select! {
        biased;
        // Of a request that could not be read as a whole nothing comes, and nobody else says so.
        at = open.shown.any(&numbers) => at,
        at = host.wait_any(&numbers) => at,
    };
    let (Some(rep), Some(number)) = (reps.get(at), numbers.get(at)) else { return Ok(None) };
    open.shown.show(*number);
    HostPollable::block(&mut guest.table, Resource::new_borrow(*rep)).await?;
    Ok(Some(*rep))
}

/// Tells whether something is ready, without waiting for it.
async fn is_ready(mut store: StoreContextMut<'_, Guest>, pollable: Resource<DynPollable>) -> wasmtime::Result<bool> {
    crate::clock::bring_up(&store);
    let guest = store.data_mut();
    if let Some(Watched::Sleep(sleep)) = guest.races.watched.get(&pollable.rep()) {
        return Ok(guest.table.get(&Resource::<Sleep>::new_borrow(*sleep))?.is_over());
    }
    if let Some(number) = answer_of(guest, pollable.rep()) {
        let host = guest.host.clone();
        let numbers = [number];
        let has_ended = tokio::select! {
            biased;
            _ = host.wait_any(&numbers) => true,
            () = std::future::ready(()) => false,
        };
        if !has_ended {
            return Ok(false);
        }
        guest.outgoing.open().shown.show(number);
        HostPollable::block(&mut guest.table, pollable).await?;
        return Ok(true);
    }
    HostPollable::ready(&mut guest.table, pollable).await
}
