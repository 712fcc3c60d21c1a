// SPDX-License-Identifier: MIT OR Apache-2.0
//! The imports of `priory:agent`: each function is translated into an effect and passed to the frame's host.

mod agents;
mod artifacts;
mod budget;
mod events;
mod human;
mod log;
mod memory;
mod model;
mod pending;
mod state;
mod timers;
mod tools;

use std::sync::Arc;

use priory_bindings::wit::types;
use priory_bindings::wit::{PACKAGE, PendingHandle, VERSION};
use priory_core::ports::FrameHost;
use priory_core::{Effect, Failure, Json, Outcome};
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};

use crate::failure::Kill;
use crate::state::Guest;

/// How long the name of a tool or an agent may be, in bytes: a plugin, an interface and a function.
const NAME_BYTES_MAX: usize = 512;

/// A future as the linker wants it: the runtime pins it.
type HostFuture<'a, T> = Box<dyn Future<Output = wasmtime::Result<(T,)>> + Send + 'a>;

/// Offers every interface of the package.
pub(crate) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    // Only types: there is nothing to call in it, but a component may import it.
    linker.instance(&interface("types"))?;
    pending::add(&mut linker.instance(&interface("pending"))?)?;
    tools::add(&mut linker.instance(&interface("tools"))?)?;
    agents::add(&mut linker.instance(&interface("agents"))?)?;
    budget::add(&mut linker.instance(&interface("budget"))?)?;
    log::add(&mut linker.instance(&interface("log"))?)?;
    events::add(&mut linker.instance(&interface("events"))?)?;
    state::add(&mut linker.instance(&interface("state"))?)?;
    artifacts::add(&mut linker.instance(&interface("artifacts"))?)?;
    model::add(&mut linker.instance(&interface("model"))?)?;
    memory::add(&mut linker.instance(&interface("memory"))?)?;
    human::add(&mut linker.instance(&interface("human"))?)?;
    timers::add(&mut linker.instance(&interface("timers"))?)
}

fn interface(name: &str) -> String {
    format!("{PACKAGE}/{name}@{VERSION}")
}

/// What a host call starts with: the host of the frame, and the fuel burnt when it was made.
pub(crate) type Asked = (Arc<dyn FrameHost>, u64);

/// Begins a host call.
pub(crate) fn asked(store: &StoreContextMut<'_, Guest>) -> Asked {
    let fuel = crate::execute::burnt(store);
    let guest = store.data();
    guest.meter.set_fuel(fuel);
    (guest.host.clone(), fuel)
}

/// Performs an effect for a guest.
async fn perform((host, fuel): Asked, effect: Result<Effect, Failure>) -> Outcome {
    host.perform(effect?, fuel).await
}

/// Starts an effect for a guest and gives it a handle.
fn start(
    store: &mut StoreContextMut<'_, Guest>,
    effect: Result<Effect, Failure>,
) -> wasmtime::Result<Result<Resource<PendingHandle>, types::Failure>> {
    let (host, fuel) = asked(store);
    match effect.and_then(|effect| host.start(effect, fuel)) {
        Ok(number) => Ok(Ok(store.data_mut().table.push(PendingHandle(number))?)),
        Err(failure) => Ok(Err(failure.into())),
    }
}

/// Refuses a name that is longer than any that could be meant, before it is written anywhere.
fn check_name(name: &str, subject: &str) -> Result<(), Failure> {
    if name.len() > NAME_BYTES_MAX {
        let reason = format!("it has {} bytes, and no name has more than {NAME_BYTES_MAX}", name.len());
        return Err(Failure::invalid(subject, "", reason));
    }
    Ok(())
}

/// Checks a JSON text that a guest hands over.
fn json(text: &str, subject: &str) -> Result<Json, Failure> {
    priory_bindings::json_of_guest(text, subject)
}

/// An effect gave back something that this call cannot pass on: a defect of the host, told as a failure.
fn unexpected<T>() -> Result<T, types::Failure> {
    Err(Failure::other("the effect gave back a value of another kind").into())
}

/// Ends the frame.
fn kill(failure: Failure) -> wasmtime::Error {
    Kill(failure).into()
}
