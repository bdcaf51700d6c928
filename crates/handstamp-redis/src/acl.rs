use handstamp_core::id::Namespace;

use crate::Channel;

/// What an `ACL SETUSER` must say behind the user's name, and may do without anything more: see
/// [Permissions](crate#permissions).
///
/// ```
/// # use handstamp_core::id::Namespace;
/// # use handstamp_redis::{Channel, acl_rules};
/// let namespace = Namespace::new("shop")?;
/// let rules = acl_rules(&namespace, &Channel::of(&namespace));
/// assert_eq!(rules[..4], ["resetkeys", "~shop:s:*", "resetchannels", "&shop:invalidate"]);
/// # Ok::<(), handstamp_core::id::InvalidNamespace>(())
/// ```
#[must_use]
pub fn acl_rules(namespace: &Namespace, channel: &Channel) -> Vec<String> {
    let scope = [
        "resetkeys".to_owned(),
        format!("~{}:s:*", namespace.as_str()),
        "resetchannels".to_owned(),
        format!("&{channel}"),
        "-@all".to_owned(),
    ];
    let commands = COMMANDS.iter().map(|command| format!("+{command}"));
    scope.into_iter().chain(commands).collect()
}

/// Each is tested to be needed.
const COMMANDS: [&str; 15] = [
    "ping",
    "info",
    "client|id",
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
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_says_the_same() {
        let namespace = Namespace::new("shop").unwrap();
        let rules = acl_rules(&namespace, &Channel::of(&namespace)).join(" ");
        let documented = include_str!("lib.rs").replace("//!", " ");
        let documented: Vec<_> = documented.split_whitespace().collect();
        assert!(documented.join(" ").contains(&format!("ACL SETUSER shop on >password {rules}")));
    }
}
