//! The steps that compare and write: one key each, and one round trip.
//!
//! A server keeps scripts until it restarts, and is sent them when it turns out to lack one.

use bytes::Bytes;
use futures_util::future::join_all;

use crate::RedisError;
use crate::driver::{Reply, Request, sha1_hex};
use crate::limit::Limit;
use crate::server::WriteProbe;
use crate::task::Task;
use crate::topology::Topology;

/// The scripts of a store.
#[derive(Debug)]
pub(crate) struct Scripts {
    pub(crate) create: Script,
    pub(crate) save: Script,
    pub(crate) delete: Script,
    pub(crate) retire: Script,
    pub(crate) touch: Script,
    pub(crate) keep_tombstone: Script,
    /// Leaves nothing.
    pub(crate) probe: Script,
}

impl Scripts {
    pub(crate) fn new() -> Self {
        Self {
            create: Script::new(include_str!("create.lua")),
            save: Script::new(include_str!("save.lua")),
            delete: Script::new(include_str!("delete.lua")),
            retire: Script::new(include_str!("retire.lua")),
            touch: Script::new(include_str!("touch.lua")),
            keep_tombstone: Script::new(include_str!("keep_tombstone.lua")),
            probe: Script::new(include_str!("probe.lua")),
        }
    }

    /// Has the primary of a shard keep all scripts, by running each on a key that does not exist: without this, the first use
    /// of each takes two round trips. Whether it succeeds is of no consequence.
    ///
    /// `SCRIPT LOAD` would need another permission.
    pub(crate) async fn send(&self, writes: &WriteProbe<'_>, absent: &Bytes) {
        let run = async |(script, arguments): (&Script, &[&'static str])| {
            let arguments: Vec<_> = arguments.iter().map(|text| Bytes::from(*text)).collect();
            writes.call(script.by_text(absent, &arguments), Limit::Write).await
        };
        // What this one leaves, the deletion replaces with something that lives for a millisecond.
        let _ = run((&self.create, &["-", "", "1", ""])).await;
        let others: [(&Script, &[&'static str]); 5] = [
            (&self.delete, &["", "1", "0", "", "", "0"]),
            (&self.save, &["-", "+", "", "1", "", ""]),
            (&self.touch, &["1", ""]),
            (&self.retire, &["-", "", "1", "", ""]),
            (&self.keep_tombstone, &["-", "1"]),
        ];
        join_all(others.map(run)).await;
    }
}

#[derive(Debug)]
pub(crate) struct Script {
    source: &'static str,
    sha: Bytes,
}

/// What a script is run with.
pub(crate) struct Call<const N: usize> {
    key: Bytes,
    arguments: [Bytes; N],
    invalidation: Option<Request>,
    durable: bool,
}

impl<const N: usize> Call<N> {
    pub(crate) fn new(key: &Bytes, arguments: [Bytes; N]) -> Self {
        Self { key: key.clone(), arguments, invalidation: None, durable: false }
    }

    /// What the script publishes.
    pub(crate) fn with_notice(mut self, invalidation: Request) -> Self {
        self.invalidation = Some(invalidation);
        self
    }

    /// It counts only once enough replicas have it, if that is wanted at all.
    pub(crate) fn durable(mut self) -> Self {
        self.durable = true;
        self
    }
}

impl Script {
    fn new(source: &'static str) -> Self {
        Self { source, sha: sha1_hex(source).into() }
    }

    /// The number that the script returns.
    pub(crate) async fn run<const N: usize>(
        &self,
        topology: &Topology,
        call: Call<N>,
    ) -> Result<i64, RedisError> {
        outcome(&self.reply(topology, call).await?)
    }

    /// What the script returns.
    pub(crate) async fn reply<const N: usize>(
        &self,
        topology: &Topology,
        call: Call<N>,
    ) -> Result<Reply, RedisError> {
        let Call { key, arguments, invalidation, durable } = call;
        let mut task =
            Task { request: self.by_hash(&key, &arguments), limit: Limit::Write, durable, invalidation };
        match topology.call(&key, &task).await {
            Err(error) if is_unknown(&error) => {
                task.request = self.by_text(&key, &arguments);
                topology.call(&key, &task).await
            }
            reply => reply,
        }
    }

    /// What the script returns to a check of writes, and whether the server lacked it until then.
    pub(crate) async fn run_aside<const N: usize>(
        &self,
        writes: &WriteProbe<'_>,
        key: &Bytes,
        arguments: [Bytes; N],
    ) -> Result<(i64, bool), RedisError> {
        let call = |request| writes.call(request, Limit::Write);
        match call(self.by_hash(key, &arguments)).await {
            Err(error) if is_unknown(&error) => {
                Ok((outcome(&call(self.by_text(key, &arguments)).await?)?, true))
            }
            reply => Ok((outcome(&reply?)?, false)),
        }
    }

    fn by_hash(&self, key: &Bytes, arguments: &[Bytes]) -> Request {
        request("EVALSHA", self.sha.clone(), key, arguments)
    }

    /// A server that has run it by its text knows it by its hash from then on.
    fn by_text(&self, key: &Bytes, arguments: &[Bytes]) -> Request {
        request("EVAL", Bytes::from_static(self.source.as_bytes()), key, arguments)
    }
}

fn request(command: &'static str, script: Bytes, key: &Bytes, arguments: &[Bytes]) -> Request {
    let request = Request::new(command).arg(script).arg("1").arg(key.clone());
    arguments.iter().cloned().fold(request, Request::arg)
}

fn is_unknown(error: &RedisError) -> bool {
    matches!(error, RedisError::Refused(refusal) if refusal.code() == "NOSCRIPT")
}

fn outcome(reply: &Reply) -> Result<i64, RedisError> {
    reply.as_integer().ok_or(RedisError::Protocol)
}

#[cfg(test)]
mod tests {
    use handstamp_core::record::Entry;

    use super::*;

    /// The scripts say in numbers what the record's format says in a constant.
    #[test]
    fn the_revision_is_where_the_scripts_look_for_it() {
        assert_eq!(Entry::REVISION_RANGE, 4..20);
        let scripts = Scripts::new();
        for script in [&scripts.create, &scripts.save, &scripts.retire] {
            assert!(script.source.contains("redis.call('GETRANGE', KEYS[1], 4, 19)"));
        }
    }

    #[test]
    fn the_scripts_know_a_tombstone_when_they_see_one() {
        assert_eq!(Entry::TOMBSTONE_MAGIC, *b"ht");
        let scripts = Scripts::new();
        for script in [&scripts.save, &scripts.retire, &scripts.touch] {
            assert!(script.source.contains("call('GETRANGE', KEYS[1], 0, 1) == 'ht'"));
        }
        assert!(scripts.delete.source.contains("string.sub(found, 1, 2) == 'ht'"));
    }

    #[test]
    fn the_scripts_find_the_predecessor_and_the_successor() {
        assert_eq!(Entry::RELATIVE_RANGE, 36..68);
        let scripts = Scripts::new();
        for script in [&scripts.save, &scripts.retire, &scripts.touch] {
            assert!(script.source.contains("local successor = redis.call('GETRANGE', KEYS[1], 36, 67)"));
        }
        assert!(scripts.delete.source.contains("string.sub(found, 37, 68) ~= NONE"));
    }

    #[test]
    fn the_delete_knows_the_head_of_an_entry() {
        assert_eq!(Entry::HEADER_LEN, 76);
        let delete = Scripts::new().delete.source;
        assert!(delete.contains("#head == 76 and string.byte(head, 3) ~= 0"));
    }
}
