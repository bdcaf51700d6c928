use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use tempfile::TempDir;

/// Certificates for servers and clients, signed by a new certificate authority. They do not expire.
///
/// The files exist until this value and its clones are dropped.
#[derive(Clone, Debug)]
pub struct Certificates(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    dir: TempDir,
    ca_pem: String,
}

impl Certificates {
    /// The certificate of the authority, as PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.0.ca_pem
    }

    /// The file with the certificate of the authority.
    #[must_use]
    pub fn ca_file(&self) -> PathBuf {
        self.file("ca.crt")
    }

    /// The file with a client certificate, as PEM.
    #[must_use]
    pub fn client_certificate(&self) -> PathBuf {
        self.file("client.crt")
    }

    /// The file with the key of the client certificate, as PEM.
    #[must_use]
    pub fn client_key(&self) -> PathBuf {
        self.file("client.key")
    }

    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory for certificates");
        let (issuer, ca_pem) = authority();
        fs::write(dir.path().join("ca.crt"), &ca_pem).expect("write a certificate");
        // A node of a cluster is also a client of the others.
        let both = [ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        issue(&issuer, dir.path(), "server", &["localhost", "127.0.0.1"], &both);
        issue(&issuer, dir.path(), "client", &["client"], &both[1..]);
        Self(Arc::new(Inner { dir, ca_pem }))
    }

    pub(crate) fn server_certificate(&self) -> PathBuf {
        self.file("server.crt")
    }

    pub(crate) fn server_key(&self) -> PathBuf {
        self.file("server.key")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.dir.path().join(name)
    }
}

fn authority() -> (Issuer<'static, KeyPair>, String) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate().expect("a key");
    let pem = params.self_signed(&key).expect("a certificate").pem();
    (Issuer::new(params, key), pem)
}

fn issue(
    issuer: &Issuer<'_, KeyPair>,
    dir: &Path,
    file: &str,
    names: &[&str],
    uses: &[ExtendedKeyUsagePurpose],
) {
    let names: Vec<_> = names.iter().copied().map(str::to_owned).collect();
    let mut params = CertificateParams::new(names).expect("names that a certificate may have");
    params.distinguished_name.push(rcgen::DnType::CommonName, file);
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = uses.to_vec();
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, issuer).expect("a certificate");
    for (ending, pem) in [("crt", certificate.pem()), ("key", key.serialize_pem())] {
        fs::write(dir.join(file).with_extension(ending), pem).expect("write a certificate");
    }
}
