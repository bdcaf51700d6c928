use std::io::{self, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use tokio::time::{Instant, sleep};

/// A child process with its captured output. It is killed when this value is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    output: Arc<Mutex<Vec<u8>>>,
    readers: Vec<JoinHandle<()>>,
}

impl Process {
    pub(crate) fn spawn(mut command: Command) -> io::Result<Self> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let output = Arc::default();
        let stdout = child.stdout.take().map(|pipe| reader(pipe, &output));
        let stderr = child.stderr.take().map(|pipe| reader(pipe, &output));
        Ok(Self { child, output, readers: stdout.into_iter().chain(stderr).collect() })
    }

    /// Kills it, and waits for its end.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends `SIGTERM`.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Sends `SIGINT`, as Ctrl-C does.
    pub(crate) fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    /// Suspends it, and waits until it is suspended.
    pub(crate) fn pause(&self) {
        self.signal(Signal::STOP);
        let _ = waitid(WaitId::Pid(Pid::from_child(&self.child)), WaitIdOptions::STOPPED);
    }

    /// Resumes it.
    pub(crate) fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// Waits until it has ended and all of its output is captured; `None` if that takes longer than `limit`.
    pub(crate) async fn ended(&mut self, limit: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + limit;
        loop {
            let is_last = Instant::now() >= deadline;
            let exited = self.child.try_wait().expect("the state of a child process");
            if exited.is_some() && self.readers.iter().all(JoinHandle::is_finished) {
                return exited;
            }
            if is_last {
                return None;
            }
            sleep(PAUSE).await;
        }
    }

    /// Its standard output and standard error so far.
    pub(crate) fn output(&self) -> String {
        String::from_utf8_lossy(&self.output.lock()).into_owned()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the process exists");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn reader(mut pipe: impl Read + Send + 'static, output: &Arc<Mutex<Vec<u8>>>) -> JoinHandle<()> {
    let output = output.clone();
    thread::spawn(move || {
        let mut buffer = [0; 4_096];
        while let Ok(read) = pipe.read(&mut buffer)
            && read > 0
        {
            output.lock().extend_from_slice(&buffer[..read]);
        }
    })
}

const PAUSE: Duration = Duration::from_millis(3);
