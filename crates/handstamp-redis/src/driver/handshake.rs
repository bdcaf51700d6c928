/// What an error of TLS means, by the text that the client library leaves of it. Nothing if it is another error.
///
/// That text may quote the names in a certificate, and is not repeated.
pub(super) fn meaning(details: &str) -> Option<&'static str> {
    MEANINGS.iter().find(|(part, _)| details.contains(part)).map(|(_, meaning)| *meaning)
}

/// The first that occurs counts.
const MEANINGS: [(&str, &str); 11] = [
    ("InvalidCertificate(UnknownIssuer", "its certificate is from an authority that is not trusted"),
    ("InvalidCertificate(NotValidForName", "its certificate is for another host"),
    ("InvalidCertificate(Expired", "its certificate has expired"),
    ("InvalidCertificate(NotValidYet", "its certificate is not valid yet"),
    ("InvalidCertificate(CaUsedAsEndEntity", "its certificate is that of an authority"),
    ("InvalidCertificate(", "its certificate is not valid"),
    ("AlertReceived(CertificateRequired", "it wants a certificate from us"),
    ("AlertReceived(UnknownCA", "it does not trust the authority of our certificate"),
    ("AlertReceived(", "it refuses TLS with us, maybe for the certificate that it got or did not get"),
    ("InvalidMessage(", "what it speaks is not TLS"),
    ("PeerIncompatible(", "it speaks another TLS than we do"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_tls_are_told_from_others() {
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
            ("AlertReceived(CertificateRequired)", Some("it wants a certificate from us")),
            ("InvalidMessage(InvalidContentType)", Some("what it speaks is not TLS")),
            ("\"failed to lookup address information: Name or service not known\"", None),
        ] {
            let details = format!("Custom {{ kind: InvalidData, error: {error} }}");
            assert_eq!(meaning(&details), expected, "{error}");
        }
    }
}
