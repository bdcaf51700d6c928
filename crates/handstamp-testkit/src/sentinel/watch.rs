use std::collections::BTreeMap;
use std::time::Duration;

use redis::RedisResult;

use super::{RedisSentinel, SERVICE};
use crate::{RedisServer, eventually};

/// Who is the primary, and what is waited for.
impl RedisSentinel {
    /// The primary, as most of the running sentinels see it.
    ///
    /// # Panics
    ///
    /// When no sentinel answers.
    #[must_use]
    pub fn primary(&self) -> usize {
        let mut votes = BTreeMap::<usize, usize>::new();
        for sentinel in running(&self.sentinels) {
            *votes.entry(self.primary_for(sentinel).expect("the answer of a sentinel")).or_default() += 1;
        }
        let most = votes.into_iter().max_by_key(|(_, votes)| *votes);
        most.map(|(index, _)| index).expect("a sentinel that answers")
    }

    /// Has the sentinels promote a replica while all are well, as before maintenance. Returns which.
    ///
    /// # Panics
    ///
    /// When they do not do so in time.
    pub async fn fail_over(&self) -> usize {
        let old = self.primary();
        eventually("a sentinel agrees to a failover", LIMIT, async || {
            let sentinel = running(&self.sentinels).next().expect("a sentinel that answers");
            sentinel.try_command(&["SENTINEL", "FAILOVER", SERVICE])
        })
        .await;
        self.until_promoted(old).await
    }

    /// Waits until another server is the primary, and all running sentinels know. Returns which.
    ///
    /// # Panics
    ///
    /// When that takes longer than half a minute.
    pub async fn until_promoted(&self, old: usize) -> usize {
        eventually("another server is promoted", LIMIT, async || self.check_promoted(old)).await
    }

    /// Waits until all that run are well: the sentinels know each other and the replicas, and these follow the primary.
    ///
    /// # Panics
    ///
    /// When that takes longer than half a minute.
    pub async fn until_ok(&self) {
        let what = "the sentinels are content";
        eventually(what, LIMIT, async || self.check_replicas(self.primary()).and(self.check_sentinels()))
            .await;
    }

    pub(super) async fn until_replicated(&self) {
        eventually("the replicas follow", LIMIT, async || self.check_replicas(0)).await;
    }

    fn check_promoted(&self, old: usize) -> Result<usize, String> {
        let new = self.primary();
        for sentinel in running(&self.sentinels) {
            if new == old || self.primary_for(sentinel) != Ok(new) {
                return Err(format!("server {new} is the primary, but not yet for all"));
            }
        }
        if !self.servers[new].is_running() || !replication(&self.servers[new])?.contains("role:master") {
            return Err(format!("server {new} does not know yet"));
        }
        Ok(new)
    }

    fn check_replicas(&self, primary: usize) -> Result<(), String> {
        let primary_port = format!("master_port:{}\r", self.servers[primary].port());
        for (index, server) in self.servers.iter().enumerate().filter(|(_, server)| server.is_running()) {
            let info = replication(server)?;
            let well = if index == primary {
                info.contains("role:master")
            } else {
                info.contains(&primary_port) && info.contains("master_link_status:up")
            };
            if !well {
                return Err(format!("server {index} is not well: {info}"));
            }
        }
        Ok(())
    }

    fn check_sentinels(&self) -> Result<(), String> {
        let (sentinels, primary) = (self.sentinels.len() - 1, self.primary());
        for sentinel in running(&self.sentinels) {
            told(sentinel.try_command(&["SENTINEL", "CKQUORUM", SERVICE]))?;
            let seen: Fields = told(sentinel.try_query(&["SENTINEL", "MASTER", SERVICE]))?;
            if self.primary_for(sentinel) != Ok(primary) || seen["flags"] != "master" {
                return Err(format!("a sentinel is of another mind about the primary: {seen:?}"));
            }
            if seen["num-other-sentinels"] != sentinels.to_string() {
                return Err(format!("a sentinel does not know all others: {seen:?}"));
            }
            let replicas: Vec<Fields> = told(sentinel.try_query(&["SENTINEL", "REPLICAS", SERVICE]))?;
            for server in
                running(&self.servers).filter(|server| server.port() != self.servers[primary].port())
            {
                let port = server.port().to_string();
                let seen = replicas.iter().find(|replica| replica["port"] == port);
                if !seen.is_some_and(|seen| seen["flags"] == "slave" && seen["master-link-status"] == "ok") {
                    return Err(format!("a sentinel does not know the replica {port} to be well: {seen:?}"));
                }
            }
        }
        Ok(())
    }

    fn primary_for(&self, sentinel: &RedisServer) -> Result<usize, String> {
        let address = sentinel.try_query(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE]);
        let (_, port): (String, u16) = told(address)?;
        let index = self.servers.iter().position(|server| server.port() == port);
        index.ok_or_else(|| format!("no server has port {port}"))
    }
}

type Fields = BTreeMap<String, String>;

fn running(servers: &[RedisServer]) -> impl Iterator<Item = &RedisServer> {
    servers.iter().filter(|server| server.is_running())
}

fn replication(server: &RedisServer) -> Result<String, String> {
    told(server.try_query(&["INFO", "replication"]))
}

fn told<T>(answer: RedisResult<T>) -> Result<T, String> {
    answer.map_err(|error| error.to_string())
}

const LIMIT: Duration = Duration::from_secs(30);
