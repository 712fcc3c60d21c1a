// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why models cannot be set up as they are configured.

use std::path::PathBuf;

/// Says why models cannot be set up as they are configured.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Two models or two providers have the same name.
    #[error("there are two {kind}s with the name `{name}`; rename one")]
    Twice {
        /// `model` or `provider`.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// A model names a provider that is not there.
    #[error("model `{model}` names the provider `{provider}`, which is not there; add `[providers.{provider}]`")]
    NoProvider {
        /// The model.
        model: String,
        /// The provider.
        provider: String,
    },
    /// A model names another that is not there.
    #[error("`{model}`, named by {by}, is not a model; add `[models.{model}]`")]
    NoModel {
        /// Who names it, such as `fallbacks of fast`.
        by: String,
        /// The model.
        model: String,
    },
    /// The URL of a provider cannot be used.
    #[error("the url of provider `{provider}` {reason}")]
    Url {
        /// The provider.
        provider: String,
        /// What is wrong with it, and what to do.
        reason: &'static str,
    },
    /// A header field of a provider cannot be used.
    #[error("the header `{header}` of provider `{provider}` {reason}")]
    Header {
        /// The provider.
        provider: String,
        /// The name of the field.
        header: String,
        /// What is wrong with it, and what to do.
        reason: &'static str,
    },
    /// The further fields of the requests of a model cannot be used.
    #[error("`extra` of model `{model}` {reason}")]
    Extra {
        /// The model.
        model: String,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// A scripted model has no file of rules.
    #[error("model `{model}` is scripted and names no file of rules; add `script = \"FILE.toml\"`")]
    NoScript {
        /// The model.
        model: String,
    },
    /// A file of rules cannot be used.
    #[error("the rules in `{}` cannot be used: {reason}", path.display())]
    Script {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and where.
        reason: String,
    },
    /// What is needed for encrypted connections, or for connections at all, cannot be set up.
    #[error("connections to providers cannot be set up; this build of the host is broken: {0}")]
    Setup(String),
}
