use std::borrow::Cow;
use std::collections::BTreeMap;

use super::slots::Slots;
use crate::RedisError;
use crate::driver::Reply;
use crate::url::Host;

/// What one node of a cluster knows of it.
#[derive(Clone, Debug)]
pub(crate) struct View {
    /// Of two views, the one of the higher epoch is the later.
    pub(crate) epoch: u64,
    pub(crate) primaries: Vec<Seen>,
}

/// A primary, as another node sees it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Seen {
    /// The name that nodes have for each other.
    pub(crate) id: String,
    pub(crate) host: Host,
    pub(crate) slots: Slots,
    pub(crate) replicas: Vec<Host>,
}

impl View {
    /// From what `asked` answered to `CLUSTER SLOTS` and `CLUSTER INFO`.
    pub(crate) fn read(slots: &Reply, info: &Reply, asked: &Host) -> Result<Self, RedisError> {
        let epoch = info
            .as_text()
            .and_then(|info| info.lines().find_map(|line| line.strip_prefix("cluster_current_epoch:")))
            .and_then(|epoch| epoch.trim().parse().ok());
        let primaries = primaries(slots, asked)?;
        // It was never in the cluster, or is no longer.
        if primaries.is_empty() {
            return Err(RedisError::Connection(Cow::Borrowed("it knows of no slots")));
        }
        Ok(Self { epoch: epoch.ok_or(RedisError::Protocol)?, primaries })
    }
}

/// The primaries that have slots, in the order of their ids, from what `asked` answered to [`CLUSTER SLOTS`](https://redis.io/docs/latest/commands/cluster-slots/).
pub(crate) fn primaries(slots: &Reply, asked: &Host) -> Result<Vec<Seen>, RedisError> {
    let mut primaries: BTreeMap<String, Seen> = BTreeMap::new();
    for entry in slots.as_list().ok_or(RedisError::Protocol)? {
        let (first, last, nodes) = match entry.as_list() {
            Some([first, last, nodes @ ..]) => (number(first)?, number(last)?, nodes),
            _ => return Err(RedisError::Protocol),
        };
        let (primary, replicas) = nodes.split_first().ok_or(RedisError::Protocol)?;
        let (id, host) = node(primary, asked)?;
        if !primaries.contains_key(&id) {
            let replicas =
                replicas.iter().map(|replica| Ok(node(replica, asked)?.1)).collect::<Result<_, _>>()?;
            primaries.insert(id.clone(), Seen { id: id.clone(), host, slots: Slots::new(), replicas });
        }
        if let Some(seen) = primaries.get_mut(&id) {
            seen.slots.insert(first..=last);
        }
    }
    Ok(primaries.into_values().collect())
}

/// The id of a node, and where to find it. A node that does not know its own name leaves it out.
fn node(reply: &Reply, asked: &Host) -> Result<(String, Host), RedisError> {
    let Some([name, port, id, ..]) = reply.as_list() else { return Err(RedisError::Protocol) };
    let name = name.as_text().filter(|name| !matches!(*name, "" | "?")).unwrap_or(&asked.name).to_owned();
    let id = id.as_text().ok_or(RedisError::Protocol)?.to_owned();
    Ok((id, Host { name, port: number(port)? }))
}

fn number(reply: &Reply) -> Result<u16, RedisError> {
    reply.as_integer().and_then(|number| number.try_into().ok()).ok_or(RedisError::Protocol)
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

    fn asked() -> Host {
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
        let view = View::read(&replies, &info, &asked()).unwrap();
        assert_eq!((view.epoch, view.primaries.len()), (7, 2));
        let [one, two] = &view.primaries[..] else { panic!("two primaries") };
        assert_eq!(
            (one.id.as_str(), one.host.to_string().as_str(), one.slots.len()),
            ("one", "10.0.0.1:7001", 200)
        );
        assert_eq!(one.replicas, [Host { name: "10.0.0.3".to_owned(), port: 7003 }]);
        assert_eq!(two.host.to_string(), "10.0.0.9:7002", "it does not know its own name");
    }

    #[test]
    fn anything_else_is_refused() {
        for reply in [
            Reply::Nil,
            Reply::List(vec![Reply::Nil]),
            Reply::List(vec![entry(0, 1, [])]),
            Reply::List(vec![entry(0, 70_000, [described(text("a"), 1, "one")])]),
            Reply::List(vec![entry(0, 1, [described(text("a"), -1, "one")])]),
        ] {
            assert!(primaries(&reply, &asked()).is_err(), "{reply:?}");
        }
        assert!(View::read(&Reply::List(Vec::new()), &text("no epoch"), &asked()).is_err());
    }
}
