// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who is told what happens in a run.

use std::sync::Arc;

use priory_core::event::Envelope;
use priory_core::ports::{Heard, Recorder};

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Recorder for Silent {
    fn record(&self, _: &Envelope) {}
}

/// Calls a function with each event, in order. The function must not block.
pub struct Each<F>(pub F);

impl<F: Fn(&Envelope) + Send + Sync> Recorder for Each<F> {
    fn record(&self, envelope: &Envelope) {
        (self.0)(envelope);
    }
}

/// Tells two.
pub(crate) struct Both(pub(crate) Arc<dyn Recorder>, pub(crate) Arc<dyn Recorder>);

impl Recorder for Both {
    fn record(&self, envelope: &Envelope) {
        self.0.record(envelope);
        self.1.record(envelope);
    }

    fn hear(&self, heard: &Heard) {
        self.0.hear(heard);
        self.1.hear(heard);
    }
}
