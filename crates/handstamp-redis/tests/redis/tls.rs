//! Connections over TLS, to trusted servers only.

use std::fs;
use std::time::Duration;

use bytes::Bytes;
use handstamp_redis::{RedisConfig, RedisStore, Tls};
use handstamp_store::{Bus, Records, Shard, Topology};
use handstamp_testkit::{RedisServer, ServerOptions, free_port};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;

use crate::harness::{cause, config, connected_by, created, until_received};

/// A private authority.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("an authority"))
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    fn tls(&self) -> Tls {
        Tls::with_ca_pem(self.pem().as_bytes()).expect("an authority")
    }

    /// A certificate for these hosts, and its key.
    fn issue(&self, hosts: &[&str]) -> (String, String) {
        let hosts: Vec<_> = hosts.iter().map(|&host| host.to_owned()).collect();
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(hosts).expect("hosts");
        (params.signed_by(&key, &self.0).expect("a certificate").pem(), key.serialize_pem())
    }
}

/// A server that speaks TLS on a port besides.
struct TlsServer {
    server: RedisServer,
    port: u16,
    _files: TempDir,
}

impl TlsServer {
    async fn start(authority: &Authority, hosts: &[&str], wants_certificates: bool) -> Self {
        let files = TempDir::new().expect("a directory");
        let (certificate, key) = authority.issue(hosts);
        let port = free_port();
        let mut args = vec!["--tls-port".to_owned(), port.to_string()];
        args.extend([
            "--tls-auth-clients".to_owned(),
            if wants_certificates { "yes" } else { "no" }.to_owned(),
        ]);
        for (option, name, content) in [
            ("--tls-cert-file", "cert.pem", certificate),
            ("--tls-key-file", "key.pem", key),
            ("--tls-ca-cert-file", "ca.pem", authority.pem()),
        ] {
            let path = files.path().join(name);
            fs::write(&path, content).expect("a file");
            args.extend([option.to_owned(), path.display().to_string()]);
        }
        let server = RedisServer::start_with(ServerOptions { args, ..ServerOptions::default() }).await;
        Self { server, port, _files: files }
    }

    fn url(&self, host: &str) -> String {
        format!("rediss://{host}:{}", self.port)
    }
}

fn trusting(tls: Tls, url: &str) -> RedisConfig {
    config(url).with_tls(tls)
}

/// Why the store cannot be reached.
async fn failure(config: RedisConfig) -> String {
    let (store, _bus) = connected_by(config);
    cause(&store.ping_primary(Shard::ONLY).await.expect_err("no connection")).to_string()
}

async fn serves(store: &RedisStore) {
    let record = created(store).await;
    let stored = store.load(record.key()).await.expect("load").expect("a record");
    assert_eq!(stored.entry, record);
}

#[tokio::test]
async fn a_private_authority_serves_commands_and_subscriptions() {
    let authority = Authority::new("ours");
    let server = TlsServer::start(&authority, &["localhost", "127.0.0.1"], false).await;
    for host in ["localhost", "127.0.0.1"] {
        let (store, bus) = connected_by(trusting(authority.tls(), &server.url(host)));
        serves(&store).await;
        let mut subscription = bus.subscribe(Shard::ONLY).await.expect("subscribe");
        bus.publish(Shard::ONLY, Bytes::from_static(b"forget")).await.expect("publish");
        until_received(&mut subscription, b"forget").await;
    }
}

#[tokio::test]
async fn an_untrusted_server_gets_no_commands() {
    let authority = Authority::new("ours");
    let server = TlsServer::start(&authority, &["127.0.0.1"], false).await;
    let untrusted = "its certificate is from an authority that is not trusted";
    let other = trusting(Authority::new("theirs").tls(), &server.url("127.0.0.1"));
    assert!(failure(other).await.contains(untrusted));
    let system = failure(config(&server.url("127.0.0.1"))).await;
    assert!(system.contains(untrusted) || system.contains("no certificates of authorities"), "{system}");
    let elsewhere = failure(trusting(authority.tls(), &server.url("localhost"))).await;
    assert!(elsewhere.contains("its certificate is for another host"), "{elsewhere}");
    // A server that does not know TLS waits for the end of a line.
    let in_the_clear = format!("rediss://127.0.0.1:{}", server.server.port());
    let limits = config(&in_the_clear).with_connect_timeout(Duration::from_millis(500));
    let (store, _bus) = connected_by(limits.with_tls(authority.tls()));
    store.ping_primary(Shard::ONLY).await.expect_err("no TLS");
}

#[tokio::test]
async fn servers_may_want_a_certificate_of_ours() {
    let authority = Authority::new("ours");
    let server = TlsServer::start(&authority, &["127.0.0.1"], true).await;
    let (certificate, key) = authority.issue(&["client"]);
    let tls = authority.tls().and_client_certificate(certificate.as_bytes(), key.as_bytes());
    let (store, bus) = connected_by(trusting(tls.expect("a certificate"), &server.url("127.0.0.1")));
    serves(&store).await;
    bus.subscribe(Shard::ONLY).await.expect("subscribe");
    let without = failure(trusting(authority.tls(), &server.url("127.0.0.1"))).await;
    assert!(without.contains("it requires a certificate from us"), "{without}");
    let (certificate, key) = Authority::new("theirs").issue(&["client"]);
    let tls = authority.tls().and_client_certificate(certificate.as_bytes(), key.as_bytes());
    let stranger = failure(trusting(tls.expect("a certificate"), &server.url("127.0.0.1"))).await;
    assert!(stranger.contains("it does not trust the authority of our certificate"), "{stranger}");
}
