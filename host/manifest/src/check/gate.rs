// SPDX-License-Identifier: MIT OR Apache-2.0
//! Breakers and rates.

use priory_core::gate::{BreakerSpec, Fault, GateSpec, Pace, RateSpec};

use super::Check;
use crate::wire::{self, At};

impl Check<'_> {
    /// Checks what stands before an agent, or before the tools of a plugin.
    pub(super) fn gate(&mut self, breaker: &Option<At<wire::Breaker>>, rate: &Option<At<wire::Rate>>) -> GateSpec {
        let breaker = breaker.as_ref().map(|breaker| self.breaker(breaker));
        let rate = rate.as_ref().and_then(|rate| self.rate(rate));
        GateSpec { breaker, rate }
    }

    pub(super) fn breaker(&mut self, wire: &At<wire::Breaker>) -> BreakerSpec {
        let usual = BreakerSpec::default();
        let on = wire.on.as_ref().map(|list| {
            if list.is_empty() {
                let hint = "leave `on` out for the usual failures, or the whole table for no breaker".to_owned();
                self.problems.push(list.span(), "no failure counts, so the breaker never opens", Some(hint));
            }
            let mut faults: Vec<Fault> = list.iter().copied().map(fault).collect();
            faults.sort_unstable();
            faults.dedup();
            faults
        });
        BreakerSpec {
            failures: wire.failures.unwrap_or(usual.failures),
            window_ms: wire.window_ms.or(usual.window_ms),
            open_ms: wire.open_ms.unwrap_or(usual.open_ms),
            probes: wire.probes.unwrap_or(usual.probes),
            on: on.unwrap_or(usual.on),
        }
    }

    pub(super) fn rate(&mut self, wire: &At<wire::Rate>) -> Option<RateSpec> {
        let pace = match (&wire.calls, &wire.per_ms) {
            (Some(calls), Some(per_ms)) => {
                let burst = wire.burst.as_deref().copied().unwrap_or(**calls);
                Some(Pace { calls: **calls, per_ms: **per_ms, burst })
            }
            (Some(calls), None) => {
                let hint = "add `per-ms`, such as `per-ms = 1000`".to_owned();
                self.problems.push(calls.span(), "it is not said in which time so many calls may come", Some(hint));
                None
            }
            (None, Some(per_ms)) => {
                let hint = "add `calls`, or leave `per-ms` out".to_owned();
                self.problems.push(per_ms.span(), "it is not said how many calls may come in this time", Some(hint));
                None
            }
            (None, None) => {
                if let Some(burst) = &wire.burst {
                    let hint =
                        "add `calls` and `per-ms`; for how many may go on at once, write `concurrency`".to_owned();
                    self.problems.push(burst.span(), "a burst is a part of a rate, and none is set", Some(hint));
                } else if wire.concurrency.is_none() {
                    let hint = "set `calls` and `per-ms`, or `concurrency`, or both".to_owned();
                    self.problems.push(wire.span(), "the rate bounds nothing", Some(hint));
                }
                None
            }
        };
        let (concurrency, wait_ms_max) = (wire.concurrency, wire.wait_ms_max.unwrap_or_default());
        (pace.is_some() || concurrency.is_some()).then_some(RateSpec { pace, concurrency, wait_ms_max })
    }
}

fn fault(wire: wire::Fault) -> Fault {
    match wire {
        wire::Fault::Denied => Fault::Denied,
        wire::Fault::Limit => Fault::Limit,
        wire::Fault::Timeout => Fault::Timeout,
        wire::Fault::Trap => Fault::Trap,
        wire::Fault::Invalid => Fault::Invalid,
        wire::Fault::Unavailable => Fault::Unavailable,
        wire::Fault::Conflict => Fault::Conflict,
        wire::Fault::InDoubt => Fault::InDoubt,
        wire::Fault::Other => Fault::Other,
    }
}
