use std::net::{Ipv4Addr, TcpListener};

/// A loopback port that nobody listens on.
///
/// It is not from the range that the system takes the ports of outgoing connections from. A client that tries again
/// and again to reach a server which is down would one day be given the server's own port, and connect to itself.
///
/// # Panics
///
/// When hundreds of ports in a row are taken.
#[must_use]
pub fn free_port() -> u16 {
    (0..ATTEMPTS)
        .map(|_| random_port())
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .expect("a free port between 12,000 and 32,000")
}

fn random_port() -> u16 {
    let random = getrandom::u32().expect("random bytes");
    LOWEST + u16::try_from(random % COUNT).unwrap_or_default()
}

const ATTEMPTS: u32 = 500;
const LOWEST: u16 = 12_000;
const COUNT: u32 = 20_000;
