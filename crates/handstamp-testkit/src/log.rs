use std::io::{self, Write};
use std::sync::Arc;

use parking_lot::Mutex;
use tracing::Level;
use tracing::subscriber::{DefaultGuard, set_default};

/// What is logged on one thread, which in most tests is all. Clones are the same log.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Keeps what is logged on this thread from now on, at every level, as long as the guard lives.
    #[must_use]
    pub fn listen() -> (Self, DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(Level::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        (log, set_default(subscriber))
    }

    /// Everything that has been logged so far and not been [taken](Self::take).
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock()).into_owned()
    }

    /// The lines of a level that a crate has logged, by the name of the crate.
    #[must_use]
    pub fn lines(&self, level: Level, of_crate: &str) -> Vec<String> {
        let level = format!(" {level} ");
        let text = self.text();
        let lines = text.lines().filter(|line| line.contains(&level) && line.contains(of_crate));
        lines.map(str::to_owned).collect()
    }

    /// Empties the log.
    #[must_use]
    pub fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock())
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
