// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the program says to its caller when it ends.

use priory::core::Failure;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is well.
    Ok = 0,
    /// The run failed.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The manifest or a component is not valid.
    Invalid = 3,
    /// A grant is missing.
    Denied = 4,
    /// A limit was reached.
    Limit = 5,
    /// Something that was named is not there.
    NotFound = 6,
    /// The run is parked: it waits for a person or a timer.
    Parked = 7,
    /// The folder that keeps the runs cannot be used.
    Store = 8,
    /// Time ran out.
    TimedOut = 124,
    /// The user interrupted.
    Interrupted = 130,
}

/// The table of `--help`.
pub(crate) const HELP: &str = "\
Exit codes:
    0  it worked
    1  the run failed
    2  the command line is wrong
    3  the manifest or a component is not valid
    4  a grant is missing
    5  a limit was reached
    6  something that was named is not there
    7  the run is parked: it waits for a person or a timer
    8  the folder that keeps the runs cannot be used
  124  time ran out
  130  interrupted

Environment:
  PRIORY_CONFIG     the manifest, instead of the nearest priory.toml
  PRIORY_CACHE_DIR  where compiled code is kept
  PRIORY_DATA_DIR   where runs are kept
  PRIORY_LOG        what the host tells about itself, such as `debug` (default `warn`)
  NO_COLOR          no colours";

impl Exit {
    /// Returns the code of a run that failed.
    pub(crate) fn of(failure: &Failure) -> Self {
        match failure {
            Failure::Denied(_) => Self::Denied,
            Failure::Limit(_) => Self::Limit,
            Failure::Timeout(_) => Self::TimedOut,
            Failure::Cancelled { .. } => Self::Interrupted,
            Failure::Trap(_)
            | Failure::Invalid(_)
            | Failure::Unavailable(_)
            | Failure::Conflict { .. }
            | Failure::InDoubt { .. }
            | Failure::Other(_) => Self::Failed,
        }
    }

    /// Returns the number.
    pub(crate) fn code(self) -> u8 {
        self as u8
    }
}

#[cfg(test)]
mod tests {
    use priory::core::Dimension;
    use priory::core::failure::{Denial, Timeout};

    use super::*;

    #[test]
    fn every_failure_has_its_code() {
        let denial = Denial { effect: "log".into(), by: "caller".into(), remedy: "--grant log".into() };
        for (failure, code) in [
            (Failure::Denied(denial), 4),
            (Failure::limit(Dimension::Fuel, 2, 1, "0 tool a.b"), 5),
            (Failure::Timeout(Timeout { allowed_ms: 1, frame: "0".into() }), 124),
            (Failure::Cancelled { by: "whoever started the run".into() }, 130),
            (Failure::absent("tool a.b", "no plugin has it"), 1),
            (Failure::other("x"), 1),
        ] {
            assert_eq!(Exit::of(&failure).code(), code, "{failure}");
        }
    }

    #[test]
    fn every_code_is_in_the_help() {
        for exit in [
            Exit::Ok,
            Exit::Failed,
            Exit::Usage,
            Exit::Invalid,
            Exit::Denied,
            Exit::Limit,
            Exit::NotFound,
            Exit::Parked,
            Exit::Store,
            Exit::TimedOut,
            Exit::Interrupted,
        ] {
            assert!(HELP.lines().any(|line| line.starts_with(&format!("{:>5}  ", exit.code()))), "{exit:?}");
        }
    }
}
