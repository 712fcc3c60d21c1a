// SPDX-License-Identifier: MIT OR Apache-2.0
//! What one store carries: everything of one frame, and nothing of any other.

use std::sync::Arc;

use priory_core::event::Label;
use priory_core::ports::{FrameHost, Order};
use priory_core::usage::Meter;
use priory_core::{Dimension, Failure, Limits};
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtxView, WasiView};
use wasmtime_wasi_config::WasiConfigVariables;
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::clock::GuestClock;
use crate::folders::Folders;
use crate::http::Outgoing;
use crate::limiter::Limiter;
use crate::races::Races;
use crate::wasi::Wasi;

/// How large the header fields of one HTTP message may be, in bytes.
const FIELDS_BYTES_MAX: usize = 64 << 10;

/// The data of one store.
pub(crate) struct Guest {
    pub(crate) host: Arc<dyn FrameHost>,
    pub(crate) label: Label,
    pub(crate) limits: Limits,
    pub(crate) meter: Arc<Meter>,
    pub(crate) clock: Arc<GuestClock>,
    pub(crate) limiter: Limiter,
    pub(crate) config: WasiConfigVariables,
    pub(crate) table: ResourceTable,
    pub(crate) wasi: Wasi,
    http: WasiHttpCtx,
    pub(crate) outgoing: Outgoing,
    pub(crate) races: Races,
}

impl Guest {
    pub(crate) fn new(
        order: &Order,
        host: Arc<dyn FrameHost>,
        meter: Arc<Meter>,
        folders: &Folders,
    ) -> Result<Self, Failure> {
        let clock = Arc::new(GuestClock::new(order.unix_ms, order.seen.clone()));
        let mut table = ResourceTable::new();
        table.set_max_capacity(order.limits.get_usize(Dimension::Handles));
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(FIELDS_BYTES_MAX);
        Ok(Self {
            wasi: Wasi::new(order, &host, &meter, &clock, folders)?,
            outgoing: Outgoing::new(host.clone(), meter.clone(), order.limits.get_usize(Dimension::CallBytes)),
            limiter: Limiter::new(order.label.clone(), &order.limits, meter.clone()),
            config: order.config.iter().cloned().collect(),
            label: order.label.clone(),
            limits: order.limits,
            host,
            meter,
            clock,
            table,
            http,
            races: Races::default(),
        })
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: self.wasi.context(), table: &mut self.table }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.outgoing }
    }
}
