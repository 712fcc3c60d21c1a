// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a host cannot be built.

use std::path::PathBuf;

/// Why a host cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The sandbox cannot be set up on this machine.
    #[error(transparent)]
    Sandbox(#[from] priory_sandbox::Error),
    /// A component was refused.
    #[error(transparent)]
    Load(#[from] priory_sandbox::LoadError),
    /// A workflow was refused.
    #[error(transparent)]
    Workflow(#[from] priory_workflow::DefinitionError),
    /// The way out cannot be set up.
    #[error(transparent)]
    Egress(#[from] priory_egress::Error),
    /// Models cannot be set up as they are configured.
    #[error(transparent)]
    Models(#[from] priory_models::Error),
    /// What runs do cannot be told.
    #[error(transparent)]
    Telemetry(#[from] priory_telemetry::Error),
    /// What was configured does not fit together.
    #[error(transparent)]
    Catalog(#[from] priory_engine::CatalogError),
    /// A grant cannot be read.
    #[error("a grant cannot be read: {0}")]
    Grant(#[from] priory_core::grant::RuleError),
    /// A file cannot be read.
    #[error("{path} cannot be read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Something names a plugin that is not there.
    #[error("{by} names the plugin `{plugin}`, which is not configured")]
    UnknownPlugin {
        /// Who names it.
        by: String,
        /// The plugin.
        plugin: String,
    },
    /// Plugins are linked in a circle.
    #[error("the plugins {0} are linked in a circle; one of them has to do without its link")]
    LinkedInCircle(String),
    /// Frames may be nested deeper than there are sandboxes.
    #[error(
        "frames may be nested {depth} deep, and only {frames_max} may run at once, which must be more: lower the limit \
         `depth`, or let more frames run at once"
    )]
    Depth {
        /// The limit of depth.
        depth: u64,
        /// How many frames may have a sandbox at once.
        frames_max: u32,
    },
    /// The journal cannot do what it was asked.
    #[error(transparent)]
    Journal(#[from] priory_core::JournalError),
    /// A run cannot be taken up or executed again.
    #[error(transparent)]
    Run(#[from] priory_core::Failure),
    /// A run cannot be forked like that.
    #[error(transparent)]
    Fork(#[from] priory_engine::ForkError),
    /// The host keeps no runs.
    #[error("this host keeps no runs: build it with `Builder::durable`")]
    NotKept,
    /// What is configured cannot be written down.
    #[error("what is configured cannot be kept with a run: {0}")]
    Description(String),
    /// The host was built outside a tokio runtime.
    #[error("a host lives in a tokio runtime with time and I/O enabled; build it inside one")]
    NoRuntime,
    /// A task of the host broke.
    #[error("loading `{0}` broke off; this is a defect of the host")]
    Broken(String),
}
