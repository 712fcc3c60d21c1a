// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a sandbox cannot be had, or a component cannot be loaded.

use priory_core::Digest;

/// Why the runtime cannot be set up on this machine.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The runtime refused its configuration.
    #[error("the WebAssembly runtime cannot be set up: {0:#}")]
    Runtime(wasmtime::Error),
    /// The threads for guests cannot be started.
    #[error("the threads for guests cannot be started")]
    Threads(#[source] std::io::Error),
}

/// Why a component was refused. Each message stands on one line and says what would be right.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It is no WebAssembly at all.
    #[error("`{name}` is not a WebAssembly component: {what}")]
    NotAComponent {
        /// The plugin.
        name: String,
        /// What it is instead, and what to do.
        what: String,
    },
    /// It is too large.
    #[error("`{name}` has {bytes} bytes, and this host loads components of at most {most}")]
    TooLarge {
        /// The plugin.
        name: String,
        /// Its size.
        bytes: u64,
        /// The most that is loaded.
        most: u64,
    },
    /// The digest is not the one that was pinned.
    #[error("`{name}` is {found}, but the manifest pins {pinned}: build the pinned version, or change the pin")]
    Digest {
        /// The plugin.
        name: String,
        /// What was found.
        found: Digest,
        /// What the manifest says.
        pinned: Digest,
    },
    /// It is corrupt, or uses what this host does not support.
    #[error("`{name}` cannot be compiled: {reason}")]
    Invalid {
        /// The plugin.
        name: String,
        /// What the compiler says.
        reason: String,
    },
    /// It imports something that nobody offers.
    #[error("`{name}` imports `{import}`, which {reason}")]
    Import {
        /// The plugin.
        name: String,
        /// The interface.
        import: String,
        /// Why it cannot be had, and what would satisfy it.
        reason: String,
    },
    /// It exports an interface of ours in another form.
    #[error("`{name}` exports `{export}`, but {reason}; build it against this host's version of `priory:agent`")]
    Contract {
        /// The plugin.
        name: String,
        /// The interface.
        export: String,
        /// What differs.
        reason: String,
    },
    /// It offers nothing that can be called.
    #[error("`{name}` exports nothing that can be called: {reason}")]
    NothingToCall {
        /// The plugin.
        name: String,
        /// What it exports instead.
        reason: String,
    },
    /// Its ceiling cannot be read.
    #[error("`{name}` carries a ceiling that cannot be read: {reason}")]
    Ceiling {
        /// The plugin.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It needs more at once than any sandbox has.
    #[error("`{name}` needs {what}, more than a sandbox of this host has")]
    TooDemanding {
        /// The plugin.
        name: String,
        /// What it needs.
        what: String,
    },
}
