use std::collections::BTreeMap;

use tokio::time::Instant;

use crate::{PATIENCE, RedisServer, eventually};

/// The replication state that a server reports.
#[derive(Debug)]
pub(crate) struct Replication(BTreeMap<String, String>);

impl Replication {
    pub(crate) fn of(server: &RedisServer) -> Result<Self, String> {
        let info: String = server.try_query(&["INFO", "replication"]).map_err(|error| error.to_string())?;
        Ok(Self::parse(&info))
    }

    fn parse(info: &str) -> Self {
        let fields = info.lines().filter_map(|line| line.split_once(':'));
        Self(fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    pub(crate) fn is_primary(&self) -> bool {
        self.has("role", "master")
    }

    /// Whether the server is a replica that has loaded the data set of its primary.
    pub(crate) fn is_linked(&self) -> bool {
        self.has("role", "slave") && self.has("master_link_status", "up")
    }

    /// The port on which a replica reaches its primary.
    pub(crate) fn primary_port(&self) -> Option<u16> {
        self.0.get("master_port")?.parse().ok()
    }

    /// Whether the server is a primary that sends its writes to the replica on this port. After a full synchronization, that starts
    /// shortly after the replica reports its link as up.
    pub(crate) fn feeds(&self, port: u16) -> bool {
        let port = format!("port={port}");
        let replicas = self.0.iter().filter(|(name, _)| is_numbered(name, "slave"));
        replicas
            .map(|(_, replica)| replica.split(',').collect::<Vec<_>>())
            .any(|replica| replica.contains(&&*port) && replica.contains(&"state=online"))
    }

    /// The length of the replication stream so far. A replica counts the same bytes as its primary.
    fn offset(&self) -> Option<u64> {
        self.0.get("master_repl_offset")?.parse().ok()
    }

    fn has(&self, name: &str, value: &str) -> bool {
        self.0.get(name).is_some_and(|has| has == value)
    }
}

/// Waits until replicas have every write that their primaries had executed at the time of the call. Returns that time.
///
/// `WAIT` is not enough, because it covers only the writes of its own connection.
pub(crate) async fn until_replicated(groups: &[(&RedisServer, Vec<&RedisServer>)]) -> Instant {
    let called = Instant::now();
    let mut missing = Vec::new();
    for (primary, replicas) in groups {
        let written = offset_of(primary).unwrap_or_else(|error| panic!("the offset of a primary: {error}"));
        missing.extend(replicas.iter().map(|replica| (*replica, written)));
    }
    eventually("the replicas have the writes of their primaries", PATIENCE, async || {
        for (replica, written) in &missing {
            let offset = offset_of(replica)?;
            if offset < *written {
                return Err(format!("the replica on port {} is at {offset} of {written}", replica.port()));
            }
        }
        Ok(())
    })
    .await;
    called
}

fn offset_of(server: &RedisServer) -> Result<u64, String> {
    Replication::of(server)?.offset().ok_or_else(|| "the server reports no offset".to_owned())
}

/// `slave0`, but not `slave_read_only`.
fn is_numbered(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix).is_some_and(|number| number.parse::<u32>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_of_a_primary_is_parsed() {
        let primary = Replication::parse(
            "# Replication\r\nrole:master\r\nconnected_slaves:2\r\n\
             slave0:ip=127.0.0.1,port=12001,state=online,offset=70,lag=0\r\n\
             slave1:ip=127.0.0.1,port=12002,state=send_bulk,offset=0,lag=0\r\nmaster_repl_offset:84\r\n",
        );
        assert!(primary.is_primary() && !primary.is_linked());
        assert_eq!([12_001, 12_002, 1_200].map(|port| primary.feeds(port)), [true, false, false]);
        assert_eq!(primary.offset(), Some(84));
    }

    #[test]
    fn the_report_of_a_replica_is_parsed() {
        let replica = Replication::parse(
            "role:slave\r\nmaster_port:12000\r\nmaster_link_status:up\r\nslave_repl_offset:70\r\n\
             slave_read_only:1\r\nmaster_repl_offset:70\r\n",
        );
        assert!(replica.is_linked() && !replica.is_primary());
        assert_eq!((replica.primary_port(), replica.offset()), (Some(12_000), Some(70)));
    }
}
