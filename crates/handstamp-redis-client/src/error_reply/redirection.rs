use crate::url::Host;

/// A redirection of a cluster to the server that has the key.
///
/// The format is that of the [cluster specification](https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#redirection-and-resharding):
/// `MOVED slot host:port` or `ASK slot host:port`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Redirection {
    pub(crate) kind: Kind,
    pub(crate) slot: u16,
    /// `None` for the host of the server that replied.
    pub(crate) host: Option<String>,
    pub(crate) port: u16,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// The other server owns the slot from now on.
    Moved,
    /// The slot is moving, and the key may be on the other server already.
    Ask,
}

impl Redirection {
    /// The redirection in the text of an error reply.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_ascii_whitespace();
        let kind = match words.next()? {
            "MOVED" => Kind::Moved,
            "ASK" => Kind::Ask,
            _ => return None,
        };
        let slot = words.next()?.parse().ok()?;
        // IPv6 addresses come without brackets.
        let (host, port) = words.next()?.rsplit_once(':')?;
        let host = Some(host).filter(|host| !matches!(*host, "" | "?")).map(str::to_owned);
        Some(Self { kind, slot, host, port: port.parse().ok()? })
    }

    /// The server to go to, where `from` replied with this.
    pub(crate) fn target(&self, from: &Host) -> Host {
        let name = self.host.clone().unwrap_or_else(|| from.name.clone());
        Host { name, port: self.port }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirections_are_parsed() {
        let from = Host { name: "10.0.0.1".to_owned(), port: 7000 };
        for (text, kind, slot, target) in [
            ("MOVED 3999 127.0.0.1:6381", Kind::Moved, 3999, "127.0.0.1:6381"),
            ("ASK 0 cache-2.example:7001", Kind::Ask, 0, "cache-2.example:7001"),
            ("MOVED 1 ::1:7000", Kind::Moved, 1, "[::1]:7000"),
            ("MOVED 16383 :7002", Kind::Moved, 16_383, "10.0.0.1:7002"),
            ("MOVED 5 ?:7002", Kind::Moved, 5, "10.0.0.1:7002"),
        ] {
            let redirection = Redirection::parse(text).unwrap();
            assert_eq!((redirection.kind, redirection.slot), (kind, slot), "{text}");
            assert_eq!(redirection.target(&from).to_string(), target, "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_redirections() {
        for text in
            ["", "MOVED", "MOVED x 1:2", "MOVED 1", "MOVED 1 host", "MOVED 1 host:x", "TRYAGAIN 1 a:1"]
        {
            assert_eq!(Redirection::parse(text), None, "{text:?}");
        }
    }
}
