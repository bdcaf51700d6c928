//! The steps that compare and write: one key each, and one round trip.
//!
//! A server keeps scripts until it restarts. A script goes out by its hash, and by its text where the server does not know it.
//!
//! Constant arguments of commands are strings, since Redis 7.0 formats a number with `printf` for each call.

use bytes::Bytes;
use futures_util::future::join_all;
use handstamp_redis_client::{Command, Script, WriteProbe};

/// The scripts of a store.
#[derive(Debug)]
pub(crate) struct Scripts {
    pub(crate) create: Script,
    pub(crate) save: Script,
    pub(crate) delete: Script,
    pub(crate) replace_with_tombstone: Script,
    pub(crate) touch: Script,
    pub(crate) keep_tombstone: Script,
    /// Checks writes on an auxiliary key, which it deletes.
    pub(crate) probe: Script,
}

impl Scripts {
    pub(crate) fn new() -> Self {
        Self {
            create: Script::new(include_str!("create.lua")),
            save: Script::new(include_str!("save.lua")),
            delete: Script::new(include_str!("delete.lua")),
            replace_with_tombstone: Script::new(include_str!("replace_with_tombstone.lua")),
            touch: Script::new(include_str!("touch.lua")),
            keep_tombstone: Script::new(include_str!("keep_tombstone.lua")),
            probe: Script::new(include_str!("probe.lua")),
        }
    }

    /// Has a primary keep all scripts, by running each on a key that does not exist: without this, the first use of each takes
    /// two round trips. Failures do not matter.
    ///
    /// `SCRIPT LOAD` would need another permission.
    pub(crate) async fn load(&self, writes: &WriteProbe, absent: &Bytes) {
        let run = async |(script, arguments): (&Script, &[&'static str])| {
            let arguments = arguments.iter().map(|text| Bytes::from(*text));
            if let Some(command) = Command::script(script, absent, arguments).with_script_text() {
                let _ = writes.call(&command).await;
            }
        };
        // The deletion replaces the record of this one with a tombstone that lives for a millisecond.
        run((&self.create, &["-", "", "1", ""])).await;
        let others: [(&Script, &[&'static str]); 5] = [
            (&self.delete, &["", "1", "0", "", "", "0"]),
            (&self.save, &["-", "+", "", "1", "", ""]),
            (&self.touch, &["1", ""]),
            (&self.replace_with_tombstone, &["-", "", "1", "", ""]),
            (&self.keep_tombstone, &["-", "1"]),
        ];
        join_all(others.map(run)).await;
    }
}

#[cfg(test)]
mod tests {
    use handstamp_core::record::Entry;

    use super::*;

    /// The scripts have the offsets of the record format as strings.
    #[test]
    fn the_revision_is_where_the_scripts_look_for_it() {
        assert_eq!(Entry::REVISION_RANGE, 4..20);
        let scripts = Scripts::new();
        for script in [&scripts.create, &scripts.save, &scripts.replace_with_tombstone] {
            assert!(script.source().contains("redis.call('GETRANGE', KEYS[1], '4', '19')"));
        }
    }

    #[test]
    fn the_scripts_recognize_a_tombstone() {
        assert_eq!(Entry::TOMBSTONE_MAGIC, *b"ht");
        let scripts = Scripts::new();
        for script in [&scripts.save, &scripts.replace_with_tombstone, &scripts.touch] {
            assert!(script.source().contains("call('GETRANGE', KEYS[1], '0', '1') == 'ht'"));
        }
        assert!(scripts.delete.source().contains("string.sub(found, 1, 2) == 'ht'"));
    }

    #[test]
    fn the_scripts_find_the_predecessor_and_the_successor() {
        assert_eq!(Entry::RELATIVE_RANGE, 36..68);
        let scripts = Scripts::new();
        for script in [&scripts.save, &scripts.replace_with_tombstone, &scripts.touch] {
            assert!(
                script.source().contains("local successor = redis.call('GETRANGE', KEYS[1], '36', '67')")
            );
        }
        assert!(scripts.delete.source().contains("string.sub(found, 37, 68) ~= NONE"));
    }

    #[test]
    fn the_delete_knows_the_head_of_an_entry() {
        assert_eq!(Entry::HEADER_LEN, 76);
        let delete = Scripts::new().delete.source();
        assert!(delete.contains("#head == 76 and string.byte(head, 3) ~= 0"));
    }
}
