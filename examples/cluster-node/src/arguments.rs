use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The command line: an address for each node.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Arguments {
    pub(crate) addresses: Vec<SocketAddr>,
}

/// Parses the command line and `PORT`. One node listens on all addresses, on that port; several listen on loopback, on the ports
/// after it.
pub(crate) fn parse(
    arguments: impl IntoIterator<Item = String>,
    port: Option<String>,
) -> Result<Arguments, String> {
    let port: u16 = match port.filter(|port| !port.is_empty()) {
        Some(port) => {
            port.parse().map_err(|_| format!("PORT: {} is not a port from 0 to 65535", shown(&port)))?
        }
        None => 3000,
    };
    let mut arguments = arguments.into_iter();
    let addresses = match (arguments.next().as_deref(), arguments.next(), arguments.next()) {
        (None, None, None) => vec![SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port)],
        (Some("--nodes"), Some(count), None) => {
            let count: u16 = count.parse().map_err(|_| USAGE)?;
            let last = port.checked_add(count).filter(|_| (1..=100).contains(&count)).ok_or(USAGE)?;
            (port + 1..=last).map(|port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)).collect()
        }
        _ => return Err(USAGE.to_owned()),
    };
    Ok(Arguments { addresses })
}

/// A long value may be a secret that was put into the wrong variable, so it is not repeated.
fn shown(value: &str) -> String {
    match value.chars().count() {
        0..=16 => format!("{value:?}"),
        length => format!("a value of {length} characters"),
    }
}

pub(crate) const USAGE: &str = "usage: cluster-node [--nodes COUNT]   (COUNT from 1 to 100)";

#[cfg(test)]
mod tests {
    use super::*;

    fn check(arguments: &[&str], port: Option<&str>) -> Result<String, String> {
        let arguments = arguments.iter().map(|&argument| argument.to_owned());
        parse(arguments, port.map(str::to_owned))
            .map(|parsed| parsed.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn one_node_listens_on_all_addresses_and_several_on_loopback() {
        assert_eq!(check(&[], None).unwrap(), "0.0.0.0:3000");
        assert_eq!(check(&[], Some("8080")).unwrap(), "0.0.0.0:8080");
        assert_eq!(check(&["--nodes", "3"], None).unwrap(), "127.0.0.1:3001 127.0.0.1:3002 127.0.0.1:3003");
        assert_eq!(check(&["--nodes", "1"], Some("")).unwrap(), "127.0.0.1:3001");
    }

    #[test]
    fn anything_else_is_an_error() {
        for arguments in
            [&["--nodes"][..], &["--nodes", "0"], &["--nodes", "x"], &["--help"], &["--nodes", "3", "4"]]
        {
            assert_eq!(check(arguments, None).unwrap_err(), USAGE, "{arguments:?}");
        }
        assert!(check(&["--nodes", "3"], Some("65534")).is_err());
        assert_eq!(check(&[], Some("http")).unwrap_err(), "PORT: \"http\" is not a port from 0 to 65535");
    }

    /// F16: an error repeated a secret that had been put into the wrong variable.
    #[test]
    fn k11_f16_a_long_port_is_not_repeated() {
        let error = check(&[], Some("a-value-of-17-chs")).unwrap_err();
        assert_eq!(error, "PORT: a value of 17 characters is not a port from 0 to 65535");
    }
}
