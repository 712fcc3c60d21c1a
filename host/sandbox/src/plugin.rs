// SPDX-License-Identifier: MIT OR Apache-2.0
//! A loaded component, ready to be executed any number of times.

use std::sync::Arc;

use priory_core::ports::{BoxFuture, FrameHost, Order, Plugin, Returned};
use priory_core::usage::Meter;
use priory_core::{Failure, PluginInfo};
use wasmtime::component::{ComponentExportIndex, InstancePre};

use crate::execute;
use crate::sandbox::Runtime;
use crate::slots::Slots;
use crate::state::Guest;
use crate::values::Codec;

/// A function that can be called.
#[derive(Debug)]
pub(crate) struct Callable {
    pub(crate) index: ComponentExportIndex,
    pub(crate) codec: Codec,
    /// How many values it returns: none or one.
    pub(crate) results: usize,
}

/// Where a component's programs are.
#[derive(Debug, Default)]
pub(crate) struct Exports {
    /// In the order of [`PluginInfo::functions`].
    pub(crate) functions: Vec<Callable>,
    /// `agent.run`.
    pub(crate) agent: Option<ComponentExportIndex>,
    /// `toolset.list-tools` and `toolset.call-tool`.
    pub(crate) toolset: Option<(ComponentExportIndex, ComponentExportIndex)>,
}

/// A loaded component.
pub struct Loaded {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) info: Arc<PluginInfo>,
    pub(crate) pre: InstancePre<Guest>,
    pub(crate) exports: Exports,
    pub(crate) linked_tools: Vec<String>,
    /// Where its frames take a place besides their slot, because they need more of the pool than a slot has.
    pub(crate) large: Option<Slots>,
}

impl Loaded {
    /// Returns what is known of it, to be shared.
    pub fn shared_info(&self) -> Arc<PluginInfo> {
        self.info.clone()
    }

    /// Returns the full names of the tools that its imports are linked to.
    pub fn linked_tools(&self) -> &[String] {
        &self.linked_tools
    }
}

impl Plugin for Loaded {
    fn info(&self) -> &PluginInfo {
        &self.info
    }

    fn execute(
        self: Arc<Self>,
        order: Order,
        host: Arc<dyn FrameHost>,
        meter: Arc<Meter>,
    ) -> BoxFuture<'static, Result<Returned, Failure>> {
        Box::pin(execute::execute(self, order, host, meter))
    }
}
