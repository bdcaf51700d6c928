use std::hint::black_box;

use crate::cache::{Cache, Kind, key, session};
use crate::two_threads::{at_once, median};

/// How long it takes to find a session that another thread reads at the same time, or not.
pub(crate) fn measure(quick: bool) {
    println!("\nNanoseconds of a hit, and their ratio to those of one thread; medians of interleaved blocks:\n");
    println!("| Cache | 1 thread | 2 threads, one session each | 2 threads, the same session | blocks |");
    println!("|---|---|---|---|---|");
    let keys: Vec<_> = (0..SESSIONS).map(key).collect();
    let caches = Kind::ALL.map(|kind| {
        let cache = kind.with_room_for(2 * SESSIONS as usize);
        (0..SESSIONS).for_each(|number| cache.insert(session(number)));
        (kind, cache)
    });
    let mut times = [const { [const { Vec::new() }; 3] }; 4];
    for _ in 0..if quick { 100 } else { 1_000 } {
        for ((_, cache), [one, own, same]) in caches.iter().zip(&mut times) {
            let cache: &dyn Cache = &**cache;
            one.extend(at_once(1, READS, |_| drop(black_box(cache.get(&keys[0])))));
            own.extend(at_once(2, READS, |thread| drop(black_box(cache.get(&keys[thread])))));
            same.extend(at_once(2, READS, |_| drop(black_box(cache.get(&keys[0])))));
        }
    }
    for ((kind, _), times) in caches.iter().zip(&times) {
        let [one, own, same] = times.each_ref().map(|times| median(times));
        let blocks = times.each_ref().map(|times| times.len().to_string()).join(", ");
        let row = format!("{one:.0} | {own:.0} ({:.1}) | {same:.0} ({:.1})", own / one, same / one);
        println!("| {} | {row} | {blocks} |", kind.label());
    }
}

const SESSIONS: u64 = 10_000;
const READS: u32 = 10_000;
