// SPDX-License-Identifier: MIT OR Apache-2.0
//! The failures of this crate, as the patterns see them.

use priory_patterns::{Fault, Stop};

use crate::{Failure, Kind};

impl Fault for Failure {
    fn stopped(stop: Stop) -> Self {
        Self::with_data(stop.to_string(), &serde_json::json!({ "stop": stop.kind() }))
    }

    fn message(&self) -> String {
        self.to_string()
    }

    fn kind(&self) -> &str {
        match Failure::kind(self) {
            Kind::Denied(_) => "denied",
            Kind::Limit(_) => "limit",
            Kind::Timeout(_) => "timeout",
            Kind::Trap(_) => "trap",
            Kind::Invalid(_) => "invalid",
            Kind::Unavailable(_) => "unavailable",
            Kind::Conflict(_) => "conflict",
            Kind::Cancelled(_) => "cancelled",
            Kind::InDoubt(_) => "in-doubt",
            Kind::Other(_) => "other",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_can_be_told_by_programs() {
        let failure = Failure::stopped(Stop::NoRoute { cases: 2 });
        assert!(Fault::message(&failure).starts_with("none of the 2 cases holds"));
        assert_eq!(failure.data::<serde_json::Value>().unwrap()["stop"], "no-route");
        assert_eq!(Fault::kind(&failure), "other");
    }
}
