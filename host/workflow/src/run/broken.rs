// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a node has no output, as the patterns know failures.

use priory_core::failure::{LimitHit, Other};
use priory_core::{Dimension, Failure, Json};
use priory_patterns::{Fault, Stop};

/// Why a node has no output.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Broken(pub(crate) Failure);

impl From<Failure> for Broken {
    fn from(failure: Failure) -> Self {
        Self(failure)
    }
}

impl Fault for Broken {
    fn stopped(stop: Stop) -> Self {
        let message = stop.to_string();
        Self(match stop {
            Stop::Repeated { times, .. } | Stop::Bounced { times, .. } => {
                let allowed = times.saturating_sub(1) as u64;
                Failure::Limit(LimitHit { dimension: Dimension::Repeats, used: times as u64, allowed, frame: message })
            }
            other => {
                let data = Json::from(serde_json::json!({ "stop": other.kind() }));
                Failure::Other(Other { message, data: Some(data) })
            }
        })
    }

    fn message(&self) -> String {
        self.0.to_string()
    }

    fn kind(&self) -> &str {
        self.0.kind()
    }
}
