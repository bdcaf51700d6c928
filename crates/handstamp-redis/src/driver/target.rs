use std::time::Duration;

use crate::Tls;
use crate::url::{Address, Login};

/// What is spoken on a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Protocol {
    /// What a server has to say without being asked comes only to those who have subscribed to something.
    Resp2,
    /// It comes on any connection, and is told from answers.
    Resp3,
}

/// One server, and how to connect to it.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) address: Address,
    pub(crate) login: Option<Login>,
    pub(crate) database: u8,
    /// TLS, if any. A Unix socket has none.
    pub(crate) tls: Option<Tls>,
    pub(crate) protocol: Protocol,
    /// How long it may take to make a connection, handshake and all.
    pub(crate) connect_timeout: Duration,
}
