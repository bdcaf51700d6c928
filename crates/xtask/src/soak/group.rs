use std::io;
use std::process::{Child, Command, ExitStatus, Stdio};

/// A process and its descendants. None of them outlives this value or xtask, however that ends.
#[derive(Debug)]
pub(super) struct Group {
    leader: Child,
    /// A shell that kills the group when its input ends.
    watchdog: Child,
}

impl Group {
    /// Starts the process, with pipes for its output.
    pub(super) fn start(mut command: Command) -> io::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut leader = in_own_group(&mut command).spawn()?;
        let mut watchdog = Command::new("sh");
        watchdog.args(["-c", WATCHDOG, "watchdog", &leader.id().to_string()]).stdin(Stdio::piped());
        match in_own_group(&mut watchdog).spawn() {
            Ok(watchdog) => Ok(Self { leader, watchdog }),
            Err(error) => {
                let _ = leader.kill();
                let _ = leader.wait();
                Err(error)
            }
        }
    }

    /// The first process of the group.
    pub(super) const fn leader(&mut self) -> &mut Child {
        &mut self.leader
    }

    /// Kills the remaining processes. Returns the exit status of the leader.
    pub(super) fn end(&mut self) -> io::Result<ExitStatus> {
        drop(self.watchdog.stdin.take());
        self.watchdog.wait()?;
        self.leader.wait()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

/// Gives the command a process group of its own, which signals to xtask do not reach.
#[cfg(unix)]
fn in_own_group(command: &mut Command) -> &mut Command {
    std::os::unix::process::CommandExt::process_group(command, 0)
}

#[cfg(not(unix))]
fn in_own_group(command: &mut Command) -> &mut Command {
    command
}

/// The error of `kill` is discarded: there may be no process left.
const WATCHDOG: &str = r#"read -r nothing; kill -s KILL -- "-$1" 2>/dev/null"#;

#[cfg(all(test, unix))]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn descendants_end_with_their_group() {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 600 & echo started"]);
        let mut group = Group::start(command).unwrap();
        let mut stdout = group.leader().stdout.take().unwrap();
        let mut started = [0; 8];
        stdout.read_exact(&mut started).unwrap();
        assert_eq!(&started, b"started\n");
        assert!(group.leader().wait().unwrap().success());
        group.end().unwrap();
        // The pipe ends with the last process that holds it.
        assert_eq!(stdout.read(&mut started).unwrap(), 0);
    }

    #[test]
    fn a_process_that_does_not_end_is_killed() {
        let mut command = Command::new("sleep");
        command.arg("600");
        let mut group = Group::start(command).unwrap();
        assert!(!group.end().unwrap().success());
    }
}
