use std::error::Error;
use std::fmt;

use super::error::or_record;
use super::{RedisSettings, SettingError};
use crate::{RedisUrl, Tls, TlsError};

impl RedisSettings {
    /// The trusted authorities and the certificate of the client. `None` without TLS, or with a problem.
    pub(super) fn load_tls(&self, url: Option<&RedisUrl>, problems: &mut Vec<SettingError>) -> Option<Tls> {
        let certificate = self.client_certificate(problems);
        let files = [
            ("REDIS_CA_FILE", self.ca_file.is_some()),
            ("REDIS_CERT_FILE", self.cert_file.is_some()),
            ("REDIS_KEY_FILE", self.key_file.is_some()),
        ];
        // Problems with the URL are reported elsewhere.
        if !url?.has_tls() {
            let message = match self.url {
                Some(_) => {
                    "there is no TLS: begin REDIS_URL with rediss in place of redis, or leave this out"
                }
                None => "there is no TLS: set REDIS_TLS=true, or leave this out",
            };
            let set = files.into_iter().filter(|(_, set)| *set);
            problems.extend(set.map(|(name, _)| SettingError::new(name, message)));
            return None;
        }
        let tls = match &self.ca_file {
            Some(path) => {
                let pem = file("REDIS_CA_FILE", path, problems)?;
                or_record_variable(Tls::with_ca_pem(&pem), problems)?
            }
            None => or_record_variable(Tls::system_roots(), problems)?,
        };
        match certificate {
            Some((certificate, key)) => {
                or_record_variable(tls.and_client_certificate(&certificate, &key), problems)
            }
            None => Some(tls),
        }
    }

    fn client_certificate(&self, problems: &mut Vec<SettingError>) -> Option<(Vec<u8>, Vec<u8>)> {
        match (&self.cert_file, &self.key_file) {
            (Some(certificate), Some(key)) => {
                let certificate = file("REDIS_CERT_FILE", certificate, problems);
                let key = file("REDIS_KEY_FILE", key, problems);
                Some((certificate?, key?))
            }
            (Some(_), None) => {
                problems.push(SettingError::new("REDIS_KEY_FILE", "needed with REDIS_CERT_FILE"));
                None
            }
            (None, Some(_)) => {
                problems.push(SettingError::new("REDIS_CERT_FILE", "needed with REDIS_KEY_FILE"));
                None
            }
            (None, None) => None,
        }
    }
}

/// The error does not repeat the path, which may be the key itself by mistake.
fn file(name: &str, path: &str, problems: &mut Vec<SettingError>) -> Option<Vec<u8>> {
    let content = std::fs::read(path);
    or_record(name, content.map_err(|error| format!("cannot read the file that it names: {error}")), problems)
}

fn or_record_variable(tls: Result<Tls, TlsError>, problems: &mut Vec<SettingError>) -> Option<Tls> {
    tls.map_err(|error| problems.push(SettingError::new(variable(&error), WithCause(&error)))).ok()
}

/// The variable that the error is about.
const fn variable(error: &TlsError) -> &'static str {
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
