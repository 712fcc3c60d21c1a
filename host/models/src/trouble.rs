// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can happen to one attempt to get an answer, and what follows from it.

use priory_core::failure::{Failure, Timeout, Unavailable};
use priory_core::gate::{Fault, Refusal};

use crate::gate::Verdict;
use crate::key::{Key, KeyError};
use crate::sse::TooLong;
use crate::wire::{FaultKind, ProviderFault, WireError};

/// Why an attempt gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// It was not let through to the provider.
    #[error("{0}")]
    Refused(Refusal),
    /// There is no key.
    #[error("{0}")]
    Key(#[from] KeyError),
    /// The network failed.
    #[error("{reason}")]
    Network {
        /// Why.
        reason: String,
        /// Whether it may work later.
        is_retriable: bool,
        /// Whether the request may have reached the provider.
        is_sent: bool,
    },
    /// The provider was silent for too long.
    #[error("{step} did not come within {allowed_ms} ms")]
    Silent {
        /// What did not come.
        step: &'static str,
        /// For how long it was waited.
        allowed_ms: u64,
    },
    /// The time of the whole request is over.
    #[error("it did not answer within {allowed_ms} ms")]
    Over {
        /// How long that was.
        allowed_ms: u64,
    },
    /// The provider answered something else than an answer.
    #[error("{}", .0.message)]
    Fault(ProviderFault),
    /// The answer cannot be read.
    #[error("{0}")]
    Wire(WireError),
}

// === impl Trouble ===

impl From<WireError> for Trouble {
    fn from(error: WireError) -> Self {
        match error {
            WireError::Provider(fault) => Self::Fault(fault),
            error => Self::Wire(error),
        }
    }
}

impl From<TooLong> for Trouble {
    fn from(TooLong(most): TooLong) -> Self {
        Self::Wire(WireError::TooLarge { what: "bytes of one event", most: most as u64 })
    }
}

impl Trouble {
    /// Tells whether the same request may be sent again. `is_known` says that it broke the same way before.
    pub(crate) fn is_retriable(&self, is_known: bool) -> bool {
        match self {
            // The gate has waited as long as it may.
            Self::Refused(_) | Self::Key(_) | Self::Over { .. } => false,
            Self::Network { is_retriable, .. } => *is_retriable,
            Self::Silent { .. } => true,
            Self::Fault(fault) => fault.is_retriable,
            Self::Wire(WireError::Cut) => true,
            // A server that has a form of its own has it each time.
            Self::Wire(WireError::Malformed(_)) => !is_known,
            Self::Wire(WireError::TooLarge { .. } | WireError::Provider(_)) => false,
        }
    }

    /// Returns when the provider wants to be asked again, in milliseconds from now.
    pub(crate) fn hint_ms(&self) -> Option<u64> {
        match self {
            Self::Fault(fault) => fault.retry_after_ms,
            _ => None,
        }
    }

    /// Tells whether the request may have been worked on, so that it may have to be paid.
    pub(crate) fn may_cost(&self) -> bool {
        match self {
            Self::Refused(_) | Self::Key(_) => false,
            Self::Network { is_sent, .. } => *is_sent,
            Self::Fault(fault) => fault.may_cost,
            Self::Silent { .. } | Self::Over { .. } | Self::Wire(_) => true,
        }
    }

    /// Tells whether the provider refuses the key.
    pub(crate) fn refuses_key(&self) -> bool {
        matches!(self, Self::Fault(fault) if fault.kind == FaultKind::Key)
    }

    /// Tells what it says about the provider. One that refuses a request works.
    pub(crate) fn verdict(&self) -> Verdict {
        match self {
            Self::Refused(_) | Self::Key(_) => Verdict::Nothing,
            Self::Network { .. } | Self::Wire(_) => Verdict::Failed(Fault::Unavailable),
            Self::Silent { .. } | Self::Over { .. } => Verdict::Failed(Fault::Timeout),
            Self::Fault(fault) => match fault.kind {
                FaultKind::Failed => Verdict::Failed(Fault::Unavailable),
                FaultKind::Busy | FaultKind::Quota => Verdict::Nothing,
                FaultKind::Key | FaultKind::Absent | FaultKind::TooLong | FaultKind::Invalid => Verdict::Answered,
            },
        }
    }

    /// Takes a key out of what the provider said.
    pub(crate) fn scrubbed(mut self, key: &Key) -> Self {
        match &mut self {
            Self::Fault(fault) | Self::Wire(WireError::Provider(fault)) => fault.message = key.scrub(&fault.message),
            Self::Wire(WireError::Malformed(reason)) | Self::Network { reason, .. } => *reason = key.scrub(reason),
            _ => {}
        }
        self
    }

    /// Returns the failure of the request.
    pub(crate) fn into_failure(self, model: &str, provider: &str) -> Failure {
        let reason = |reason: String, retriable: bool| {
            let subject = format!("model {model}");
            Failure::Unavailable(Unavailable { subject, reason, retriable })
        };
        let refused = |pointer: &str, what: &str, fault: &ProviderFault| {
            Failure::invalid("model request", pointer, format!("{what}: {}", fault.message))
        };
        match self {
            Self::Refused(refusal) => refusal.into_failure(format!("provider {provider}")),
            Self::Over { allowed_ms } => Failure::Timeout(Timeout { allowed_ms, frame: format!("model {model}") }),
            Self::Fault(fault) => match fault.kind {
                FaultKind::Busy => reason(format!("provider {provider} is busy: {}", fault.message), true),
                FaultKind::Failed => reason(format!("provider {provider} failed: {}", fault.message), true),
                FaultKind::Quota => {
                    reason(format!("what is paid for at provider {provider} is used up: {}", fault.message), false)
                }
                FaultKind::Key => reason(format!("provider {provider} refuses the key: {}", fault.message), false),
                FaultKind::Absent => reason(format!("provider {provider} does not have it: {}", fault.message), false),
                FaultKind::TooLong => refused("/messages", "the conversation is too long for the model", &fault),
                FaultKind::Invalid => refused("", &format!("provider {provider} refuses it"), &fault),
            },
            Self::Key(error) => {
                // Where the operator keeps keys is nobody else's business, and failures are shown to guests.
                tracing::warn!(provider, %error, "the key of a provider cannot be read");
                reason(format!("provider {provider} cannot be asked: its key cannot be read"), false)
            }
            Self::Network { is_retriable, .. } => reason(format!("provider {provider}: {self}"), is_retriable),
            Self::Silent { .. } => reason(format!("provider {provider} is silent: {self}"), true),
            Self::Wire(WireError::TooLarge { .. }) => reason(format!("provider {provider}: {self}"), false),
            Self::Wire(_) => reason(format!("provider {provider}: {self}"), true),
        }
    }
}
