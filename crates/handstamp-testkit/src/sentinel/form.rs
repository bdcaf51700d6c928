use futures_util::future::join_all;

use super::{RedisSentinel, SERVICE, SentinelOptions};
use crate::server::Setup;
use crate::{Certificates, RedisServer, ServerOptions};

pub(super) async fn form(options: SentinelOptions) -> RedisSentinel {
    let certificates = options.tls.then(Certificates::new);
    let primary = RedisServer::start_as(&server(&options, &certificates, None)).await;
    let port = primary.port();
    let replica = server(&options, &certificates, Some(port));
    let replicas = join_all((0..REPLICAS).map(|_| RedisServer::start_as(&replica))).await;
    let servers = [primary].into_iter().chain(replicas).collect();
    let mut all = RedisSentinel { servers, sentinels: Vec::new(), options, certificates };
    // A sentinel that finds no replicas at first looks for them again only after a long time.
    all.until_replicas_follow(0).await;
    let sentinel = sentinel(&all.options, &all.certificates, port);
    all.sentinels = join_all((0..SENTINELS).map(|_| RedisServer::start_as(&sentinel))).await;
    all.sentinels.iter().for_each(shorten_periods);
    all.until_ok().await;
    all
}

/// Shortens the periods of a sentinel: for `INFO` (default: 10 s), for announcements (2 s), and the pause after it was suspended for
/// two seconds itself, as happens on a busy machine (30 s).
pub(super) fn shorten_periods(sentinel: &RedisServer) {
    let periods = ["INFO-PERIOD", "500", "PUBLISH-PERIOD", "250", "TILT-PERIOD", "2000"];
    sentinel.command(&[&["SENTINEL", "DEBUG"][..], &periods].concat());
}

fn server(options: &SentinelOptions, certificates: &Option<Certificates>, primary: Option<u16>) -> Setup {
    // In a file, because the sentinels change these settings, and the changes have to survive a restart.
    let mut config = "repl-diskless-sync-delay 0\nrepl-ping-replica-period 1\n".to_owned();
    if let Some(password) = &options.password {
        config += &format!("masterauth {password}\n");
    }
    if let Some(port) = primary {
        config += &format!("replicaof 127.0.0.1 {port}\n");
    }
    let servers = ServerOptions {
        append_only: options.append_only,
        password: options.password.clone(),
        tls_client_certificates: options.tls_client_certificates,
        args: options.args.clone(),
        ..ServerOptions::default()
    };
    Setup { options: servers, config: Some(config), certificates: certificates.clone() }
}

fn sentinel(options: &SentinelOptions, certificates: &Option<Certificates>, primary: u16) -> Setup {
    let (down_after, timeout) = (options.down_after.as_millis(), options.failover_timeout.as_millis());
    let mut config = format!(
        "sentinel monitor {SERVICE} 127.0.0.1 {primary} {QUORUM}\n\
         sentinel down-after-milliseconds {SERVICE} {down_after}\n\
         sentinel failover-timeout {SERVICE} {timeout}\n\
         sentinel parallel-syncs {SERVICE} {REPLICAS}\n"
    );
    if let Some(password) = &options.password {
        config += &format!("sentinel auth-pass {SERVICE} {password}\n");
    }
    if let Some(password) = &options.sentinel_password {
        config += &format!("sentinel sentinel-pass {password}\n");
    }
    let sentinels = ServerOptions {
        password: options.sentinel_password.clone(),
        tls_client_certificates: options.tls_client_certificates,
        args: vec!["--sentinel".to_owned()],
        ..ServerOptions::default()
    };
    Setup { options: sentinels, config: Some(config), certificates: certificates.clone() }
}

const REPLICAS: usize = 2;
const SENTINELS: usize = 3;
const QUORUM: usize = 2;
