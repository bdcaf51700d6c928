/// Why a text is no valid [`RedisUrl`](crate::RedisUrl). No error repeats a part of the text.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RedisUrlError {
    /// The URL of a cluster names another database than 0.
    #[error("a cluster has only the database 0: leave out what follows the hosts and the /")]
    ClusterDatabase,
    /// Unknown option of a cluster's URL.
    #[error("the only option of a cluster's URL is node, as in redis-cluster://host:port?node=host:port")]
    ClusterOption,
    /// The path is no number of a database.
    #[error("the database is a number from 0 to 255, as in redis://localhost:6379/2")]
    Database,
    /// There is a `#`.
    #[error("a # has no place in a Redis URL: in a password write %23 for it")]
    Fragment,
    /// The host is missing or invalid.
    #[error(
        "there is no host where one should be: write redis://user:password@host:port/database, an IPv6 address in \
         brackets, and in the password %40 for @, %2F for /, %3A for :, %23 for # and %3F for ?"
    )]
    Host,
    /// Several hosts for one server.
    #[error(
        "one server has one host: write redis-cluster://host:port,host:port for a cluster, and \
         redis-sentinel://host:port,host:port?sentinelServiceName=name for Sentinels"
    )]
    Hosts,
    /// A node is not written as host and port.
    #[error("a node is written as host:port, an IPv6 address in brackets: 10.0.0.1:7000 or [::1]:7000")]
    Node,
    /// An option for one server.
    #[error(
        "redis://host has no options: write the database as in redis://localhost:6379/2, and %3F for ? in a \
         password"
    )]
    Option,
    /// A user without a password.
    #[error("a user needs a password: write redis://user:password@host, or redis://host without both")]
    Password,
    /// The port is invalid.
    #[error(
        "the port is a number from 1 to 65535: write redis://user:password@host:port/database, and in the \
         password %40 for @, %2F for /, %3A for :, %23 for # and %3F for ?"
    )]
    Port,
    /// An option is given more than once.
    #[error("an option other than node is given twice")]
    RepeatedOption,
    /// The scheme is unknown or missing.
    #[error(
        "a Redis URL begins with redis://, redis-cluster://, redis-sentinel:// or redis+unix://, with rediss for \
         TLS; valkey may stand for redis"
    )]
    Scheme,
    /// Unknown option of a Sentinel's URL.
    #[error(
        "the options of a Sentinel's URL are sentinelServiceName, sentinelUsername, sentinelPassword and node, as in \
         redis-sentinel://host:26379?sentinelServiceName=mymaster&node=host:26379"
    )]
    SentinelOption,
    /// A user for the Sentinels without a password.
    #[error("sentinelUsername needs a sentinelPassword")]
    SentinelPassword,
    /// The URL of Sentinels does not name the primary.
    #[error(
        "the name under which the Sentinels know the primary is missing: write \
         redis-sentinel://host:26379?sentinelServiceName=mymaster"
    )]
    SentinelService,
    /// Unknown option of a Unix socket's URL.
    #[error("the only option of a Unix socket's URL is db, as in redis+unix:///run/redis.sock?db=2")]
    SocketOption,
    /// The path of a Unix socket is missing or relative.
    #[error("the path of a Unix socket is absolute, as in redis+unix:///run/redis.sock")]
    SocketPath,
    /// A percent-decoded part is not UTF-8.
    #[error("user, password, options and path must be UTF-8 once they are percent-decoded")]
    Utf8,
}
