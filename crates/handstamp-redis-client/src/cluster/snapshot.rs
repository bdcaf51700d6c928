use std::borrow::Cow;
use std::collections::BTreeMap;

use super::slots::Slots;
use crate::url::Host;
use crate::{RedisError, Reply};

/// The layout of the cluster, as one node reports it.
#[derive(Clone, Debug)]
pub(crate) struct ClusterSnapshot {
    /// Of two snapshots, the one of the higher epoch is newer.
    pub(crate) epoch: u64,
    pub(crate) primaries: Vec<PrimaryInfo>,
}

/// A primary, as a node reports it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct PrimaryInfo {
    /// The id of the node in the cluster.
    pub(crate) id: String,
    pub(crate) host: Host,
    pub(crate) slots: Slots,
    pub(crate) replicas: Vec<Host>,
}

impl ClusterSnapshot {
    /// Parses the replies of `from` to `CLUSTER SLOTS` and `CLUSTER INFO`.
    pub(crate) fn parse(slots: &Reply, info: &Reply, from: &Host) -> Result<Self, RedisError> {
        let epoch = info
            .as_text()
            .and_then(|info| info.lines().find_map(|line| line.strip_prefix("cluster_current_epoch:")))
            .and_then(|epoch| epoch.trim().parse().ok());
        let primaries = primaries(slots, from)?;
        // The node has not joined the cluster, or was removed.
        if primaries.is_empty() {
            return Err(RedisError::Connection(Cow::Borrowed("it knows no slots")));
        }
        Ok(Self { epoch: epoch.ok_or(RedisError::UnexpectedReply)?, primaries })
    }
}

/// The primaries that have slots, in the order of their ids, from the reply of `from` to
/// [`CLUSTER SLOTS`](https://redis.io/docs/latest/commands/cluster-slots/).
pub(crate) fn primaries(slots: &Reply, from: &Host) -> Result<Vec<PrimaryInfo>, RedisError> {
    let mut primaries: BTreeMap<String, PrimaryInfo> = BTreeMap::new();
    for entry in slots.as_list().ok_or(RedisError::UnexpectedReply)? {
        let (first, last, nodes) = match entry.as_list() {
            Some([first, last, nodes @ ..]) => (number(first)?, number(last)?, nodes),
            _ => return Err(RedisError::UnexpectedReply),
        };
        let (primary, replicas) = nodes.split_first().ok_or(RedisError::UnexpectedReply)?;
        let (id, host) = node(primary, from)?;
        if !primaries.contains_key(&id) {
            let replicas =
                replicas.iter().map(|replica| Ok(node(replica, from)?.1)).collect::<Result<_, _>>()?;
            primaries.insert(id.clone(), PrimaryInfo { id: id.clone(), host, slots: Slots::new(), replicas });
        }
        if let Some(primary) = primaries.get_mut(&id) {
            primary.slots.insert(first..=last);
        }
    }
    Ok(primaries.into_values().collect())
}

/// The id and the address of a node. A node that does not know its own name leaves it out.
fn node(reply: &Reply, from: &Host) -> Result<(String, Host), RedisError> {
    let Some([name, port, id, ..]) = reply.as_list() else { return Err(RedisError::UnexpectedReply) };
    let name = name.as_text().filter(|name| !matches!(*name, "" | "?")).unwrap_or(&from.name).to_owned();
    let id = id.as_text().ok_or(RedisError::UnexpectedReply)?.to_owned();
    Ok((id, Host { name, port: number(port)? }))
}

fn number(reply: &Reply) -> Result<u16, RedisError> {
    reply.as_integer().and_then(|number| number.try_into().ok()).ok_or(RedisError::UnexpectedReply)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Reply {
        Reply::Bytes(text.to_owned().into())
    }

    fn described(name: Reply, port: i64, id: &str) -> Reply {
        Reply::List(vec![name, Reply::Integer(port), text(id), Reply::List(Vec::new())])
    }

    fn entry(first: i64, last: i64, nodes: impl IntoIterator<Item = Reply>) -> Reply {
        Reply::List([Reply::Integer(first), Reply::Integer(last)].into_iter().chain(nodes).collect())
    }

    fn from() -> Host {
        Host { name: "10.0.0.9".to_owned(), port: 7009 }
    }

    #[test]
    fn primaries_have_all_their_ranges() {
        let one = || described(text("10.0.0.1"), 7001, "one");
        let replies = Reply::List(vec![
            entry(0, 99, [one(), described(text("10.0.0.3"), 7003, "three")]),
            entry(100, 16_383, [described(Reply::Nil, 7002, "two")]),
            entry(200, 299, [one()]),
        ]);
        let info = text("cluster_state:ok\r\ncluster_current_epoch:7\r\ncluster_my_epoch:1\r\n");
        let snapshot = ClusterSnapshot::parse(&replies, &info, &from()).unwrap();
        assert_eq!((snapshot.epoch, snapshot.primaries.len()), (7, 2));
        let [one, two] = &snapshot.primaries[..] else { panic!("two primaries") };
        assert_eq!(
            (one.id.as_str(), one.host.to_string().as_str(), one.slots.len()),
            ("one", "10.0.0.1:7001", 200)
        );
        assert_eq!(one.replicas, [Host { name: "10.0.0.3".to_owned(), port: 7003 }]);
        assert_eq!(two.host.to_string(), "10.0.0.9:7002", "it does not know its own name");
    }

    #[test]
    fn other_replies_are_rejected() {
        for reply in [
            Reply::Nil,
            Reply::List(vec![Reply::Nil]),
            Reply::List(vec![entry(0, 1, [])]),
            Reply::List(vec![entry(0, 70_000, [described(text("a"), 1, "one")])]),
            Reply::List(vec![entry(0, 1, [described(text("a"), -1, "one")])]),
        ] {
            assert!(primaries(&reply, &from()).is_err(), "{reply:?}");
        }
        assert!(ClusterSnapshot::parse(&Reply::List(Vec::new()), &text("no epoch"), &from()).is_err());
    }
}
