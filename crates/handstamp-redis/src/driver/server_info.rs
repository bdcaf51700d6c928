use handstamp_core::time::Timestamp;

use super::{Reply, Request};

/// What a server says of itself in [`INFO`](https://redis.io/docs/latest/commands/info/). A field that is missing, or
/// that the user may not see, is unknown.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct ServerInfo {
    /// Names the process: another one after every start.
    run: Option<String>,
    /// Names the history of the data: another one after every promotion.
    history: Option<String>,
    pub(crate) is_cluster: bool,
    pub(crate) time: Option<Timestamp>,
    pub(crate) role: Option<Role>,
}

/// What a server is to the others.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Role {
    Primary,
    Replica,
    /// A Sentinel, for one.
    Other,
}

/// What a reply to `TIME` says, if it is one.
pub(crate) fn time_of(reply: &Reply) -> Option<Timestamp> {
    let [seconds, micros] = reply.as_list()? else { return None };
    let [seconds, micros] = [seconds, micros].map(|part| part.as_text()?.parse::<u64>().ok());
    Some(Timestamp::from_millis(seconds?.checked_mul(1_000)?.checked_add(micros? / 1_000)?))
}

impl ServerInfo {
    /// The command for one of the sections that [`read`](Self::read) understands: `server` and `replication`.
    pub(crate) fn request(section: &'static str) -> Request {
        Request::new("INFO").arg(section)
    }

    pub(crate) fn read<'a>(sections: impl IntoIterator<Item = &'a Reply>) -> Self {
        let mut info = Self::default();
        let lines = sections.into_iter().filter_map(Reply::as_text).flat_map(str::lines);
        for (field, value) in lines.filter_map(|line| line.trim_end().split_once(':')) {
            match field {
                "run_id" => info.run = Some(value.to_owned()),
                "master_replid" => info.history = Some(value.to_owned()),
                // Valkey has its own name for it since 9.0.
                "redis_mode" | "server_mode" => info.is_cluster = value == "cluster",
                "server_time_usec" => {
                    info.time = value.parse().ok().map(|micros: u64| Timestamp::from_millis(micros / 1_000));
                }
                "role" => info.role = Some(Role::read(value)),
                _ => {}
            }
        }
        info
    }

    /// Whether both are of the same process. Of two that say nothing there is no reason to doubt it.
    pub(crate) fn is_same_process(&self, other: &Self) -> bool {
        self.run == other.run
    }

    /// Whether this is certainly the server that said `before`, with no other primary in between.
    pub(crate) fn continues(&self, before: &Self) -> bool {
        let same = |now: &Option<String>, before: &Option<String>| now.is_some() && now == before;
        same(&self.run, &before.run) && same(&self.history, &before.history)
    }
}

impl Role {
    pub(crate) fn read(text: &str) -> Self {
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
        ServerInfo::read(&replies)
    }

    #[test]
    fn redis_and_valkey_are_understood() {
        let redis = info(&[
            "# Server\r\nredis_version:7.0.15\r\nredis_mode:cluster\r\nrun_id:abc\r\n\
             server_time_usec:1795605260896866\r\n",
            "# Replication\r\nrole:master\r\nmaster_replid:def\r\n",
        ]);
        assert!(redis.is_cluster && redis.role == Some(Role::Primary));
        assert_eq!(redis.time, Some(Timestamp::from_millis(1_795_605_260_896)));
        let valkey = info(&["server_name:valkey\r\nserver_mode:cluster\r\nrun_id:abc\r\n", "role:slave\r\n"]);
        assert!(valkey.is_cluster && valkey.role == Some(Role::Replica) && valkey.time.is_none());
        assert!(valkey.is_same_process(&redis));
    }

    #[test]
    fn the_reply_to_time_is_understood() {
        let reply = |parts: &[&'static str]| {
            time_of(&Reply::List(parts.iter().map(|part| Reply::Bytes((*part).into())).collect()))
        };
        assert_eq!(reply(&["1795605260", "896866"]), Some(Timestamp::from_millis(1_795_605_260_896)));
        for other in [&["1795605260"][..], &["1795605260", "x"], &["18446744073709551615", "0"]] {
            assert_eq!(reply(other), None, "{other:?}");
        }
        assert_eq!(time_of(&Reply::Nil), None);
    }

    #[test]
    fn only_a_known_run_with_the_same_history_continues() {
        let one = info(&["run_id:a\r\n", "master_replid:x\r\n"]);
        assert!(one.continues(&one));
        for other in [
            info(&["run_id:b\r\n", "master_replid:x\r\n"]),
            info(&["run_id:a\r\n", "master_replid:y\r\n"]),
            info(&["run_id:a\r\n"]),
            ServerInfo::read(&[Reply::Nil]),
        ] {
            assert!(
                !other.continues(&one) && !one.continues(&other) && !other.continues(&ServerInfo::default())
            );
        }
        assert!(ServerInfo::default().is_same_process(&ServerInfo::default()));
        assert!(!ServerInfo::default().is_same_process(&one));
    }
}
