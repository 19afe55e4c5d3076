//! What services show each other where they speak over TLS: a certificate of the shop's own authority, at both ends.
//!
//! A certificate is for what its process is (`catalog`, `orders`, `gateway`), not for where it runs: addresses come and go,
//! and names in a register or a DNS are what others say. Whoever calls wants the certificate of the service that it means;
//! whoever answers services wants any of the authority's, and learns from the token who it is. Files are read once, at the start.
//! Decides nothing about what is said over a connection. Start reading at [`Tls::read`].

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use commerce_core::commerce::Context;
use hyper_rustls::{FixedServerNameResolver, HttpsConnector};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

/// Both ends are of one shop, so nobody needs an older version.
const VERSIONS: &[&rustls::SupportedProtocolVersion] = &[&TLS13];

/// How a process proves to others of its shop what it is, and judges their proof.
#[derive(Clone)]
pub struct Tls {
    caller: Arc<ClientConfig>,
    inside: Arc<ServerConfig>,
    outside: Arc<ServerConfig>,
}

/// Why a process has nothing to show.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {why}")]
pub struct TlsFault {
    file: String,
    why: String,
}

fn about<E: fmt::Display>(file: &Path) -> impl Fn(E) -> TlsFault + '_ {
    move |why| TlsFault { file: file.display().to_string(), why: why.to_string() }
}

impl Tls {
    /// Out of files in PEM: its own certificate with what leads to the authority, the key to it, and the certificates of
    /// the authority, of which there are two while one follows the other.
    ///
    /// # Errors
    /// When a file cannot be read or holds something else, or the key is not the certificate's.
    pub fn read(certificate: &Path, key: &Path, authority: &Path) -> Result<Self, TlsFault> {
        let (chain, roots) = (certificates(certificate)?, certificates(authority)?);
        let secret = PrivateKeyDer::from_pem_file(key).map_err(about(key))?;
        let mut trusted = RootCertStore::empty();
        for root in roots {
            trusted.add(root).map_err(about(authority))?;
        }
        let trusted = Arc::new(trusted);
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(&trusted), provider()).build();
        let answering = || ServerConfig::builder_with_provider(provider()).with_protocol_versions(VERSIONS);
        let inside = answering()
            .map_err(about(certificate))?
            .with_client_cert_verifier(verifier.map_err(about(authority))?)
            .with_single_cert(chain.clone(), secret.clone_key())
            .map_err(about(certificate))?;
        let outside = answering()
            .map_err(about(certificate))?
            .with_no_client_auth()
            .with_single_cert(chain.clone(), secret.clone_key())
            .map_err(about(certificate))?;
        let caller = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(VERSIONS)
            .map_err(about(certificate))?
            .with_root_certificates(trusted)
            .with_client_auth_cert(chain, secret)
            .map_err(about(certificate))?;
        Ok(Self { caller: Arc::new(caller), inside: Arc::new(inside), outside: Arc::new(outside) })
    }

    /// How a service answers other services: whoever shows no certificate of the authority's is sent away.
    #[must_use]
    pub fn inside(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.inside)
    }

    /// How a service answers a gateway, and whoever looks whether it is well: that who asks has a certificate is not wanted,
    /// because a gateway is known by its pass.
    #[must_use]
    pub fn outside(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.outside)
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFault> {
    let all = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(about(file))?;
    if all.is_empty() { Err(about(file)("there is no certificate in it")) } else { Ok(all) }
}

/// Connects to `service`: over TLS to what proves to be it where there is something to show, else as it is.
pub(super) fn connector(tls: Option<&Tls>, plain: HttpConnector, service: Context) -> HttpsConnector<HttpConnector> {
    let name = ServerName::try_from(service.as_str()).expect("the name of a context is a name");
    let named = Arc::new(FixedServerNameResolver::new(name));
    let caller = tls.map_or_else(believing_nobody, |tls| Arc::clone(&tls.caller));
    HttpsConnector::new(plain, caller, tls.is_some(), named)
}

/// What a process without certificates would speak TLS with, which it never does.
fn believing_nobody() -> Arc<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(provider()).with_protocol_versions(VERSIONS);
    let builder = builder.expect("the provider knows the version");
    Arc::new(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}
