use crate::cache::{Kind, key, session};
use crate::memory::Overhead;
use crate::workload::Workload;

pub(crate) fn measure(overheads: &[Overhead], quick: bool) {
    let reads = if quick { 500_000 } else { 3_000_000 };
    println!("\nHits in percent of {reads} reads, in caches of the same bytes:\n");
    let labels: Vec<_> = overheads.iter().map(|overhead| overhead.kind.label()).collect();
    println!("| Workload | entries of handstamp | {} |", labels.join(" | "));
    println!("|---|---|{}", "---|".repeat(overheads.len()));
    for workload in Workload::ALL {
        for room in ROOMS {
            let trace = workload.reads(reads, room);
            let ratios: Vec<_> = overheads
                .iter()
                .map(|overhead| {
                    let entries = room * (SESSION + overheads[0].bytes) / (SESSION + overhead.bytes);
                    format!("{:.1}", hit_ratio(overhead.kind, entries, &trace))
                })
                .collect();
            println!("| {} | {room} | {} |", workload.label(), ratios.join(" | "));
        }
    }
}

fn hit_ratio(kind: Kind, entries: usize, trace: &[u64]) -> f64 {
    let cache = kind.with_room_for(entries);
    let is_hit = |&&number: &&u64| {
        let is_hit = cache.get(&key(number)).is_some();
        if !is_hit {
            cache.insert(session(number));
        }
        is_hit
    };
    100.0 * trace.iter().filter(is_hit).count() as f64 / trace.len() as f64
}

const ROOMS: [usize; 3] = [1_000, 5_000, 20_000];
/// What a session takes beside its place in the cache.
const SESSION: usize = 270;
