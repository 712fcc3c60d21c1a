// SPDX-License-Identifier: MIT OR Apache-2.0
//! Words for whoever reads the run. Without the grant `log` they are dropped in silence.

use crate::bindings::priory::agent::log;

pub use crate::bindings::priory::agent::log::Level;

/// Writes one line. Outside a sandbox, as in unit tests, it goes to standard error.
pub fn write(level: Level, message: impl AsRef<str>) {
    if cfg!(target_arch = "wasm32") {
        log::write(level, message.as_ref());
    } else {
        eprintln!("{level:?}: {}", message.as_ref());
    }
}

/// Writes what a developer wants to see.
pub fn debug(message: impl AsRef<str>) {
    write(Level::Debug, message);
}

/// Writes what an operator wants to see.
pub fn info(message: impl AsRef<str>) {
    write(Level::Info, message);
}

/// Writes that something is odd, and the work goes on.
pub fn warn(message: impl AsRef<str>) {
    write(Level::Warn, message);
}

/// Writes that something failed.
pub fn error(message: impl AsRef<str>) {
    write(Level::Error, message);
}
