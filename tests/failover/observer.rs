use std::time::Duration;

use handstamp_testkit::RedisServer;
use handstamp_testkit::redis::{Client, Cmd, Connection, Value, from_redis_value};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::stage::SERVICE;

/// Polls servers for the current primary, on its own connections.
pub(crate) struct Observer {
    voters: Vec<Connection>,
    query: Query,
}

/// A query for the primary, with its reply before the fault.
#[derive(Clone, Debug)]
pub(crate) enum Query {
    /// To nodes of a cluster: the id of the owner of a slot.
    OwnerOfSlot(u16, String),
    /// To Sentinels.
    PortOfPrimary(u16),
}

impl Observer {
    pub(crate) fn new<'s>(servers: impl IntoIterator<Item = &'s RedisServer>, query: Query) -> Self {
        let connect = |server: &RedisServer| {
            let client = Client::open(server.url()).expect("the URL of a server");
            client.get_connection().expect("a running server")
        };
        Self { voters: servers.into_iter().map(connect).collect(), query }
    }

    /// Resolves when most servers report another primary than before, with the time.
    pub(crate) async fn elected(mut self) -> Instant {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            let query = &self.query;
            let votes =
                self.voters.iter_mut().filter_map(|voter| query.has_changed(voter)).filter(|new| *new);
            if votes.count() * 2 > self.voters.len() {
                return Instant::now();
            }
        }
    }
}

impl Query {
    fn has_changed(&self, voter: &mut Connection) -> Option<bool> {
        match self {
            Self::OwnerOfSlot(slot, old) => {
                let slots: Value = Cmd::new().arg("CLUSTER").arg("SLOTS").query(voter).ok()?;
                owner(&slots, *slot).map(|owner| owner != *old)
            }
            Self::PortOfPrimary(old) => {
                let address =
                    Cmd::new().arg("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(SERVICE).query(voter);
                address.ok().map(|(_, port): (String, u16)| port != *old)
            }
        }
    }
}

/// The id of the primary of a slot.
fn owner(slots: &Value, slot: u16) -> Option<String> {
    let Value::Array(entries) = slots else { return None };
    entries.iter().find_map(|entry| {
        let Value::Array(entry) = entry else { return None };
        let [Value::Int(first), Value::Int(last), Value::Array(primary), ..] = &entry[..] else {
            return None;
        };
        let id = (*first..=*last).contains(&i64::from(slot)).then(|| primary.get(2).cloned())?;
        from_redis_value(id?).ok()
    })
}

const EVERY: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(first: i64, last: i64, id: &str) -> Value {
        let text = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let node = Value::Array(vec![text("127.0.0.1"), Value::Int(7_000), text(id)]);
        Value::Array(vec![Value::Int(first), Value::Int(last), node])
    }

    #[test]
    fn the_owner_of_a_slot_is_found() {
        let slots = Value::Array(vec![entry(0, 99, "one"), entry(100, 16_383, "two")]);
        assert_eq!(owner(&slots, 99).as_deref(), Some("one"));
        assert_eq!(owner(&slots, 100).as_deref(), Some("two"));
        assert_eq!(owner(&Value::Array(vec![entry(0, 99, "one")]), 100), None);
    }
}
