use std::time::Duration;

use crate::Tls;
use crate::url::{Address, Login};

/// One server, and how to connect to it.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) address: Address,
    pub(crate) login: Option<Login>,
    pub(crate) database: u8,
    /// TLS, if any. A Unix socket has none.
    pub(crate) tls: Option<Tls>,
    /// How long it may take to make a connection, handshake and all.
    pub(crate) connect_timeout: Duration,
}
