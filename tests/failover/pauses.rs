use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// The longest delay of a timer on this runtime, until the other end of `stop` is dropped.
pub(crate) async fn longest(mut stop: watch::Receiver<()>) -> Duration {
    let mut longest = Duration::ZERO;
    loop {
        let begun = Instant::now();
        tokio::select! {
            () = sleep(TICK) => longest = longest.max(begun.elapsed().saturating_sub(TICK)),
            _ = stop.changed() => return longest,
        }
    }
}

/// The same on an otherwise idle thread: the delay caused by the machine.
pub(crate) fn longest_of_machine(stop: watch::Receiver<()>) -> JoinHandle<Duration> {
    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
    thread::spawn(move || runtime.block_on(longest(stop)))
}

const TICK: Duration = Duration::from_millis(5);
