use crate::cache::{Kind, Session, session};

/// The bytes that an entry takes in a cache, without the session itself.
pub(crate) struct Overhead {
    pub(crate) kind: Kind,
    pub(crate) bytes: usize,
}

pub(crate) fn measure() -> Vec<Overhead> {
    println!("Bytes requested from the allocator for each of {ENTRIES} entries, without the session:\n");
    println!("| Cache | bytes |\n|---|---|");
    let sessions: Vec<Session> = (0..ENTRIES as u64).map(session).collect();
    let overhead = |kind: Kind| {
        let mut cache = None;
        let info = allocation_counter::measure(|| {
            let filled = kind.with_room_for(2 * ENTRIES);
            sessions.iter().for_each(|session| filled.insert(session.clone()));
            cache = Some(filled);
        });
        let bytes = usize::try_from(info.bytes_current).unwrap_or_default() / ENTRIES;
        println!("| {} | {bytes} |", kind.label());
        Overhead { kind, bytes }
    };
    Kind::ALL.map(overhead).into()
}

const ENTRIES: usize = 1_000_000;
