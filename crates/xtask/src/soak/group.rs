use std::io;
use std::process::{Child, Command, ExitStatus, Stdio};

/// A process and its descendants. None of them outlives this value, nor this process, however that ends.
#[derive(Debug)]
pub(super) struct Group {
    leader: Child,
    /// Waits for the end of its input, and then kills the group.
    leash: Child,
}

impl Group {
    /// Starts the process, with pipes for its output.
    pub(super) fn start(mut command: Command) -> io::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut leader = apart(&mut command).spawn()?;
        let mut leash = Command::new("sh");
        leash.args(["-c", LEASH, "leash", &leader.id().to_string()]).stdin(Stdio::piped());
        match apart(&mut leash).spawn() {
            Ok(leash) => Ok(Self { leader, leash }),
            Err(error) => {
                let _ = leader.kill();
                let _ = leader.wait();
                Err(error)
            }
        }
    }

    /// The process that was started first.
    pub(super) const fn leader(&mut self) -> &mut Child {
        &mut self.leader
    }

    /// Kills all processes that are left. Returns the exit status of the leader.
    pub(super) fn end(&mut self) -> io::Result<ExitStatus> {
        drop(self.leash.stdin.take());
        self.leash.wait()?;
        self.leader.wait()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

/// Makes the command the leader of a group of its own, which a signal to ours does not reach.
#[cfg(unix)]
fn apart(command: &mut Command) -> &mut Command {
    std::os::unix::process::CommandExt::process_group(command, 0)
}

#[cfg(not(unix))]
fn apart(command: &mut Command) -> &mut Command {
    command
}

/// `kill` fails when no process is left.
const LEASH: &str = r#"read -r nothing; kill -s KILL -- "-$1" 2>/dev/null"#;

#[cfg(all(test, unix))]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn what_a_process_started_ends_with_its_group() {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 600 & echo started"]);
        let mut group = Group::start(command).unwrap();
        let mut stdout = group.leader().stdout.take().unwrap();
        let mut started = [0; 8];
        stdout.read_exact(&mut started).unwrap();
        assert_eq!(&started, b"started\n");
        assert!(group.leader().wait().unwrap().success());
        group.end().unwrap();
        // The pipe does not end as long as the descendant lives.
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
