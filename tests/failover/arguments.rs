use crate::faults::{Fault, Topology};

/// The parsed command line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Arguments {
    pub(crate) topology: Topology,
    pub(crate) faults: Vec<Fault>,
}

/// Parses the command line. An error means that it is invalid.
pub(crate) fn parse(words: impl IntoIterator<Item = String>) -> Result<Arguments, ()> {
    let (mut topology, mut faults) = (Topology::Cluster, None);
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let value = words.next().ok_or(())?;
        match &*word {
            "--topology" => topology = Topology::named(&value).ok_or(())?,
            "--faults" => {
                let named: Option<Vec<Fault>> = value.split(',').map(Fault::named).collect();
                faults = Some(named.ok_or(())?);
            }
            _ => return Err(()),
        }
    }
    let possible = topology.faults();
    let faults = faults.unwrap_or_else(|| possible.to_vec());
    if faults.iter().all(|fault| possible.contains(fault)) {
        Ok(Arguments { topology, faults })
    } else {
        Err(())
    }
}

pub(crate) const USAGE: &str = "\
usage: failover [--topology cluster|sentinel] [--faults FAULT,...]

  --topology    the servers that store the sessions (default: cluster)
  --faults      the faults to inject (default: all), one after the other, each into new servers:
                kill      a primary is killed
                freeze    a primary is suspended for 10 s
                graceful  a manual failover
                reshard   100 slots with sessions move to another primary, slot by slot (cluster only)
                migrate   the same atomically, if the server supports it (cluster only)
                replica   a replica is killed (cluster only)
                silence   the network between clients and a primary forwards nothing for 5 s (cluster only)
";

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str) -> Result<Arguments, ()> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn every_argument_has_a_default() {
        assert_eq!(check("").unwrap().faults.len(), 7);
        let sentinel = check("--topology sentinel").unwrap();
        assert_eq!(sentinel.faults, [Fault::Kill, Fault::Freeze, Fault::Graceful]);
        let some = check("--faults freeze,kill").unwrap();
        let expected = Arguments { topology: Topology::Cluster, faults: vec![Fault::Freeze, Fault::Kill] };
        assert_eq!(some, expected);
    }

    #[test]
    fn invalid_command_lines_are_rejected() {
        for line in
            ["--topology", "--topology ring", "--faults x", "--help", "--topology sentinel --faults reshard"]
        {
            assert_eq!(check(line), Err(()), "{line:?}");
        }
    }
}
