// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why nothing can be told.

/// Why nothing can be told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The header fields are not written as they should be.
    #[error("{variable} is not written as `name=value,name=value`; a field of it is `{name}`")]
    Headers {
        /// The environment variable.
        variable: &'static str,
        /// The name of the field that is wrong; its value may be a secret.
        name: String,
    },
    /// The endpoint cannot be the beginning of an address.
    #[error("`{url}` cannot be an OTLP endpoint; write it as in `http://127.0.0.1:4318`")]
    Endpoint {
        /// What was given.
        url: String,
    },
    /// The client for requests cannot be made.
    #[error("the client for OTLP cannot be made")]
    Client(#[source] reqwest::Error),
    /// TLS cannot be set up.
    #[error("TLS for OTLP cannot be set up")]
    Tls(#[source] rustls::Error),
}
