// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an operator decides about outgoing connections.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::error::Error;

/// How many certificates one PEM source may hold: bundles of whole operating systems have about 150.
const PEM_CERTIFICATES_MAX: usize = 1_024;

/// The only protocol that this room speaks, as TLS names it.
const ALPN_HTTP1: &[u8] = b"http/1.1";

/// Bounds of outgoing connections, and whom to trust besides the public certificate authorities.
#[derive(Debug, Clone)]
pub struct EgressConfig {
    /// Time for each step of reaching a server, in milliseconds: resolving its name, dialling one address, the
    /// TLS handshake.
    pub connect_ms: u64,
    /// Time between two parts of a body, in milliseconds; also the time until the head of the answer, where the
    /// request does not say `first_byte_ms`.
    pub idle_ms: u64,
    /// How large the head of an answer may be, in bytes; its trailers too.
    pub response_head_bytes_max: usize,
    /// How many addresses of one name are looked at; those beyond are ignored.
    pub addresses_max: usize,
    /// Certificate authorities that are trusted besides the public ones.
    pub roots: Vec<Root>,
}

/// Where the certificate of an authority comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Root {
    /// One or more certificates in PEM; other sections are skipped.
    Pem(Vec<u8>),
    /// One certificate in DER.
    Der(Vec<u8>),
}

// === impl EgressConfig ===

impl Default for EgressConfig {
    fn default() -> Self {
        Self {
            connect_ms: 10_000,
            idle_ms: 60_000,
            response_head_bytes_max: 64 << 10,
            addresses_max: 8,
            roots: Vec::new(),
        }
    }
}

impl EgressConfig {
    /// Refuses bounds under which no request can succeed.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let bounds = [
            ("connect_ms", self.connect_ms == 0),
            ("idle_ms", self.idle_ms == 0),
            ("response_head_bytes_max", self.response_head_bytes_max == 0),
            ("addresses_max", self.addresses_max == 0),
        ];
        match bounds.into_iter().find(|(_, zero)| *zero) {
            Some((field, _)) => Err(Error::Zero { field }),
            None => Ok(()),
        }
    }

    /// Builds what every TLS handshake shares.
    pub(crate) fn tls(&self) -> Result<ClientConfig, Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(Error::Tls)?
            .with_root_certificates(self.root_store()?)
            .with_no_client_auth();
        config.alpn_protocols = vec![ALPN_HTTP1.to_vec()];
        // A resumed session would tie the requests of different tenants together.
        config.resumption = Resumption::disabled();
        Ok(config)
    }

    fn root_store(&self) -> Result<RootCertStore, Error> {
        let mut store = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        for (index, root) in self.roots.iter().enumerate() {
            for certificate in root.certificates(index)? {
                store.add(certificate).map_err(|source| Error::RootCertificate { index, source })?;
            }
        }
        Ok(store)
    }
}

// === impl Root ===

impl Root {
    fn certificates(&self, index: usize) -> Result<Vec<CertificateDer<'_>>, Error> {
        let pem = match self {
            Self::Der(der) => return Ok(vec![CertificateDer::from(der.as_slice())]),
            Self::Pem(pem) => pem,
        };
        let certificates = CertificateDer::pem_slice_iter(pem)
            .take(PEM_CERTIFICATES_MAX + 1)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|source| Error::RootPem { index, source })?;
        match certificates.len() {
            0 => Err(Error::RootEmpty { index }),
            count if count > PEM_CERTIFICATES_MAX => Err(Error::RootMany { index, allowed: PEM_CERTIFICATES_MAX }),
            _ => Ok(certificates),
        }
    }
}
