use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Threads that keep the processors busy until this is dropped.
#[derive(Debug)]
pub(super) struct BusyLoops(Arc<AtomicBool>);

impl BusyLoops {
    pub(super) fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        for _ in 0..LOOPS {
            let stop = Arc::clone(&stop);
            thread::spawn(move || {
                let mut count = 0_u64;
                while !stop.load(Ordering::Relaxed) {
                    count = black_box(count.wrapping_add(1));
                }
            });
        }
        Self(stop)
    }
}

impl Drop for BusyLoops {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

const LOOPS: usize = 2;
