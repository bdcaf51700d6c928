use super::Server;
use crate::command::Limit;
use crate::{Command, RedisError, Reply};

/// None of these is cancel safe: the command may have been carried out, and may still be.
///
/// They fail with [`RedisError::NotReplicated`] when too few replicas have the write in time, though it was carried out.
impl Server {
    /// [`call`](Self::call), and waits until this number of replicas has the write. The commands behind it on the same connection
    /// wait, too.
    pub(crate) async fn call_and_wait(&self, command: &Command, replicas: u32) -> Result<Reply, RedisError> {
        let connection = self.counters.borrow().connections;
        let reply = self.call(command).await?;
        self.wait_for_replicas(connection, replicas).await.map(|()| reply)
    }

    /// [`call_asking`](Self::call_asking), and waits until this number of replicas has the write.
    pub(crate) async fn call_asking_and_wait(
        &self,
        command: &Command,
        replicas: u32,
    ) -> Result<Reply, RedisError> {
        let connection = self.counters.borrow().connections;
        let reply = self.call_asking(command).await?;
        self.wait_for_replicas(connection, replicas).await.map(|()| reply)
    }

    /// Waits until this number of replicas has the writes of this connection. Concurrent writes share a `WAIT`: while the server waits,
    /// it does nothing else for this connection.
    async fn wait_for_replicas(&self, connection: u64, replicas: u32) -> Result<(), RedisError> {
        let wait = || async {
            self.call(&self.wait(replicas)).await?.as_integer().ok_or(RedisError::UnexpectedReply)
        };
        // If the `WAIT` fails, the write before it was done nevertheless.
        let acknowledged = self.waits.join(wait).await.map_err(|_| RedisError::NotReplicated)?;
        // `WAIT` counts the writes of its own connection only: on another one, there may be none.
        let same = self.counters.borrow().connections == connection;
        if same && acknowledged >= i64::from(replicas) { Ok(()) } else { Err(RedisError::NotReplicated) }
    }

    pub(super) fn wait(&self, replicas: u32) -> Command {
        let limit = self.config.limit(Limit::Write) / 4;
        Command::write("WAIT").arg(replicas.to_string()).arg(limit.as_millis().max(1).to_string())
    }
}
