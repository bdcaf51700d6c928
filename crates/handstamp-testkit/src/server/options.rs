/// How a [`RedisServer`] is set up. By default it keeps nothing on disk, and asks for no password.
#[derive(Clone, Debug, Default)]
pub struct ServerOptions {
    /// Whether it writes every change to disk at once, and has it again after a restart.
    pub append_only: bool,
    /// The password of the default user.
    pub password: Option<String>,
    /// Further arguments, as on the command line: `["--maxmemory", "2mb"]`.
    pub args: Vec<String>,
}
