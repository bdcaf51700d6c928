/// Why a text is no URL of servers that this crate can use. None of these repeats any of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RedisUrlError {
    /// The URL of a cluster names another database than 0.
    #[error("a cluster has only the database 0: leave out what follows the hosts and the /")]
    ClusterDatabase,
    /// An option of a cluster's URL is unknown.
    #[error("the only option of a cluster's URL is node, as in redis-cluster://host:port?node=host:port")]
    ClusterOption,
    /// What comes after the host is no number of a database.
    #[error("the database is a number from 0 to 255, as in redis://localhost:6379/2")]
    Database,
    /// Something follows a `#`.
    #[error("a # has no place in a Redis URL: in a password write %23 for it")]
    Fragment,
    /// There is no host, or it is none.
    #[error(
        "there is no host where one should be: write redis://user:password@host:port/database, an IPv6 address in \
         brackets, and in the password %40 for @, %2F for /, %3A for :, %23 for # and %3F for ?"
    )]
    Host,
    /// Several hosts for what is one server.
    #[error(
        "one server has one host: write redis-cluster://host:port,host:port for a cluster, and \
         redis-sentinel://host:port,host:port?sentinelServiceName=name for Sentinels"
    )]
    Hosts,
    /// A node is not given as host and port.
    #[error("a node is written as host:port, an IPv6 address in brackets: 10.0.0.1:7000 or [::1]:7000")]
    Node,
    /// There is an option, and the URL has none.
    #[error(
        "redis://host has no options: write the database as in redis://localhost:6379/2, and %3F for ? in a \
         password"
    )]
    Option,
    /// There is a user, and no password.
    #[error("a user needs a password: write redis://user:password@host, or redis://host without both")]
    Password,
    /// The port is no port.
    #[error(
        "the port is a number from 1 to 65535: write redis://user:password@host:port/database, and in the \
         password %40 for @, %2F for /, %3A for :, %23 for # and %3F for ?"
    )]
    Port,
    /// An option is given more than once.
    #[error("an option other than node is given twice")]
    RepeatedOption,
    /// The scheme is another one, or there is none.
    #[error(
        "a Redis URL begins with redis://, redis-cluster://, redis-sentinel:// or redis+unix://, with rediss for \
         TLS; valkey may stand for redis"
    )]
    Scheme,
    /// An option of a Sentinel's URL is unknown.
    #[error(
        "the options of a Sentinel's URL are sentinelServiceName, sentinelUsername, sentinelPassword and node, as in \
         redis-sentinel://host:26379?sentinelServiceName=mymaster&node=host:26379"
    )]
    SentinelOption,
    /// There is a user for the Sentinels, and no password.
    #[error("sentinelUsername needs a sentinelPassword")]
    SentinelPassword,
    /// The URL of Sentinels does not say which primary.
    #[error(
        "the name under which the Sentinels know the primary is missing: write \
         redis-sentinel://host:26379?sentinelServiceName=mymaster"
    )]
    SentinelService,
    /// An option of a Unix socket's URL is unknown.
    #[error("the only option of a Unix socket's URL is db, as in redis+unix:///run/redis.sock?db=2")]
    SocketOption,
    /// There is no path where the path of a Unix socket should be.
    #[error("the path of a Unix socket is absolute, as in redis+unix:///run/redis.sock")]
    SocketPath,
    /// Something decodes to bytes that are no text.
    #[error("user, password, options and path must be UTF-8 once they are percent-decoded")]
    Utf8,
}
