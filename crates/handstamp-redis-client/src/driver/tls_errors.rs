/// The meaning of a TLS error, by the text that fred keeps of it. `None` if it is another error.
///
/// The text itself may quote the names in a certificate, and is not repeated.
pub(super) fn meaning(details: &str) -> Option<&'static str> {
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
            assert_eq!(meaning(&details), expected, "{error}");
        }
    }
}
