use std::collections::BTreeMap;

use redis::RedisResult;
use tokio::time::Instant;

use super::{RedisSentinel, SERVICE};
use crate::replication::{self, Replication};
use crate::{PATIENCE, RedisServer, eventually};

/// The role of the servers, and waiting for changes.
impl RedisSentinel {
    /// The primary, according to most of the running sentinels.
    ///
    /// # Panics
    ///
    /// When no sentinel replies.
    #[must_use]
    pub fn primary(&self) -> usize {
        self.try_primary().unwrap_or_else(|error| panic!("the sentinels report no primary: {error}"))
    }

    /// A manual failover: the sentinels promote a replica while the primary is running. Returns the new primary.
    ///
    /// # Panics
    ///
    /// When that takes longer than [`PATIENCE`].
    pub async fn fail_over(&self) -> usize {
        let old = self.primary();
        eventually("the manual failover completes", PATIENCE, async || {
            let sentinel = running(&self.sentinels).next().ok_or("no sentinel runs")?;
            // Repeated until a server is promoted, because an attempt may fail.
            if self.primary_for(sentinel)? == old {
                checked(sentinel.try_command(&["SENTINEL", "FAILOVER", SERVICE]))?;
            }
            self.check_promoted(old)
        })
        .await
    }

    /// Waits until another server is the primary, and all running sentinels agree. Returns its index.
    ///
    /// # Panics
    ///
    /// When that takes longer than [`PATIENCE`].
    pub async fn until_promoted(&self, old: usize) -> usize {
        eventually("another server is promoted", PATIENCE, async || self.check_promoted(old)).await
    }

    /// Waits until the running sentinels know each other and the replicas, and the running replicas have every write of the
    /// primary.
    ///
    /// # Panics
    ///
    /// When that takes longer than [`PATIENCE`].
    pub async fn until_ok(&self) {
        let what = "the sentinels and servers are healthy";
        eventually(what, PATIENCE, async || {
            let primary = self.try_primary()?;
            self.check_replicas(primary)?;
            self.check_sentinels(primary)
        })
        .await;
        self.until_replicated().await;
    }

    /// Waits until the running replicas have every write that the primary had executed at the time of the call, so that a failure
    /// of the primary loses only later writes. Returns the time of the call.
    ///
    /// # Panics
    ///
    /// When that takes longer than [`PATIENCE`].
    pub async fn until_replicated(&self) -> Instant {
        self.until_replicated_from(self.primary()).await
    }

    /// Waits until the replicas are in sync. Works without sentinels.
    pub(super) async fn until_replicas_follow(&self, primary: usize) {
        eventually("the replicas follow the primary", PATIENCE, async || self.check_replicas(primary)).await;
        self.until_replicated_from(primary).await;
    }

    async fn until_replicated_from(&self, primary: usize) -> Instant {
        let primary = &self.servers[primary];
        let replicas = running(&self.servers).filter(|server| server.port() != primary.port());
        replication::until_replicated(&[(primary, replicas.collect())]).await
    }

    fn try_primary(&self) -> Result<usize, String> {
        let mut votes = BTreeMap::<usize, usize>::new();
        for sentinel in running(&self.sentinels) {
            *votes.entry(self.primary_for(sentinel)?).or_default() += 1;
        }
        let most = votes.into_iter().max_by_key(|(_, votes)| *votes);
        most.map(|(index, _)| index).ok_or_else(|| "no sentinel runs".to_owned())
    }

    fn check_promoted(&self, old: usize) -> Result<usize, String> {
        let new = self.try_primary()?;
        for sentinel in running(&self.sentinels) {
            if new == old || self.primary_for(sentinel) != Ok(new) {
                return Err(format!("server {new} is the primary, but not for all sentinels yet"));
            }
        }
        if !self.servers[new].is_running() || !Replication::of(&self.servers[new])?.is_primary() {
            return Err(format!("server {new} does not act as the primary yet"));
        }
        Ok(new)
    }

    fn check_replicas(&self, primary: usize) -> Result<(), String> {
        let primary_port = self.servers[primary].port();
        let of_primary = Replication::of(&self.servers[primary])?;
        if !of_primary.is_primary() {
            return Err(format!("server {primary} does not act as the primary yet: {of_primary:?}"));
        }
        for server in running(&self.servers).filter(|server| server.port() != primary_port) {
            let seen = Replication::of(server)?;
            if seen.primary_port() != Some(primary_port) || !seen.is_linked() {
                return Err(format!("the replica on port {} is not in sync: {seen:?}", server.port()));
            }
            if !of_primary.feeds(server.port()) {
                return Err(format!(
                    "the primary does not send its writes to port {} yet: {of_primary:?}",
                    server.port()
                ));
            }
        }
        Ok(())
    }

    fn check_sentinels(&self, primary: usize) -> Result<(), String> {
        let (others, primary_port) = ((self.sentinels.len() - 1).to_string(), self.servers[primary].port());
        for sentinel in running(&self.sentinels) {
            checked(sentinel.try_command(&["SENTINEL", "CKQUORUM", SERVICE]))?;
            let seen: Fields = checked(sentinel.try_query(&["SENTINEL", "MASTER", SERVICE]))?;
            if self.primary_for(sentinel) != Ok(primary) || !has(&seen, "flags", "master") {
                return Err(format!("a sentinel reports another primary: {seen:?}"));
            }
            if !has(&seen, "num-other-sentinels", &others) {
                return Err(format!("a sentinel does not know all other sentinels: {seen:?}"));
            }
            let replicas: Vec<Fields> = checked(sentinel.try_query(&["SENTINEL", "REPLICAS", SERVICE]))?;
            for server in running(&self.servers).filter(|server| server.port() != primary_port) {
                let port = server.port().to_string();
                let is_in_sync = |replica: &Fields| {
                    has(replica, "port", &port)
                        && has(replica, "flags", "slave")
                        && has(replica, "master-link-status", "ok")
                };
                if !replicas.iter().any(is_in_sync) {
                    let seen = replicas.iter().find(|replica| has(replica, "port", &port));
                    return Err(format!(
                        "a sentinel does not report the replica on port {port} as in sync: {seen:?}"
                    ));
                }
            }
        }
        Ok(())
    }

    fn primary_for(&self, sentinel: &RedisServer) -> Result<usize, String> {
        let address = sentinel.try_query(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE]);
        let (_, port): (String, u16) = checked(address)?;
        let index = self.servers.iter().position(|server| server.port() == port);
        index.ok_or_else(|| format!("no server has port {port}"))
    }
}

type Fields = BTreeMap<String, String>;

fn has(fields: &Fields, name: &str, value: &str) -> bool {
    fields.get(name).is_some_and(|has| has == value)
}

fn running(servers: &[RedisServer]) -> impl Iterator<Item = &RedisServer> {
    servers.iter().filter(|server| server.is_running())
}

fn checked<T>(reply: RedisResult<T>) -> Result<T, String> {
    reply.map_err(|error| error.to_string())
}
