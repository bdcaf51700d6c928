use std::error::Error;
use std::fmt;

use handstamp_redis::{RedisUrl, Tls, TlsError};

use super::super::error::Problem;
use super::super::resolve::or_record;
use super::RedisSettings;

impl RedisSettings {
    /// Whom to trust and who we are. Nothing without TLS, or where something is wrong with it; what, is said either way.
    pub(super) fn resolve_tls(&self, url: Option<&RedisUrl>, problems: &mut Vec<Problem>) -> Option<Tls> {
        let certificate = self.client_certificate(problems);
        let files = [
            ("REDIS_CA_FILE", self.ca_file.is_some()),
            ("REDIS_CERT_FILE", self.cert_file.is_some()),
            ("REDIS_KEY_FILE", self.key_file.is_some()),
        ];
        // If the URL is wrong, that is said elsewhere.
        if !url?.has_tls() {
            let message = match self.url {
                Some(_) => {
                    "there is no TLS: begin REDIS_URL with rediss in place of redis, or leave this out"
                }
                None => "there is no TLS: set REDIS_TLS=true, or leave this out",
            };
            let set = files.into_iter().filter(|(_, set)| *set);
            problems.extend(set.map(|(name, _)| Problem::new(name, message)));
            return None;
        }
        let tls = match &self.ca_file {
            Some(path) => {
                let pem = file("REDIS_CA_FILE", path, problems)?;
                stated(Tls::with_ca_pem(&pem), problems)?
            }
            None => stated(Tls::system_roots(), problems)?,
        };
        match certificate {
            Some((certificate, key)) => stated(tls.and_client_certificate(&certificate, &key), problems),
            None => Some(tls),
        }
    }

    fn client_certificate(&self, problems: &mut Vec<Problem>) -> Option<(Vec<u8>, Vec<u8>)> {
        match (&self.cert_file, &self.key_file) {
            (Some(certificate), Some(key)) => {
                let certificate = file("REDIS_CERT_FILE", certificate, problems);
                let key = file("REDIS_KEY_FILE", key, problems);
                Some((certificate?, key?))
            }
            (Some(_), None) => {
                problems.push(Problem::new("REDIS_KEY_FILE", "needed with REDIS_CERT_FILE"));
                None
            }
            (None, Some(_)) => {
                problems.push(Problem::new("REDIS_CERT_FILE", "needed with REDIS_KEY_FILE"));
                None
            }
            (None, None) => None,
        }
    }
}

/// The message does not repeat the path, which may be the key itself by mistake.
fn file(name: &str, path: &str, problems: &mut Vec<Problem>) -> Option<Vec<u8>> {
    let content = std::fs::read(path);
    or_record(name, content.map_err(|error| format!("cannot read the file that it names: {error}")), problems)
}

fn stated(tls: Result<Tls, TlsError>, problems: &mut Vec<Problem>) -> Option<Tls> {
    tls.map_err(|error| problems.push(Problem::new(setting(&error), WithCause(&error)))).ok()
}

/// The variable that is to be looked at.
const fn setting(error: &TlsError) -> &'static str {
    match error {
        TlsError::CertificatePem => "REDIS_CERT_FILE",
        TlsError::Key(_) | TlsError::KeyPem => "REDIS_KEY_FILE",
        _ => "REDIS_CA_FILE",
    }
}

struct WithCause<'a>(&'a TlsError);

impl fmt::Display for WithCause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        match self.0.source() {
            Some(cause) => write!(f, ": {cause}"),
            None => Ok(()),
        }
    }
}
