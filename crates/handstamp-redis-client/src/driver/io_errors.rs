use std::borrow::Cow;

use crate::RedisError;

/// The meaning of an `io::Error`.
#[cfg(feature = "redis-rs")]
pub(super) fn cause(error: &std::io::Error) -> RedisError {
    meaning(&format!("{error:?}"))
}

/// The meaning of an `io::Error`, by its `Debug` text, which is what fred keeps of it.
pub(super) fn meaning(details: &str) -> RedisError {
    RedisError::Connection(tls_meaning(details).map_or_else(|| Cow::Owned(plain(details)), Cow::Borrowed))
}

/// No certificate names such a host.
pub(super) const fn invalid_host_name() -> RedisError {
    RedisError::Connection(Cow::Borrowed("no certificate can be for a host of this name"))
}

/// This system trusts no authority.
pub(super) const fn no_trusted_authority() -> RedisError {
    RedisError::Connection(Cow::Borrowed(
        "this system has no certificates of authorities, so that no server can be trusted",
    ))
}

/// The message in the text, which quotes nothing that was sent.
fn plain(details: &str) -> String {
    details.split('"').nth(1).unwrap_or(details).to_owned()
}

/// The meaning of a TLS error. `None` if it is another error.
///
/// The text itself may quote the names in a certificate, and is not repeated.
fn tls_meaning(details: &str) -> Option<&'static str> {
    MEANINGS.iter().find(|(part, _)| details.contains(part)).map(|(_, meaning)| *meaning)
}

/// The first match counts.
const MEANINGS: [(&str, &str); 11] = [
    ("InvalidCertificate(UnknownIssuer", "its certificate is from an authority that is not trusted"),
    ("InvalidCertificate(NotValidForName", "its certificate is for another host"),
    ("InvalidCertificate(Expired", "its certificate has expired"),
    ("InvalidCertificate(NotValidYet", "its certificate is not valid yet"),
    ("InvalidCertificate(CaUsedAsEndEntity", "its certificate is that of an authority"),
    ("InvalidCertificate(", "its certificate is not valid"),
    ("AlertReceived(CertificateRequired", "it requires a certificate from us"),
    ("AlertReceived(UnknownCA", "it does not trust the authority of our certificate"),
    ("AlertReceived(", "it rejects TLS with us, maybe because of our certificate, or because we have none"),
    ("InvalidMessage(", "it does not speak TLS"),
    ("PeerIncompatible(", "it supports no version of TLS that we support"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn io_errors_read_well() {
        for (details, expected) in [
            (
                format!("{:?}", std::io::Error::from_raw_os_error(111)),
                "no connection to the server: Connection refused",
            ),
            ("Connection closed.".to_owned(), "no connection to the server: Connection closed."),
        ] {
            assert_eq!(meaning(&details).to_string(), expected);
        }
    }

    #[test]
    fn errors_of_tls_are_distinguished_from_others() {
        for (error, expected) in [
            (
                "InvalidCertificate(UnknownIssuer)",
                Some("its certificate is from an authority that is not trusted"),
            ),
            (
                "InvalidCertificate(NotValidForNameContext { expected: DnsName(\"a\"), presented: [\"b\"] })",
                Some("its certificate is for another host"),
            ),
            ("InvalidCertificate(BadSignature)", Some("its certificate is not valid")),
            ("AlertReceived(CertificateRequired)", Some("it requires a certificate from us")),
            ("InvalidMessage(InvalidContentType)", Some("it does not speak TLS")),
            ("\"failed to lookup address information: Name or service not known\"", None),
        ] {
            let details = format!("Custom {{ kind: InvalidData, error: {error} }}");
            assert_eq!(tls_meaning(&details), expected, "{error}");
        }
    }
}
