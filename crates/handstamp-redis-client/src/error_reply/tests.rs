use super::*;

#[test]
fn error_replies_have_a_meaning() {
    for (text, shown) in [
        ("READONLY You can't write against a read only replica.", "READONLY: it is a replica"),
        ("ERR max number of clients reached", "ERR: it has no room for another client"),
        ("NEWCODE of a later server", "NEWCODE"),
        (
            "DENIED Redis is running in protected mode because",
            "DENIED: it is in protected mode, and accepts connections from its own host only",
        ),
        ("ERR invalid expire time in 'set' command", "ERR"),
        ("whatever", "ERR"),
        ("", "ERR"),
    ] {
        assert_eq!(ErrorReply::parse(text).to_string(), shown, "{text:?}");
    }
}

/// L8: texts that Redis 6.2 has sent.
#[test]
fn l8_the_error_within_the_error_of_a_script_counts() {
    for (inner, code) in [
        ("@user_script: 1: -READONLY You can't write against a read only replica.", "READONLY"),
        ("@user_script: 1: -OOM command not allowed when used memory > 'maxmemory'.", "OOM"),
        ("@user_script: 1: -MISCONF Redis is configured to save RDB snapshots, but", "MISCONF"),
        ("WRONGTYPE Operation against a key holding the wrong kind of value", "WRONGTYPE"),
        ("@user_script: 1: The user executing the script can't run this command or", "NOPERM"),
        ("@user_script: 1: The user executing the script can't publish to the channel", "NOPERM"),
        ("@user_script: 1: Unknown Redis command called from Lua script", "ERR"),
        ("user_script:1: attempt to call field 'acl_check_cmd' (a nil value)", "ERR"),
    ] {
        let text = format!("ERR Error running script (call to f_fea3982): @user_script:21: {inner}\n");
        let reply = ErrorReply::parse(&text);
        assert_eq!(reply.code(), code, "{text}");
        assert_eq!(
            reply.is_denial(),
            inner.contains("user executing") || inner.contains("Unknown"),
            "{text}"
        );
    }
    assert!(
        ErrorReply::parse("ERR Error running script (call to f_1): @user_script:1: -READONLY x")
            .is_transient()
    );
    assert_eq!(ErrorReply::parse("ERR Error running script").code(), "ERR");
}

#[test]
fn k11_error_replies_name_the_command() {
    for (text, shown) in [
        ("NOPERM this user has no permissions to run the 'evalsha' command", " (evalsha)"),
        ("NOPERM User app has no permissions to run the 'client|setname' command", " (client|setname)"),
        ("NOPERM User app has no permissions to run the 'flushall' command", "key or channel"),
        ("NOPERM No permissions to access a key", " (the keys)"),
        (
            "NOPERM this user has no permissions to access one of the channels used as arguments",
            " (the channel)",
        ),
        ("ERR ACL failure in script: User app has no permissions to run the 'set' command", " (set)"),
        (
            "ERR The user executing the script can't run this command or subcommand script: 1",
            " (a command in a script)",
        ),
        ("ERR unknown command 'EVALSHA', with args beginning with: 'get'", " (evalsha)"),
        ("ERR unknown command `PUBLISH`, with args beginning with: `get`", " (publish)"),
        ("ERR unknown command 'FOO', with args beginning with: 'get'", "is needed"),
    ] {
        let reply = ErrorReply::parse(text).to_string();
        assert!(reply.ends_with(shown), "{reply}");
    }
}

#[test]
fn no_argument_is_repeated() {
    let quoted = "ERR unknown command 'EVALSHA', with args beginning with: 'shop:s:KEY' 'PAYLOAD'";
    let reply = format!("{0} {0:?}", ErrorReply::parse(quoted));
    assert!(!reply.contains("KEY") && !reply.contains("PAYLOAD"), "{reply}");
}
