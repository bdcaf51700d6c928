use std::net::{Ipv4Addr, TcpListener, UdpSocket};

/// A TCP port on loopback that no process listens on. No other test is given the same port as long as this value lives,
/// not even in another process.
///
/// The reservation is the UDP port of the same number: the system gives it to one socket at a time, and takes it back
/// when the process ends.
///
/// It is not from the range that the system takes the ports of outgoing connections from. A client that tries again
/// and again to reach a server which is down would one day be given the server's own port, and connect to itself.
#[derive(Debug)]
pub struct ReservedPort {
    number: u16,
    _reservation: UdpSocket,
}

impl ReservedPort {
    /// Any port.
    ///
    /// # Panics
    ///
    /// When hundreds of ports in a row are taken.
    #[must_use]
    pub fn any() -> Self {
        let [port] = Self::in_a_row();
        port
    }

    /// Ports whose numbers follow each other.
    ///
    /// # Panics
    ///
    /// As with [`any`](Self::any).
    #[must_use]
    pub fn in_a_row<const N: usize>() -> [Self; N] {
        (0..ATTEMPTS)
            .find_map(|_| {
                let ports: Option<Vec<_>> = (random_number()..).take(N).map(Self::reserve).collect();
                ports?.try_into().ok()
            })
            .expect("a free port between 12,000 and 32,000")
    }

    /// The number of the port.
    #[must_use]
    pub const fn number(&self) -> u16 {
        self.number
    }

    fn reserve(number: u16) -> Option<Self> {
        let reservation = UdpSocket::bind((Ipv4Addr::LOCALHOST, number)).ok()?;
        // On all addresses, since some servers listen there.
        TcpListener::bind((Ipv4Addr::UNSPECIFIED, number)).ok()?;
        Some(Self { number, _reservation: reservation })
    }
}

/// The number of a TCP port on loopback that no process listens on at the moment. Another test may be given the same
/// number: use a [`ReservedPort`] where that matters.
///
/// # Panics
///
/// When hundreds of ports in a row are taken.
#[must_use]
pub fn free_port() -> u16 {
    ReservedPort::any().number()
}

fn random_number() -> u16 {
    let random = getrandom::u32().expect("random bytes");
    LOWEST + u16::try_from(random % COUNT).unwrap_or_default()
}

/// How many ports are tried until a program finds one that is not taken.
pub(crate) const PORTS_TO_TRY: usize = 5;
/// A part of the error of a program that finds its port taken.
pub(crate) const PORT_IS_TAKEN: &str = "Address already in use";
const ATTEMPTS: u32 = 500;
const LOWEST: u16 = 12_000;
const COUNT: u32 = 20_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_reserved_as_long_as_its_value_lives() {
        let port = ReservedPort::any();
        let number = port.number();
        assert!(ReservedPort::reserve(number).is_none());
        TcpListener::bind((Ipv4Addr::LOCALHOST, number)).expect("a reserved port is free");
        drop(port);
        assert!(UdpSocket::bind((Ipv4Addr::LOCALHOST, number)).is_ok());
    }

    #[test]
    fn a_port_that_a_server_listens_on_is_not_free() {
        let port = ReservedPort::any();
        let number = port.number();
        let _server = TcpListener::bind((Ipv4Addr::LOCALHOST, number)).expect("a listener");
        drop(port);
        assert!(ReservedPort::reserve(number).is_none());
    }

    #[test]
    fn ports_in_a_row_follow_each_other() {
        let [one, two, three] = ReservedPort::in_a_row().map(|port| port.number());
        assert_eq!([two, three], [one + 1, one + 2]);
    }
}
