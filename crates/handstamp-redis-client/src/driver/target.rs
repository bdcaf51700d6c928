use std::time::Duration;

use crate::url::{Address, Login};
use crate::{Driver, Tls};

/// The protocol of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Protocol {
    /// Push messages arrive on subscribed connections only.
    Resp2,
    /// Push messages arrive on any connection, and are distinguished from replies.
    Resp3,
}

/// One server, and how to connect to it.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) driver: Driver,
    pub(crate) address: Address,
    pub(crate) login: Option<Login>,
    pub(crate) database: u8,
    /// `None` for a Unix socket.
    pub(crate) tls: Option<Tls>,
    pub(crate) protocol: Protocol,
    /// The limit for making a connection, including the handshake.
    pub(crate) connect_timeout: Duration,
}
