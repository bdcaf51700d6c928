/// The parsed command line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Arguments {
    pub(crate) nodes: usize,
}

/// Parses the command line. `None` if it is invalid.
pub(crate) fn parse(words: impl IntoIterator<Item = String>) -> Option<Arguments> {
    let words: Vec<String> = words.into_iter().collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let nodes = match words.as_slice() {
        [] => 100,
        ["--nodes", nodes] => nodes.parse().ok().filter(|nodes| *nodes > 0)?,
        _ => return None,
    };
    Some(Arguments { nodes })
}

pub(crate) const USAGE: &str = "\
usage: stalls [--nodes N]

  --nodes    the number of nodes on the server (default: 100)
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_nodes_can_be_chosen() {
        let nodes =
            |line: &str| parse(line.split_whitespace().map(str::to_owned)).map(|arguments| arguments.nodes);
        assert_eq!((nodes(""), nodes("--nodes 7")), (Some(100), Some(7)));
        for line in ["--nodes", "--nodes 0", "--nodes x", "7", "--nodes 7 8"] {
            assert_eq!(nodes(line), None, "{line}");
        }
    }
}
