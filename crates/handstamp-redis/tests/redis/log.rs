use std::io::Write;
use std::sync::{Arc, Mutex};

use tracing::Level;
use tracing::subscriber::DefaultGuard;

/// What is logged on this thread, which in most tests is all.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Hears of everything from now on, as long as the guard lives.
    pub(crate) fn listen() -> (Self, DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(Level::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    /// The lines of a level that this crate has logged so far.
    pub(crate) fn lines(&self, level: Level) -> Vec<String> {
        let log = self.0.lock().expect("a log");
        let lines = String::from_utf8_lossy(&log);
        let marks = [format!(" {level} "), "handstamp_redis".to_owned()];
        lines.lines().filter(|line| marks.iter().all(|mark| line.contains(mark))).map(str::to_owned).collect()
    }

    /// The warnings with this text.
    pub(crate) fn warnings(&self, text: &str) -> Vec<String> {
        let mut lines = self.lines(Level::WARN);
        lines.retain(|line| line.contains(text));
        lines
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("a log").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
