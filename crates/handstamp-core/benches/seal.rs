//! The cost of sealing and opening a record: each save seals one, each load opens one.
//!
//! `cargo xtask bench` runs it. The SHA-256 of the payload is measured for comparison; a seal takes two, of the metadata and of the payload.

#![expect(clippy::print_stdout, reason = "a benchmark prints")]
#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use handstamp_core::id::{Namespace, PublicId, SessionKey};
use handstamp_core::keys::{KeyRing, Secret};
use handstamp_core::record::{Encoding, Record, Revision, Sealer, Seals, UnknownFields};
use handstamp_core::time::Timestamp;
use sha2::{Digest, Sha256};

fn main() {
    let ring = KeyRing::new(Namespace::default(), &[Secret::generate().unwrap()]).unwrap();
    let sealer = Sealer::new(&ring);
    println!("{:>14} {:>14} {:>14} {:>14}", "payload, bytes", "seal, ns", "open, ns", "SHA-256, ns");
    for size in [0, 122, 1_320, 32_771, 65_536] {
        let record = record(size);
        let entry = sealer.seal(&record).unwrap();
        let seal = || drop(black_box(sealer.seal(black_box(&record))));
        let open = || drop(black_box(sealer.open(black_box(&entry))));
        let hash = || _ = black_box(Sha256::digest(black_box(&record.payload)));
        let (mut seals, mut opens, mut hashes) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..BLOCKS {
            seals.push(nanoseconds(seal));
            opens.push(nanoseconds(open));
            hashes.push(nanoseconds(hash));
        }
        let [seal, open, hash] = [seals, opens, hashes].map(|mut times| {
            times.sort_unstable();
            times[BLOCKS / 2]
        });
        println!("{size:>14} {seal:>14} {open:>14} {hash:>14}");
    }
}

fn record(size: usize) -> Record {
    let now = Timestamp::from_millis(1_700_000_000_000);
    Record {
        revision: Revision::first().unwrap(),
        key: SessionKey::from_bytes([7; SessionKey::LEN]),
        public_id: PublicId::generate().unwrap(),
        predecessor: None,
        created_at: now,
        saved_at: now,
        expires_at: now,
        idle_timeout: Duration::from_secs(1_800),
        subject: Some("ada.lovelace".to_owned()),
        encoding: Encoding::MessagePack,
        schema: 1,
        payload: vec![7; size].into(),
        seals: Seals::default(),
        unknown_fields: UnknownFields::default(),
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn nanoseconds(work: impl Fn()) -> u128 {
    let begun = Instant::now();
    (0..ROUNDS).for_each(|_| work());
    begun.elapsed().as_nanos() / u128::from(ROUNDS)
}

const BLOCKS: usize = 51;
const ROUNDS: u32 = 200;
