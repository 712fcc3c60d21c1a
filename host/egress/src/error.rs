// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can go wrong: [`Error`] for the operator who configures, [`Trouble`] on the way to a server and back.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use priory_core::failure::{Failure, Unavailable};
use priory_core::limits::Dimension;
use rustls::pki_types::pem;

/// How long a reason may be, in characters: certificates and resolvers put text of strangers into it.
const REASON_CHARS_MAX: usize = 300;

/// The text by which hyper reports a head above its bounds; only its server half has a method for it.
const HYPER_HEAD_TOO_LARGE: &str = "message head is too large";

/// Says why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A bound is zero.
    #[error("`{field}` is 0, so no request could succeed; give a positive number")]
    Zero {
        /// The field of the configuration.
        field: &'static str,
    },
    /// A source of root certificates is not PEM.
    #[error("root certificates at position {index} are not valid PEM; give a file with BEGIN CERTIFICATE sections")]
    RootPem {
        /// The position in the configuration.
        index: usize,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// A source of root certificates has none.
    #[error("root certificates at position {index} hold no certificate; give a file with BEGIN CERTIFICATE sections")]
    RootEmpty {
        /// The position in the configuration.
        index: usize,
    },
    /// A source of root certificates has too many.
    #[error("root certificates at position {index} are more than {allowed}; give only those that are needed")]
    RootMany {
        /// The position in the configuration.
        index: usize,
        /// How many there may be.
        allowed: usize,
    },
    /// A root certificate cannot be used.
    #[error("a root certificate at position {index} is not a valid certificate; give an X.509 certificate")]
    RootCertificate {
        /// The position in the configuration.
        index: usize,
        /// What is wrong with it.
        source: rustls::Error,
    },
    /// TLS cannot be set up.
    #[error("tls cannot be set up; this build of the host is broken")]
    Tls(#[source] rustls::Error),
}

/// What happened on the way to a server and back.
///
/// The texts become reasons of failures that guests and journals see, so they hold nothing of the request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("its name cannot be resolved: {source}")]
    Resolve { source: io::Error },
    #[error("its name has no address")]
    NoAddress,
    #[error("cannot connect to {address}: {source}")]
    Connect { address: SocketAddr, source: io::Error },
    #[error("its name cannot be the subject of a certificate; use `http`, or a name with letters, digits and `-`")]
    ServerName,
    #[error("tls failed: {source}")]
    Tls { source: rustls::Error },
    #[error("{step} took more than {allowed_ms} ms")]
    TimedOut { step: Step, allowed_ms: u64 },
    #[error("the connection ended before the answer was complete: {detail}")]
    Broken { detail: String },
    #[error("the answer is not valid HTTP/1.1: {detail}")]
    Malformed { detail: String },
    #[error("the head of the answer is larger than {bytes_max} bytes or {fields_max} fields")]
    HeadTooLarge { bytes_max: usize, fields_max: usize },
    #[error("the body of the answer has {used} bytes, {allowed} are allowed")]
    BodyTooLarge { used: u64, allowed: u64 },
    #[error("the host sends from a thread that has entered no runtime; this build of the host is broken")]
    NoRuntime,
    #[error("the host is stopping")]
    Stopping,
    #[error("the host failed while it sent the request")]
    Panicked,
}

/// A step that has a time limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Resolving the name.
    Resolve,
    /// Dialling one address.
    Connect(SocketAddr),
    /// The TLS handshake.
    Handshake,
    /// Sending the request and waiting for the head of the answer.
    FirstByte,
    /// Waiting for the next part of the body.
    Body,
}

// === impl Trouble ===

impl Trouble {
    /// Sorts what hyper reports. `bytes_max` and `fields_max` are the bounds of the head.
    pub(crate) fn from_hyper(error: &hyper::Error, bytes_max: usize, fields_max: usize) -> Self {
        let detail = error.to_string();
        if error.is_parse() {
            return match detail.as_str() {
                HYPER_HEAD_TOO_LARGE => Self::HeadTooLarge { bytes_max, fields_max },
                _ => Self::Malformed { detail },
            };
        }
        match std::error::Error::source(error).and_then(|source| source.downcast_ref::<io::Error>()) {
            Some(io) => Self::from_io(io),
            None => Self::Broken { detail },
        }
    }

    /// Sorts what a stream, plain or secured, reports.
    pub(crate) fn from_io(error: &io::Error) -> Self {
        let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match (tls, error.kind()) {
            (Some(source), _) => Self::Tls { source: source.clone() },
            // This is how hyper reports a body whose framing is wrong.
            (None, io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput) => {
                Self::Malformed { detail: error.to_string() }
            }
            (None, _) => Self::Broken { detail: error.to_string() },
        }
    }

    /// Tells whether the same request may succeed later.
    pub(crate) fn is_retriable(&self) -> bool {
        match self {
            Self::Resolve { .. }
            | Self::NoAddress
            | Self::Connect { .. }
            | Self::TimedOut { .. }
            | Self::Broken { .. }
            | Self::Stopping => true,
            Self::ServerName
            | Self::Tls { .. }
            | Self::Malformed { .. }
            | Self::HeadTooLarge { .. }
            | Self::BodyTooLarge { .. }
            | Self::NoRuntime
            | Self::Panicked => false,
        }
    }

    /// Returns the failure of a request to `place`.
    pub(crate) fn into_failure(self, place: &str) -> Failure {
        match self {
            // The caller knows which frame asked, and puts its label there.
            Self::BodyTooLarge { used, allowed } => Failure::limit(Dimension::CallBytes, used, allowed, ""),
            other => Failure::Unavailable(Unavailable {
                subject: place.to_owned(),
                retriable: other.is_retriable(),
                reason: shortened(&other.to_string()),
            }),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolve => f.write_str("resolving its name"),
            Self::Connect(address) => write!(f, "connecting to {address}"),
            Self::Handshake => f.write_str("the tls handshake"),
            Self::FirstByte => f.write_str("the head of the answer"),
            Self::Body => f.write_str("the next part of the body"),
        }
    }
}

fn shortened(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(REASON_CHARS_MAX).collect()
}
