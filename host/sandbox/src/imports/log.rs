// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory:agent/log`.

use priory_bindings::wit::priory::agent::log::Level;
use wasmtime::component::LinkerInstance;

use super::{asked, kill};
use crate::state::Guest;

pub(super) fn add(log: &mut LinkerInstance<'_, Guest>) -> wasmtime::Result<()> {
    log.func_wrap("write", |store, (level, message): (Level, String)| {
        let (host, fuel) = asked(&store);
        host.log(level.into(), &message, fuel).map_err(kill)
    })
}
