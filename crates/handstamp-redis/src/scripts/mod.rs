//! The steps that compare and write: one key each, and one round trip.
//!
//! A server keeps scripts until it restarts, and is told them when it turns out to lack one.

use bytes::Bytes;

use crate::RedisError;
use crate::driver::{Reply, Request, sha1_hex};
use crate::primary::Primary;

/// The scripts of a store.
#[derive(Debug)]
pub(crate) struct Scripts {
    pub(crate) create: Script,
    pub(crate) save: Script,
    pub(crate) delete: Script,
    pub(crate) retire: Script,
    pub(crate) touch: Script,
    pub(crate) unmark: Script,
}

impl Scripts {
    pub(crate) fn new() -> Self {
        Self {
            create: Script::new(include_str!("create.lua")),
            save: Script::new(include_str!("save.lua")),
            delete: Script::new(include_str!("delete.lua")),
            retire: Script::new(include_str!("retire.lua")),
            touch: Script::new(include_str!("touch.lua")),
            unmark: Script::new(include_str!("unmark.lua")),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Script {
    source: &'static str,
    sha: Bytes,
}

impl Script {
    fn new(source: &'static str) -> Self {
        Self { source, sha: sha1_hex(source).into() }
    }

    /// What the script returns for `key` and `arguments`.
    pub(crate) async fn run(
        &self,
        primary: &Primary,
        key: String,
        arguments: impl IntoIterator<Item = Bytes>,
    ) -> Result<i64, RedisError> {
        let call = Request::new("EVALSHA").arg(self.sha.clone()).arg("1").arg(key);
        let call = arguments.into_iter().fold(call, Request::arg);
        let reply = match primary.call(call.clone()).await {
            Err(RedisError::Refused(refusal)) if refusal.code() == "NOSCRIPT" => {
                let load = Request::new("SCRIPT").arg("LOAD").arg(self.source);
                primary.call(load).await?;
                primary.call(call).await
            }
            reply => reply,
        };
        match reply? {
            Reply::Integer(outcome) => Ok(outcome),
            _ => Err(RedisError::Protocol),
        }
    }
}

#[cfg(test)]
mod tests {
    use handstamp_core::record::{Mark, Record, Revision};

    use super::*;

    /// The scripts say in numbers what the record's format says in a constant.
    #[test]
    fn the_revision_is_where_the_scripts_look_for_it() {
        assert_eq!(Record::REVISION_RANGE, 4..20);
        let scripts = Scripts::new();
        for script in [&scripts.create, &scripts.save, &scripts.retire] {
            assert!(script.source.contains("redis.call('GETRANGE', KEYS[1], 4, 19)"));
        }
    }

    #[test]
    fn the_scripts_know_a_mark_when_they_see_one() {
        assert!(Mark::new(Revision::LATEST).to_bytes().starts_with(b"hs\0\0"));
        let scripts = Scripts::new();
        for script in [&scripts.save, &scripts.delete, &scripts.retire, &scripts.touch] {
            assert!(script.source.contains("call('GETRANGE', KEYS[1], 0, 3) == 'hs\\0\\0'"));
        }
    }
}
