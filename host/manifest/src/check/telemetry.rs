// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where it is told what runs do.

use super::Check;
use crate::manifest::Telemetry;

impl Check<'_> {
    /// Checks where it is told what runs do.
    pub(super) fn telemetry(&mut self) -> Option<Telemetry> {
        let wire = self.wire.telemetry.as_ref()?;
        let otlp = wire.otlp.as_ref().and_then(|otlp| self.url(otlp, "http://127.0.0.1:4318"))?;
        Some(Telemetry { otlp, content: wire.content.as_deref().copied().unwrap_or(false) })
    }
}
