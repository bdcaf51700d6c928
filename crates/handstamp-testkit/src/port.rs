use std::net::{Ipv4Addr, TcpListener, UdpSocket};

/// A free TCP port on loopback, reserved for this value: no other test gets the same port, not even in another process.
///
/// The reservation is a UDP socket with the same port number, which the system gives to one socket at a time, and releases when the
/// process ends.
///
/// The port is outside the range of ephemeral ports. Otherwise a client that keeps reconnecting to a stopped server could get the
/// server's own port, and connect to itself.
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
    /// When hundreds of attempts find ports in use.
    #[must_use]
    pub fn any() -> Self {
        let [port] = Self::consecutive();
        port
    }

    /// Ports with consecutive numbers.
    ///
    /// # Panics
    ///
    /// As with [`any`](Self::any).
    #[must_use]
    pub fn consecutive<const N: usize>() -> [Self; N] {
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
        // On all addresses, because some servers listen there.
        TcpListener::bind((Ipv4Addr::UNSPECIFIED, number)).ok()?;
        Some(Self { number, _reservation: reservation })
    }
}

/// The number of a TCP port on loopback that is free at the moment. Another test may get the same number; where that matters, use a
/// [`ReservedPort`].
///
/// # Panics
///
/// When hundreds of attempts find ports in use.
#[must_use]
pub fn free_port() -> u16 {
    ReservedPort::any().number()
}

fn random_number() -> u16 {
    let random = getrandom::u32().expect("random bytes");
    LOWEST + u16::try_from(random % COUNT).unwrap_or_default()
}

/// The number of ports to try until a program finds one that is free.
pub(crate) const PORTS_TO_TRY: usize = 5;
/// A part of the error message of a program whose port is in use.
pub(crate) const PORT_IS_TAKEN: &str = "Address already in use";
const ATTEMPTS: u32 = 500;
const LOWEST: u16 = 12_000;
const COUNT: u32 = 20_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_reserved_until_its_value_is_dropped() {
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
    fn consecutive_ports_have_consecutive_numbers() {
        let [one, two, three] = ReservedPort::consecutive().map(|port| port.number());
        assert_eq!([two, three], [one + 1, one + 2]);
    }
}
