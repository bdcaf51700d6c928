use handstamp_core::id::Namespace;

use handstamp_redis_client::{ReadFrom, RedisConfig};

use crate::Channel;

/// The minimal `ACL SETUSER` rules, to follow the name of the user: see [Permissions](crate#permissions).
///
/// ```
/// # use handstamp_core::id::Namespace;
/// # use handstamp_redis::{Channel, RedisConfig, acl_rules};
/// let config = RedisConfig::new("redis://localhost".parse()?);
/// let namespace = Namespace::new("shop")?;
/// let rules = acl_rules(&config, &namespace, &Channel::of(&namespace));
/// assert_eq!(rules[..4], ["resetkeys", "~shop:s:*", "resetchannels", "&shop:invalidate"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn acl_rules(config: &RedisConfig, namespace: &Namespace, channel: &Channel) -> Vec<String> {
    let scope = [
        "resetkeys".to_owned(),
        format!("~{}:s:*", namespace.as_str()),
        "resetchannels".to_owned(),
        format!("&{channel}"),
        "-@all".to_owned(),
    ];
    let commands = COMMANDS.into_iter().chain(further_commands(config));
    scope.into_iter().chain(commands.map(|command| format!("+{command}"))).collect()
}

/// The commands that options of the configuration need.
fn further_commands(config: &RedisConfig) -> impl Iterator<Item = &'static str> {
    let (cluster, replicas) = (config.url.is_cluster(), config.read_from == ReadFrom::Replica);
    let needed = [
        config.url.database() > 0,
        cluster,
        cluster,
        cluster,
        cluster && replicas,
        config.wait_replicas > 0,
        config.tracking,
    ];
    FURTHER_COMMANDS.into_iter().zip(needed).filter_map(|(command, needed)| needed.then_some(command))
}

/// A test checks that each of them is needed.
const COMMANDS: [&str; 17] = [
    "ping",
    "info",
    "client|id",
    "client|setname",
    "get",
    "pttl",
    "pexpire",
    "role",
    "evalsha",
    "eval",
    "getrange",
    "exists",
    "set",
    "del",
    "publish",
    "subscribe",
    "scan",
];

const FURTHER_COMMANDS: [&str; 7] =
    ["select", "asking", "cluster|info", "cluster|slots", "readonly", "wait", "client|tracking"];

#[cfg(test)]
mod tests {
    use handstamp_redis_client::ErrorReply;

    use super::*;

    #[test]
    fn errors_name_every_command() {
        for command in COMMANDS.into_iter().chain(FURTHER_COMMANDS) {
            let reply = format!("NOPERM User app has no permissions to run the '{command}' command");
            let shown = ErrorReply::parse(&reply).to_string();
            assert!(shown.contains(command), "{command}: {shown}");
        }
    }

    #[test]
    fn the_documentation_says_the_same() {
        let namespace = Namespace::new("shop").unwrap();
        let config = RedisConfig::new("redis://a".parse().unwrap());
        let rules = acl_rules(&config, &namespace, &Channel::of(&namespace)).join(" ");
        let documented = include_str!("lib.rs").replace("//!", " ");
        let documented: Vec<_> = documented.split_whitespace().collect();
        assert!(documented.join(" ").contains(&format!("ACL SETUSER shop on >password {rules}")));
    }
}
