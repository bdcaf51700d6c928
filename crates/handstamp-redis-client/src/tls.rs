use std::error::Error;
use std::fmt;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::ClientConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};

/// TLS: the trusted authorities, and the certificate of the client.
///
/// The certificate of a server must be for the host of the connection, a name or an IP address.
///
/// ```no_run
/// use handstamp_redis_client::{RedisConfig, Tls};
///
/// let tls = Tls::with_ca_pem(&std::fs::read("ca.pem")?)?
///     .and_client_certificate(&std::fs::read("client.pem")?, &std::fs::read("client.key")?)?;
/// let config = RedisConfig::new("rediss://redis.internal".parse()?).with_tls(tls);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Tls(
    /// `None` where no authority is trusted: see [`Tls::system_roots_or_none`].
    Option<Arc<ClientConfig>>,
);

impl Tls {
    /// Trusts the authorities that the system trusts.
    ///
    /// # Errors
    ///
    /// When the system has no certificate of an authority that can be read.
    pub fn system_roots() -> Result<Self, TlsError> {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        // A certificate that rustls does not accept is no reason to do without the others.
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            let cause = found.errors.into_iter().next();
            return Err(TlsError::SystemRoots(cause.map(Into::into)));
        }
        Self::trusting(roots)
    }

    /// Trusts one or more private authorities only. `pem` holds their certificates.
    ///
    /// # Errors
    ///
    /// When there is no certificate in `pem`, or one that cannot be used.
    pub fn with_ca_pem(pem: &[u8]) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(pem).ok_or(TlsError::AuthorityPem)? {
            roots.add(certificate).map_err(|error| TlsError::Authority(error.into()))?;
        }
        Self::trusting(roots)
    }

    /// Presents this certificate to servers that require one. `certificate_pem` begins with it, and may continue with the
    /// chain to its authority; `key_pem` is its private key, unencrypted.
    ///
    /// # Errors
    ///
    /// When the certificate or the key cannot be used, or they do not belong together.
    pub fn and_client_certificate(self, certificate_pem: &[u8], key_pem: &[u8]) -> Result<Self, TlsError> {
        let Some(mut config) = self.0 else { return Ok(self) };
        let chain = certificates(certificate_pem).ok_or(TlsError::CertificatePem)?;
        let key = PrivateKeyDer::from_pem_slice(key_pem).map_err(|_| TlsError::KeyPem)?;
        let certified = CertifiedKey::from_der(chain, key, config.crypto_provider())
            .map_err(|error| TlsError::Key(error.into()))?;
        Arc::make_mut(&mut config).client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(certified));
        Ok(Self(Some(config)))
    }

    /// Trusts the authorities that the system trusts, or else none: then every connection fails.
    pub(crate) fn system_roots_or_none() -> Self {
        Self::system_roots().unwrap_or_else(|error| {
            tracing::warn!(error = &error as &dyn Error, "no server can be trusted");
            Self(None)
        })
    }

    /// `None` where no authority is trusted.
    pub(crate) const fn config(&self) -> Option<&Arc<ClientConfig>> {
        self.0.as_ref()
    }

    fn trusting(roots: RootCertStore) -> Result<Self, TlsError> {
        // Without an explicit provider, rustls panics where the program was built with two.
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError::Provider(error.into()))?
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

/// Why certificates or a key cannot be used.
///
/// A text that is no PEM is not quoted: it may be a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The certificate of an authority cannot be used.
    #[error("the certificate of the authority cannot be used")]
    Authority(#[source] Box<dyn Error + Send + Sync>),
    /// There is no certificate of an authority.
    #[error(
        "the authority is to be given as PEM: from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----"
    )]
    AuthorityPem,
    /// There is no certificate of the client.
    #[error(
        "the client's certificate is to be given as PEM: from -----BEGIN CERTIFICATE----- to \
         -----END CERTIFICATE-----"
    )]
    CertificatePem,
    /// The private key cannot be used, or does not belong to the certificate.
    #[error("the client's private key cannot be used with its certificate")]
    Key(#[source] Box<dyn Error + Send + Sync>),
    /// There is no private key of the client.
    #[error(
        "the client's private key is to be given as PEM and unencrypted: from -----BEGIN PRIVATE KEY----- to \
         -----END PRIVATE KEY-----"
    )]
    KeyPem,
    /// The provider of cryptography does not support what TLS needs.
    #[error("the provider of cryptography does not support what TLS needs")]
    Provider(#[source] Box<dyn Error + Send + Sync>),
    /// The system has no certificates of authorities.
    #[error("this system has no certificates of authorities: install them, or name the authority to trust")]
    SystemRoots(#[source] Option<Box<dyn Error + Send + Sync>>),
}

/// At least one.
fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().ok()?;
    Some(certificates).filter(|certificates| !certificates.is_empty())
}
