//! Inspection of a server without the code under test.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use redis::{
    Client, Cmd, ConnectionAddr, ErrorKind, FromRedisValue, IntoConnectionInfo, RedisConnectionInfo,
    RedisError, RedisResult, ToRedisArgs, Value,
};
use tokio::task::spawn_blocking;

use crate::{PATIENCE, RedisServer};

/// Every method opens its own connection as the default user, and blocks until the reply arrives, usually for a fraction of a
/// millisecond. It panics when the server returns an error, or does not reply within [`PATIENCE`].
impl RedisServer {
    /// The reply to a command.
    pub fn command(&self, parts: &[impl ToRedisArgs]) -> Value {
        self.query(parts)
    }

    /// The reply to a command.
    ///
    /// # Errors
    ///
    /// When the server returns an error, or cannot be reached.
    pub fn try_command(&self, parts: &[impl ToRedisArgs]) -> RedisResult<Value> {
        self.try_query(parts)
    }

    /// All keys, in order.
    pub fn keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = self.query(&["KEYS", "*"]);
        keys.sort();
        keys
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.query(&["GET", key])
    }

    /// Sets the value of a key.
    pub fn set(&self, key: &str, bytes: &[u8], ttl: Duration) {
        let millis = ttl.as_millis().to_string();
        self.command(&[b"SET".as_slice(), key.as_bytes(), bytes, b"PX", millis.as_bytes()]);
    }

    /// The time to live of a key; `None` if it does not expire.
    ///
    /// # Panics
    ///
    /// When there is no such key.
    pub fn time_to_live(&self, key: &str) -> Option<Duration> {
        let millis: i64 = self.query(&["PTTL", key]);
        assert_ne!(millis, -2, "there is no key {key}");
        u64::try_from(millis).ok().map(Duration::from_millis)
    }

    /// Publishes a message. Returns the number of receivers.
    pub fn publish(&self, channel: &str, message: &[u8]) -> usize {
        self.query(&[b"PUBLISH".as_slice(), channel.as_bytes(), message])
    }

    /// The number of clients of a type (`normal`, `pubsub`, ...), without this one.
    pub fn clients(&self, kind: &str) -> usize {
        let list: String = self.query(&["CLIENT", "LIST", "TYPE", kind]);
        list.lines().filter(|line| !line.contains("cmd=client")).count()
    }

    /// The sorted ids of the clients whose name begins with `name`. Ids are unique on a server.
    pub fn clients_named(&self, name: &str) -> Vec<u64> {
        let list: String = self.query(&["CLIENT", "LIST"]);
        let field = |line: &str, field: &str| {
            line.split(' ').find_map(|part| part.strip_prefix(field)?.strip_prefix('=')).map(str::to_owned)
        };
        let named =
            list.lines().filter(|line| field(line, "name").is_some_and(|found| found.starts_with(name)));
        let mut ids: Vec<u64> = named.filter_map(|line| field(line, "id")?.parse().ok()).collect();
        ids.sort_unstable();
        ids
    }

    /// Disconnects all clients of a type (`normal`, `pubsub`, ...) except this one. Returns their number: among normal ones may be one
    /// of an earlier command, whose end the server has not noticed yet.
    pub fn kill_clients(&self, kind: &str) -> usize {
        self.query(&["CLIENT", "KILL", "TYPE", kind])
    }

    /// Resets the command counters.
    pub fn reset_command_counts(&self) {
        self.command(&["CONFIG", "RESETSTAT"]);
    }

    /// The number of calls of each command since the last reset: including commands in scripts, without those of a connection
    /// handshake.
    pub fn command_counts(&self) -> BTreeMap<String, u64> {
        let info: String = self.query(&["INFO", "commandstats"]);
        info.lines()
            .filter_map(|line| {
                let (name, stats) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
                let calls = stats.split(',').next()?.parse().ok()?;
                (!HANDSHAKE.contains(&name)).then(|| (name.to_owned(), calls))
            })
            .collect()
    }

    /// Starts to log the commands of clients, at most 100,000.
    pub fn log_commands(&self) {
        self.command(&["CONFIG", "SET", "slowlog-max-len", LOGGED_COMMANDS]);
        self.command(&["CONFIG", "SET", "slowlog-log-slower-than", "0"]);
        self.command(&["SLOWLOG", "RESET"]);
    }

    /// The logged commands with their arguments, the last one first. Those within scripts are not logged.
    pub fn logged_commands(&self) -> Vec<Vec<String>> {
        let entries: Vec<LogEntry> = self.query(&["SLOWLOG", "GET", LOGGED_COMMANDS]);
        let text = |argument: Vec<u8>| String::from_utf8_lossy(&argument).into_owned();
        entries.into_iter().map(|(_, _, _, command, ..)| command.into_iter().map(text).collect()).collect()
    }

    /// Like [`try_command`](Self::try_command), without blocking other tasks. This is necessary if the server, before it replies,
    /// waits for a connection that is proxied by this process.
    pub(crate) async fn try_command_async(&self, parts: &[&str]) -> RedisResult<Value> {
        let (client, command) = (self.client()?, command_of(parts));
        spawn_blocking(move || query(client, command)).await.expect("the query does not panic")
    }

    pub(crate) fn try_query<T: FromRedisValue>(&self, parts: &[impl ToRedisArgs]) -> RedisResult<T> {
        let reply = query(self.client()?, command_of(parts))?;
        Ok(redis::from_redis_value(reply)?)
    }

    fn query<T: FromRedisValue>(&self, parts: &[impl ToRedisArgs]) -> T {
        self.try_query(parts).expect("the reply of the server")
    }

    /// Through the Unix socket, which needs no TLS.
    fn client(&self) -> RedisResult<Client> {
        let user = RedisConnectionInfo::default().set_skip_set_lib_name();
        let user = match self.password() {
            Some(password) => user.set_password(password),
            None => user,
        };
        Client::open(ConnectionAddr::Unix(self.socket()).into_connection_info()?.set_redis_settings(user))
    }
}

fn command_of(parts: &[impl ToRedisArgs]) -> Cmd {
    let mut command = Cmd::new();
    for part in parts {
        command.arg(part);
    }
    command
}

/// The time limit is not set on the socket, because reads with a limit fail when the process receives a signal, as it does whenever a
/// child process ends.
fn query(client: Client, command: Cmd) -> RedisResult<Value> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let reply = client.get_connection().and_then(|mut connection| command.query(&mut connection));
        // The receiver is gone if the reply is late.
        let _ = sender.send(reply);
    });
    let reply = receiver.recv_timeout(PATIENCE);
    reply.unwrap_or_else(|_| Err(RedisError::from((ErrorKind::Io, "the server did not reply in time"))))
}

/// Id, time, duration, command, address and name of the client.
type LogEntry = (u64, u64, u64, Vec<Vec<u8>>, String, String);

/// More commands than any test sends.
const LOGGED_COMMANDS: &str = "100000";

const HANDSHAKE: [&str; 8] =
    ["auth", "client|id", "client|setinfo", "client|setname", "config|resetstat", "hello", "info", "select"];

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn writes_and_commands_are_observed() {
        let server = RedisServer::start().await;
        server.reset_command_counts();
        assert!(server.command_counts().is_empty(), "{:?}", server.command_counts());
        server.set("b", b"\xff\0", Duration::from_secs(60));
        server.command(&["SET", "a", "forever"]);
        assert_eq!(server.command_counts(), BTreeMap::from([("set".to_owned(), 2)]));
        assert_eq!(server.keys(), ["a", "b"]);
        assert_eq!(server.get("b").as_deref(), Some(&b"\xff\0"[..]));
        assert_eq!(server.get("c"), None);
        assert_eq!(server.time_to_live("a"), None);
        assert!(server.time_to_live("b") > Some(Duration::from_secs(50)));
        server.log_commands();
        assert_eq!(server.publish("channel", b"message"), 0);
        assert!(
            server.logged_commands().contains(&["PUBLISH", "channel", "message"].map(str::to_owned).to_vec())
        );
        assert_eq!(server.clients("normal"), 0);
        crate::until("no connection but its own is there to kill", async || {
            server.kill_clients("normal") == 0
        })
        .await;
    }
}
