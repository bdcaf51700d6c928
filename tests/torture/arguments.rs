use std::time::Duration;

/// The parsed command line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Arguments {
    /// The time during which sessions are started and faults injected.
    pub(crate) duration: Duration,
    /// Determines operations and faults. The same seed makes the same choices, but not the same history, because the timing of real
    /// processes varies.
    pub(crate) seed: u64,
    pub(crate) topology: Topology,
    pub(crate) outage: Outage,
    pub(crate) with: With,
    /// Whether a part of the history is falsified, to test the checker.
    pub(crate) self_test: bool,
}

/// The servers that store the sessions.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Topology {
    /// One server.
    One,
    /// A primary and its replicas, monitored by sentinels.
    Sentinel,
    /// A Redis Cluster: primaries with a part of the sessions each, and their replicas.
    Cluster,
}

/// How nodes handle cached sessions while Redis is unreachable.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Outage {
    /// They serve them until they expire.
    ServeStale,
    /// They serve none.
    Fail,
}

/// A setting of the nodes that is not the default.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum With {
    Nothing,
    /// Invalidation by client-side caching (`CLIENT TRACKING`).
    Tracking,
    /// Reads from replicas.
    Replicas,
}

/// Parses the command line.
pub(crate) fn parse(words: impl IntoIterator<Item = String>) -> Result<Arguments, &'static str> {
    let mut arguments = Arguments {
        duration: Duration::from_secs(120),
        seed: fastrand::u64(..1_000_000),
        topology: Topology::One,
        outage: Outage::Fail,
        with: With::Nothing,
        self_test: false,
    };
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        match &*word {
            "--minutes" => {
                let minutes: f64 = words.next().and_then(|text| text.parse().ok()).ok_or(USAGE)?;
                arguments.duration = Duration::try_from_secs_f64(minutes * 60.0).map_err(|_| USAGE)?;
            }
            "--seed" => arguments.seed = words.next().and_then(|text| text.parse().ok()).ok_or(USAGE)?,
            "--topology" => {
                arguments.topology = match words.next().as_deref() {
                    Some("one") => Topology::One,
                    Some("sentinel") => Topology::Sentinel,
                    Some("cluster") => Topology::Cluster,
                    _ => return Err(USAGE),
                };
            }
            "--with" => {
                arguments.with = match words.next().as_deref() {
                    Some("tracking") => With::Tracking,
                    Some("replicas") => With::Replicas,
                    _ => return Err(USAGE),
                };
            }
            "--serve" => arguments.outage = Outage::ServeStale,
            "--self-test" => arguments.self_test = true,
            _ => return Err(USAGE),
        }
    }
    Ok(arguments)
}

const USAGE: &str = "\
usage: torture [--topology one|sentinel|cluster] [--minutes N] [--seed S]
               [--with tracking|replicas] [--serve] [--self-test]

  --topology T  where sessions are stored: one server, a primary with sentinels, or a cluster (default: one)
  --minutes N   duration in minutes, fractions are possible (default: 2)
  --seed S      determines operations and faults, a whole number (default: random)
  --with W      nodes use tracking for invalidation, or read from replicas
  --serve       nodes that cannot reach Redis serve cached sessions, as they do by default
  --self-test   falsifies some responses: the run succeeds if the checker detects that
";

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str) -> Result<Arguments, &'static str> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn every_argument_has_a_default() {
        let arguments = check("").unwrap();
        assert_eq!(arguments.duration, Duration::from_secs(120));
        assert_eq!((arguments.outage, arguments.self_test), (Outage::Fail, false));
        assert_eq!(arguments.topology, Topology::One);
        let expected = Arguments {
            duration: Duration::from_secs(30),
            seed: 7,
            topology: Topology::Cluster,
            outage: Outage::ServeStale,
            with: With::Tracking,
            self_test: true,
        };
        assert_eq!(
            check("--minutes 0.5 --seed 7 --topology cluster --with tracking --serve --self-test"),
            Ok(expected)
        );
    }

    #[test]
    fn invalid_command_lines_are_rejected() {
        for line in [
            "--minutes",
            "--with",
            "--with luck",
            "--minutes -1",
            "--minutes x",
            "--seed",
            "--seed 1.5",
            "--help",
            "5",
            "--topology x",
        ] {
            assert_eq!(check(line), Err(USAGE), "{line:?}");
        }
    }
}
