use std::time::Duration;

use crate::{Command, Reply};

/// The [`INFO`](https://redis.io/docs/latest/commands/info/) of a server. A missing field, or one that the user may not
/// read, is unknown.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct ServerInfo {
    /// Identifies the process: it changes with every start.
    run_id: Option<String>,
    /// Identifies the history of the data: it changes with every promotion.
    replication_id: Option<String>,
    pub(crate) is_cluster: bool,
    /// Since the Unix epoch.
    pub(crate) time: Option<Duration>,
    pub(crate) role: Option<Role>,
}

/// The role of a server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Role {
    Primary,
    Replica,
    /// A Sentinel, for example.
    Other,
}

/// The time in a reply to `TIME`, since the Unix epoch.
pub(crate) fn parse_time(reply: &Reply) -> Option<Duration> {
    let [seconds, micros] = reply.as_list()? else { return None };
    let [seconds, micros] = [seconds, micros].map(|part| part.as_text()?.parse::<u64>().ok());
    Some(Duration::from_millis(seconds?.checked_mul(1_000)?.checked_add(micros? / 1_000)?))
}

impl ServerInfo {
    /// The command for one of the sections that [`parse`](Self::parse) understands: `server` and `replication`.
    pub(crate) fn command(section: &'static str) -> Command {
        Command::probe("INFO").arg(section)
    }

    pub(crate) fn parse<'a>(sections: impl IntoIterator<Item = &'a Reply>) -> Self {
        let mut info = Self::default();
        let lines = sections.into_iter().filter_map(Reply::as_text).flat_map(str::lines);
        for (field, value) in lines.filter_map(|line| line.trim_end().split_once(':')) {
            match field {
                "run_id" => info.run_id = Some(value.to_owned()),
                "master_replid" => info.replication_id = Some(value.to_owned()),
                // The name in Valkey 9.0 and later.
                "redis_mode" | "server_mode" => info.is_cluster = value == "cluster",
                "server_time_usec" => {
                    info.time = value.parse().ok().map(|micros: u64| Duration::from_millis(micros / 1_000));
                }
                "role" => info.role = Some(Role::parse(value)),
                _ => {}
            }
        }
        info
    }

    /// Whether both are of the same process, or of unknown ones.
    pub(crate) fn is_same_process(&self, other: &Self) -> bool {
        self.run_id == other.run_id
    }

    /// Whether this is certainly the same server as `before`, with no other primary in between.
    pub(crate) fn continues(&self, before: &Self) -> bool {
        let same = |now: &Option<String>, before: &Option<String>| now.is_some() && now == before;
        same(&self.run_id, &before.run_id) && same(&self.replication_id, &before.replication_id)
    }
}

impl Role {
    pub(crate) fn parse(text: &str) -> Self {
        match text {
            "master" => Self::Primary,
            "slave" => Self::Replica,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(sections: &[&str]) -> ServerInfo {
        let replies: Vec<_> = sections.iter().map(|text| Reply::Bytes((*text).to_owned().into())).collect();
        ServerInfo::parse(&replies)
    }

    #[test]
    fn info_of_redis_and_valkey_is_parsed() {
        let redis = info(&[
            "# Server\r\nredis_version:7.0.15\r\nredis_mode:cluster\r\nrun_id:abc\r\n\
             server_time_usec:1795605260896866\r\n",
            "# Replication\r\nrole:master\r\nmaster_replid:def\r\n",
        ]);
        assert!(redis.is_cluster && redis.role == Some(Role::Primary));
        assert_eq!(redis.time, Some(Duration::from_millis(1_795_605_260_896)));
        let valkey = info(&["server_name:valkey\r\nserver_mode:cluster\r\nrun_id:abc\r\n", "role:slave\r\n"]);
        assert!(valkey.is_cluster && valkey.role == Some(Role::Replica) && valkey.time.is_none());
        assert!(valkey.is_same_process(&redis));
    }

    #[test]
    fn the_reply_to_time_is_parsed() {
        let reply = |parts: &[&'static str]| {
            parse_time(&Reply::List(parts.iter().map(|part| Reply::Bytes((*part).into())).collect()))
        };
        assert_eq!(reply(&["1795605260", "896866"]), Some(Duration::from_millis(1_795_605_260_896)));
        for other in [&["1795605260"][..], &["1795605260", "x"], &["18446744073709551615", "0"]] {
            assert_eq!(reply(other), None, "{other:?}");
        }
        assert_eq!(parse_time(&Reply::Nil), None);
    }

    #[test]
    fn only_a_known_run_with_the_same_history_continues() {
        let one = info(&["run_id:a\r\n", "master_replid:x\r\n"]);
        assert!(one.continues(&one));
        for other in [
            info(&["run_id:b\r\n", "master_replid:x\r\n"]),
            info(&["run_id:a\r\n", "master_replid:y\r\n"]),
            info(&["run_id:a\r\n"]),
            ServerInfo::parse(&[Reply::Nil]),
        ] {
            assert!(
                !other.continues(&one) && !one.continues(&other) && !other.continues(&ServerInfo::default())
            );
        }
        assert!(ServerInfo::default().is_same_process(&ServerInfo::default()));
        assert!(!ServerInfo::default().is_same_process(&one));
    }
}
