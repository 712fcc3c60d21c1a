// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who is told what happens in a run.

use priory_core::event::Envelope;
use priory_core::ports::Recorder;

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
