use std::error::Error;
use std::fmt;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::ClientConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};

/// Whom to trust behind TLS, and who we are.
///
/// The certificate of a server must be for the host that the connection goes to, be that a name or an IP address.
///
/// ```no_run
/// use handstamp_redis::{RedisConfig, Tls};
///
/// let tls = Tls::with_ca_pem(&std::fs::read("ca.pem")?)?
///     .and_client_certificate(&std::fs::read("client.pem")?, &std::fs::read("client.key")?)?;
/// let config = RedisConfig { tls: Some(tls), ..RedisConfig::new("rediss://redis.internal".parse()?) };
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Tls(
    /// Nothing where nobody can be trusted: see [`Tls::of_the_system`].
    Option<Arc<ClientConfig>>,
);

impl Tls {
    /// Trusts whom the system trusts.
    ///
    /// # Errors
    ///
    /// When the system has no certificate of anybody, or none that can be read.
    pub fn system_roots() -> Result<Self, TlsError> {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        // Some that rustls does not take are no reason to do without the others.
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            let cause = found.errors.into_iter().next();
            return Err(TlsError::SystemRoots(cause.map(Into::into)));
        }
        Self::trusting(roots)
    }

    /// Trusts a private authority, or several, and nobody else. `pem` is their certificates, in the format PEM.
    ///
    /// # Errors
    ///
    /// When there is no certificate in `pem`, or one that is none.
    pub fn with_ca_pem(pem: &[u8]) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(pem).ok_or(TlsError::AuthorityPem)? {
            roots.add(certificate).map_err(TlsError::Authority)?;
        }
        Self::trusting(roots)
    }

    /// Shows this certificate to servers that want one. `certificate_pem` begins with it, and may go on with those
    /// that lead to its authority; `key_pem` is its private key, unencrypted.
    ///
    /// # Errors
    ///
    /// When either is not what it should be, or they do not belong together.
    pub fn and_client_certificate(self, certificate_pem: &[u8], key_pem: &[u8]) -> Result<Self, TlsError> {
        let Some(mut config) = self.0 else { return Ok(self) };
        let chain = certificates(certificate_pem).ok_or(TlsError::CertificatePem)?;
        let key = PrivateKeyDer::from_pem_slice(key_pem).map_err(|_| TlsError::KeyPem)?;
        let certified =
            CertifiedKey::from_der(chain, key, config.crypto_provider()).map_err(TlsError::Key)?;
        Arc::make_mut(&mut config).client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(certified));
        Ok(Self(Some(config)))
    }

    /// Does what this says, for what the other constructors cannot say. Its provider of cryptography is used, too.
    #[must_use]
    pub const fn from_config(config: Arc<ClientConfig>) -> Self {
        Self(Some(config))
    }

    /// Trusts whom the system trusts, or else nobody: then every connection fails.
    pub(crate) fn of_the_system() -> Self {
        Self::system_roots().unwrap_or_else(|error| {
            tracing::warn!(error = &error as &dyn Error, "no server can be trusted");
            Self(None)
        })
    }

    /// Nothing where nobody is trusted.
    pub(crate) const fn config(&self) -> Option<&Arc<ClientConfig>> {
        self.0.as_ref()
    }

    fn trusting(roots: RootCertStore) -> Result<Self, TlsError> {
        // Without a provider that is named, rustls panics where the program was built with two.
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Provider)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(Some(Arc::new(config))))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

/// What a [`Tls`] cannot be made of.
///
/// Where something is no PEM this does not say more, as that would quote what may be a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The certificate of an authority is none that can be used.
    #[error("the certificate of the authority cannot be used")]
    Authority(#[source] rustls::Error),
    /// There is no certificate of an authority.
    #[error(
        "the authority is to be given as PEM: from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----"
    )]
    AuthorityPem,
    /// There is no certificate of ours.
    #[error(
        "the client's certificate is to be given as PEM: from -----BEGIN CERTIFICATE----- to \
         -----END CERTIFICATE-----"
    )]
    CertificatePem,
    /// The key of our certificate is not the one, or none that can be used.
    #[error("the client's private key cannot be used with its certificate")]
    Key(#[source] rustls::Error),
    /// There is no key of our certificate.
    #[error(
        "the client's private key is to be given as PEM and unencrypted: from -----BEGIN PRIVATE KEY----- to \
         -----END PRIVATE KEY-----"
    )]
    KeyPem,
    /// The provider of cryptography lacks what it takes.
    #[error("the provider of cryptography lacks what TLS takes")]
    Provider(#[source] rustls::Error),
    /// The system trusts nobody, as far as one can see.
    #[error("this system has no certificates of authorities: install them, or name the authority to trust")]
    SystemRoots(#[source] Option<Box<dyn Error + Send + Sync>>),
}

/// At least one.
fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().ok()?;
    Some(certificates).filter(|certificates| !certificates.is_empty())
}
