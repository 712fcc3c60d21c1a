// SPDX-License-Identifier: MIT OR Apache-2.0
//! What stands before a tool or an agent: a breaker that opens when it fails, and a rate at which it may be called.
//!
//! This is what an operator says about it, and what a caller is told that is not let through. The state is the engine's.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Unavailable};

/// How many failures a breaker may wait for: it remembers when each of them was.
pub const FAILURES_MAX: u32 = 1_000;
/// How many calls may try whether a program works again.
pub const PROBES_MAX: u32 = 100;
/// How long any time of a breaker or a rate may be: a day, in milliseconds.
pub const TIME_MS_MAX: u64 = 24 * 60 * 60 * 1_000;
/// How many calls a rate may let through in its time, or at once. It only keeps the arithmetic exact.
pub const CALLS_MAX: u32 = 1_000_000;
/// How many calls of one program may go on at once where that is bounded. More than a host has sandboxes is no bound.
pub const CONCURRENCY_MAX: u32 = 100_000;
/// How long a call may wait for its turn, in milliseconds. Calls that wait for each other's turns wait no longer than this.
pub const WAIT_MS_MAX: u64 = 10 * 60 * 1_000;

/// What begins the reason of a call that a breaker did not let through.
const BREAKER: &str = "its breaker is ";
/// What begins the reason of a call that had no turn.
const TURN: &str = "no turn is free: ";

/// What stands before a program: nothing, unless something is set.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct GateSpec {
    /// When its calls are refused because it fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breaker: Option<BreakerSpec>,
    /// How often, and how often at once, it may be called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<RateSpec>,
}

/// When the calls of a program are refused because it fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct BreakerSpec {
    /// How many failures open it.
    pub failures: u32,
    /// Within how many milliseconds they lie; `None` counts failures in a row, however far apart.
    pub window_ms: Option<u64>,
    /// How long it stays open, in milliseconds.
    pub open_ms: u64,
    /// How many calls then try whether the program works again; it closes when all of them succeed.
    pub probes: u32,
    /// Which failures count.
    pub on: Vec<Fault>,
}

/// How often a program may be called.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct RateSpec {
    /// How many calls in which time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pace: Option<Pace>,
    /// How many calls at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// How long a call may wait for its turn before it fails, in milliseconds; with 0 it fails at once.
    pub wait_ms_max: u64,
}

/// How many calls in which time. In any such time there are never more than `calls` and `burst` together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Pace {
    /// How many calls.
    pub calls: u32,
    /// In how many milliseconds.
    pub per_ms: u64,
    /// How many of them may come at once after a time without calls.
    pub burst: u32,
}

/// A failure that may count against a program. A call that was withdrawn never does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// A grant was missing.
    Denied,
    /// A limit was reached.
    Limit,
    /// Time ran out.
    Timeout,
    /// The program broke.
    Trap,
    /// A value had the wrong form.
    Invalid,
    /// Something was not there.
    Unavailable,
    /// What it was based on had changed.
    Conflict,
    /// It may or may not have happened outside.
    InDoubt,
    /// Anything else.
    Other,
}

/// Why a call was not let through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The breaker is open.
    Open {
        /// For how many more milliseconds.
        left_ms: u64,
        /// How many failures opened it.
        failures: u32,
        /// The last of them.
        last: Fault,
    },
    /// The breaker is half open, and enough calls try the program already.
    Tried {
        /// How many do.
        probes: u32,
        /// The last failure.
        last: Fault,
    },
    /// It was called too often.
    Pace {
        /// How often it may be called.
        pace: Pace,
        /// In how many milliseconds there would be a turn.
        next_ms: u64,
        /// How long this call could have waited.
        wait_ms: u64,
    },
    /// It is called too often at once.
    Concurrency {
        /// How many calls may go on at once.
        most: u32,
        /// How long this call could have waited.
        wait_ms: u64,
    },
    /// Too many wait already.
    Queue {
        /// How many may.
        most: usize,
    },
}

/// What did not let a call through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusedBy {
    /// The breaker.
    Breaker,
    /// The rate, or how many there may be at once.
    Rate,
}

// === impl GateSpec ===

impl GateSpec {
    /// Tells whether nothing stands before the program.
    pub fn is_unset(&self) -> bool {
        self.breaker.is_none() && self.rate.is_none()
    }

    /// Returns the same with every amount that is out of its bounds moved to the nearest that is not.
    pub fn within_bounds(mut self) -> Self {
        if let Some(breaker) = &mut self.breaker {
            breaker.failures = breaker.failures.clamp(1, FAILURES_MAX);
            breaker.window_ms = breaker.window_ms.map(|ms| ms.clamp(1, TIME_MS_MAX));
            breaker.open_ms = breaker.open_ms.clamp(1, TIME_MS_MAX);
            breaker.probes = breaker.probes.clamp(1, PROBES_MAX);
        }
        if let Some(rate) = &mut self.rate {
            rate.concurrency = rate.concurrency.map(|most| most.clamp(1, CONCURRENCY_MAX));
            rate.wait_ms_max = rate.wait_ms_max.min(WAIT_MS_MAX);
            if let Some(pace) = &mut rate.pace {
                pace.calls = pace.calls.clamp(1, CALLS_MAX);
                pace.per_ms = pace.per_ms.clamp(1, TIME_MS_MAX);
                pace.burst = pace.burst.clamp(1, CALLS_MAX);
            }
        }
        self
    }
}

// === impl BreakerSpec ===

impl Default for BreakerSpec {
    fn default() -> Self {
        Self { failures: 5, window_ms: None, open_ms: 30_000, probes: 1, on: Fault::DEFAULT.to_vec() }
    }
}

impl fmt::Display for BreakerSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: Vec<_> = self.on.iter().map(|fault| fault.as_str()).collect();
        write!(f, "opens for {} ms after {} ", self.open_ms, failures(self.failures))?;
        match self.window_ms {
            Some(ms) => write!(f, "within {ms} ms")?,
            None => f.write_str("in a row")?,
        }
        write!(f, " ({}); then tried by {}", kinds.join(", "), calls(self.probes))
    }
}

// === impl RateSpec ===

impl RateSpec {
    /// Makes a rate of so many calls in a time, and as many at once after a time without calls.
    pub fn calls(calls: u32, per_ms: u64) -> Self {
        Self { pace: Some(Pace { calls, per_ms, burst: calls }), ..Self::default() }
    }

    /// Makes a rate of so many calls at once.
    pub fn at_once(concurrency: u32) -> Self {
        Self { concurrency: Some(concurrency), ..Self::default() }
    }

    /// Lets a call wait for its turn before it fails.
    pub fn waiting(mut self, wait_ms_max: u64) -> Self {
        self.wait_ms_max = wait_ms_max;
        self
    }
}

impl fmt::Display for RateSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(pace) = self.pace {
            write!(f, "{pace}, {} at once after a pause; ", pace.burst)?;
        }
        if let Some(most) = self.concurrency {
            write!(f, "{most} go on at once; ")?;
        }
        match self.wait_ms_max {
            0 => f.write_str("a call without a turn fails at once"),
            ms => write!(f, "a call waits {ms} ms at most for its turn"),
        }
    }
}

// === impl Pace ===

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {} ms", calls(self.calls), self.per_ms)
    }
}

// === impl Fault ===

impl Fault {
    /// What counts where nobody says anything: what shows that the program, or what it stands on, does not work.
    pub const DEFAULT: [Self; 4] = [Self::Unavailable, Self::Timeout, Self::Trap, Self::Limit];

    /// Returns what kind of failure it is; `None` of one that was withdrawn.
    pub fn of(failure: &Failure) -> Option<Self> {
        Some(match failure {
            Failure::Denied(_) => Self::Denied,
            Failure::Limit(_) => Self::Limit,
            Failure::Timeout(_) => Self::Timeout,
            Failure::Trap(_) => Self::Trap,
            Failure::Invalid(_) => Self::Invalid,
            Failure::Unavailable(_) => Self::Unavailable,
            Failure::Conflict { .. } => Self::Conflict,
            Failure::InDoubt { .. } => Self::InDoubt,
            Failure::Other(_) => Self::Other,
            Failure::Cancelled { .. } => return None,
        })
    }

    /// Returns its name, as [`Failure::kind`] writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Limit => "limit",
            Self::Timeout => "timeout",
            Self::Trap => "trap",
            Self::Invalid => "invalid",
            Self::Unavailable => "unavailable",
            Self::Conflict => "conflict",
            Self::InDoubt => "in-doubt",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// === impl Refusal ===

impl Refusal {
    /// Makes the failure that the caller of `subject` gets.
    pub fn into_failure(self, subject: impl Into<String>) -> Failure {
        Failure::Unavailable(Unavailable { subject: subject.into(), reason: self.to_string(), retriable: true })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { left_ms, failures: count, last } => {
                let after = failures(*count);
                write!(f, "{BREAKER}open for another {left_ms} ms after {after}, the last of them `{last}`")
            }
            Self::Tried { probes, last } => write!(
                f,
                "{BREAKER}half open: {} at most may try whether it works again, after a failure `{last}`",
                calls(*probes)
            ),
            Self::Pace { pace, next_ms, wait_ms } => {
                write!(f, "{TURN}{pace} may pass, the next in {next_ms} ms, and this one may wait {wait_ms} ms")
            }
            Self::Concurrency { most, wait_ms } => {
                write!(f, "{TURN}{} may go on at once, and this one may wait {wait_ms} ms", calls(*most))
            }
            Self::Queue { most } => {
                write!(f, "{TURN}{} may wait, and do", calls(u32::try_from(*most).unwrap_or(u32::MAX)))
            }
        }
    }
}

// === impl RefusedBy ===

impl RefusedBy {
    /// Recognises the failure of a call that was not let through. It is for people: a program can use the same words.
    pub fn of(failure: &Failure) -> Option<Self> {
        let Failure::Unavailable(Unavailable { reason, retriable: true, .. }) = failure else { return None };
        let is_breaker = reason.starts_with(BREAKER);
        let is_rate = reason.starts_with(TURN);
        is_breaker.then_some(Self::Breaker).or(is_rate.then_some(Self::Rate))
    }
}

fn calls(count: u32) -> String {
    if count == 1 { "1 call".to_owned() } else { format!("{count} calls") }
}

fn failures(count: u32) -> String {
    if count == 1 { "1 failure".to_owned() } else { format!("{count} failures") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_known_by_its_failure() {
        let last = Fault::Trap;
        let pace = Pace { calls: 10, per_ms: 1_000, burst: 10 };
        for (refusal, by) in [
            (Refusal::Open { left_ms: 5, failures: 3, last }, RefusedBy::Breaker),
            (Refusal::Tried { probes: 1, last }, RefusedBy::Breaker),
            (Refusal::Pace { pace, next_ms: 7, wait_ms: 0 }, RefusedBy::Rate),
            (Refusal::Concurrency { most: 4, wait_ms: 9 }, RefusedBy::Rate),
            (Refusal::Queue { most: 8 }, RefusedBy::Rate),
        ] {
            let failure = refusal.clone().into_failure("tool a.b");
            assert_eq!(RefusedBy::of(&failure), Some(by), "{failure}");
            assert!(failure.is_retriable(), "{failure}");
        }
        assert_eq!(RefusedBy::of(&Failure::absent("tool a.b", "its breaker is open")), None);
        assert_eq!(RefusedBy::of(&Failure::other("its breaker is open")), None);
        let open = Refusal::Open { left_ms: 5, failures: 3, last }.into_failure("tool a.b");
        let text =
            "tool a.b is not available: its breaker is open for another 5 ms after 3 failures, the last of them `trap`";
        assert_eq!(open.to_string(), text);
    }

    #[test]
    fn faults_are_named_as_failures_are() {
        let failures = [
            Failure::invalid("a", "", "b"),
            Failure::absent("a", "b"),
            Failure::other("a"),
            Failure::Conflict { reason: String::new() },
            Failure::InDoubt { effect: String::new() },
        ];
        for failure in failures {
            let fault = Fault::of(&failure).unwrap();
            assert_eq!(fault.as_str(), failure.kind());
            assert_eq!(serde_json::to_value(fault).unwrap(), failure.kind());
        }
        assert_eq!(Fault::of(&Failure::Cancelled { by: String::new() }), None);
    }

    #[test]
    fn amounts_out_of_their_bounds_are_moved_to_them() {
        let breaker = BreakerSpec { failures: 0, window_ms: Some(0), open_ms: 0, probes: 0, on: Vec::new() };
        let pace = Some(Pace { calls: 0, per_ms: u64::MAX, burst: 0 });
        let rate = RateSpec { pace, concurrency: Some(0), wait_ms_max: u64::MAX };
        let bounded = GateSpec { breaker: Some(breaker), rate: Some(rate) }.within_bounds();
        let (breaker, rate) = (bounded.breaker.unwrap(), bounded.rate.unwrap());
        assert_eq!((breaker.failures, breaker.window_ms, breaker.open_ms, breaker.probes), (1, Some(1), 1, 1));
        assert_eq!(rate.pace, Some(Pace { calls: 1, per_ms: TIME_MS_MAX, burst: 1 }));
        assert_eq!((rate.concurrency, rate.wait_ms_max), (Some(1), WAIT_MS_MAX));
        let usual = GateSpec { breaker: Some(BreakerSpec::default()), rate: Some(RateSpec::calls(10, 1_000)) };
        assert_eq!(usual.clone().within_bounds(), usual);
    }

    #[test]
    fn what_is_not_written_down_is_as_usual() {
        let spec: GateSpec = serde_json::from_str("{}").unwrap();
        assert!(spec.is_unset());
        assert_eq!(serde_json::to_string(&spec).unwrap(), "{}");
        let spec: GateSpec = serde_json::from_str(r#"{"breaker":{"failures":2},"rate":{"concurrency":1}}"#).unwrap();
        assert_eq!(spec.breaker, Some(BreakerSpec { failures: 2, ..BreakerSpec::default() }));
        assert_eq!(spec.rate, Some(RateSpec::at_once(1)));
        let again: GateSpec = serde_json::from_value(serde_json::to_value(&spec).unwrap()).unwrap();
        assert_eq!(again, spec);
    }
}
