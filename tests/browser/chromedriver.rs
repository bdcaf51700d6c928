use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;

use handstamp_testkit::PATIENCE;

/// The driver of one Chromium, on a free port. Both end with this value, and with the test process, however that ends.
#[derive(Debug)]
pub(crate) struct Chromedriver {
    port: u16,
    /// A shell that kills its process group at the end of its input.
    leash: Child,
}

impl Chromedriver {
    /// Starts the driver, with `home` as the home directory of the driver and its browser.
    pub(crate) fn start(home: &Path) -> Self {
        if let Err(error) = Command::new("chromedriver").arg("--version").output() {
            panic!("cannot run chromedriver: {error}. {HOW_TO_INSTALL}");
        }
        let mut command = Command::new("sh");
        command.args(["-c", LEASH]).env("HOME", home).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut leash = command.spawn().expect("a shell");
        let stdout = BufReader::new(leash.stdout.take().expect("a pipe"));
        // From here on, a panic kills the driver.
        let mut chromedriver = Self { port: 0, leash };
        let (sender, port) = mpsc::channel();
        // Reads to the end: a full pipe would block the driver.
        thread::spawn(move || {
            let lines = stdout.lines().map_while(Result::ok);
            lines.filter_map(|line| port_in(&line)).for_each(|port| _ = sender.send(port));
        });
        chromedriver.port = port.recv_timeout(PATIENCE).expect("chromedriver prints its port");
        chromedriver
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Chromedriver {
    fn drop(&mut self) {
        drop(self.leash.stdin.take());
        let _ = self.leash.wait();
    }
}

/// `ChromeDriver was started successfully on port 12345.`
fn port_in(line: &str) -> Option<u16> {
    line.split_once("successfully on port ")?.1.trim_end_matches('.').parse().ok()
}

const LEASH: &str = "chromedriver --port=0 & read -r nothing; kill -s KILL 0";

pub(crate) const HOW_TO_INSTALL: &str = "Install Chromium and its driver with `cargo xtask setup`";
