use std::time::Duration;

/// What to do, as the command line says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Arguments {
    /// How long new sessions are begun and faults made.
    pub(crate) duration: Duration,
    /// What decides on operations and faults. The same seed makes the same choices, though not the same history:
    /// real processes answer as fast as they can.
    pub(crate) seed: u64,
    pub(crate) topology: Topology,
    pub(crate) outage: Outage,
    pub(crate) with: With,
    /// Whether the history is falsified now and then, to see whether the checker sees it.
    pub(crate) self_test: bool,
}

/// What keeps the sessions.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Topology {
    /// One server.
    One,
    /// A primary and its replicas, watched by sentinels.
    Sentinel,
    /// Primaries with a part of the sessions each, and their replicas.
    Cluster,
}

/// What a node is to do with the sessions in its cache while it cannot reach Redis.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Outage {
    /// Go on serving them, for as long as the cache keeps them.
    ServeStale,
    /// Serve none.
    Fail,
}

/// What nodes do otherwise than by default.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum With {
    Nothing,
    /// The servers themselves tell of changes.
    Tracking,
    /// Replicas are asked, too.
    Replicas,
}

/// Reads the command line.
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

  --topology T  what keeps the sessions: one server, a primary with sentinels, or a cluster (default: one)
  --minutes N   how long, in minutes or fractions of one (default: 2)
  --seed S      what decides on operations and faults, a whole number (default: a random one)
  --with W      nodes are told of changes by the servers themselves, or ask replicas, too
  --serve       nodes that cannot reach Redis serve what they hold, as they do by default
  --self-test   falsifies answers now and then: the run succeeds if the checker invalidations
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
    fn what_is_not_understood_is_refused() {
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
