//! Servers that accept TLS only.

#![allow(clippy::expect_used, reason = "these are tests")]

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use handstamp_testkit::{
    Certificates, ClusterOptions, PATIENCE, RedisCluster, RedisSentinel, RedisServer, SentinelOptions,
    ServerOptions,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, Stream};

/// How a client authenticates.
#[derive(Clone, Copy)]
enum ClientAuth {
    Nothing,
    Certificate,
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("connect");
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
    stream
}

fn ping(stream: &mut (impl Read + Write)) -> io::Result<String> {
    stream.write_all(b"PING\r\n")?;
    let mut reply = [0; 7];
    stream.read_exact(&mut reply)?;
    Ok(String::from_utf8_lossy(&reply).into_owned())
}

fn ping_with_tls(
    certificates: &Certificates,
    name: &'static str,
    port: u16,
    client_auth: ClientAuth,
) -> io::Result<String> {
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_slice(certificates.ca_pem().as_bytes()).expect("a certificate");
    roots.add(ca).expect("an authority");
    let builder = ClientConfig::builder().with_root_certificates(roots);
    let config = match client_auth {
        ClientAuth::Nothing => builder.with_no_client_auth(),
        ClientAuth::Certificate => {
            let own =
                CertificateDer::from_pem_file(certificates.client_certificate()).expect("a certificate");
            let key = PrivateKeyDer::from_pem_file(certificates.client_key()).expect("a key");
            builder.with_client_auth_cert(vec![own], key).expect("a certificate and its key")
        }
    };
    let name = ServerName::try_from(name).expect("a name");
    let mut connection = ClientConnection::new(Arc::new(config), name).expect("a client");
    ping(&mut Stream::new(&mut connection, &mut connect(port)))
}

/// Whether the server closed the connection. A timeout does not count.
fn is_rejected(reply: io::Result<String>) -> bool {
    use io::ErrorKind::{TimedOut, WouldBlock};
    reply.is_err_and(|error| ![TimedOut, WouldBlock].contains(&error.kind()))
}

const PONG: &str = "+PONG\r\n";

#[tokio::test]
async fn a_server_accepts_tls_only() {
    let mut server = RedisServer::start_with(ServerOptions { tls: true, ..ServerOptions::default() }).await;
    assert_eq!(server.url(), format!("rediss://localhost:{}", server.port()));
    for _ in 0..2 {
        let tls = |name| ping_with_tls(server.certificates(), name, server.port(), ClientAuth::Nothing);
        assert_eq!(tls("localhost").expect("a reply"), PONG);
        assert_eq!(tls("127.0.0.1").expect("a reply"), PONG);
        assert!(is_rejected(tls("elsewhere")), "the certificate is for the names of this machine");
        assert!(is_rejected(ping(&mut connect(server.port()))));
        let other = RedisServer::start_with(ServerOptions { tls: true, ..ServerOptions::default() }).await;
        let foreign = ping_with_tls(other.certificates(), "localhost", server.port(), ClientAuth::Nothing);
        assert!(is_rejected(foreign), "every server has its own authority");
        server.restart().await;
    }
    server.set("key", b"value", Duration::from_secs(60));
}

#[tokio::test]
async fn a_server_requires_client_certificates() {
    let options = ServerOptions { tls: true, tls_client_certificates: true, ..ServerOptions::default() };
    let server = RedisServer::start_with(options).await;
    let tls = |client_auth| ping_with_tls(server.certificates(), "localhost", server.port(), client_auth);
    assert_eq!(tls(ClientAuth::Certificate).expect("a reply"), PONG);
    assert!(is_rejected(tls(ClientAuth::Nothing)));
}

#[tokio::test]
async fn a_cluster_uses_tls() {
    let options = ClusterOptions {
        tls: true,
        tls_client_certificates: true,
        behind_proxies: true,
        ..ClusterOptions::default()
    };
    let cluster = RedisCluster::start_with(options).await;
    assert!(cluster.url().starts_with("rediss-cluster://127.0.0.1:"), "{}", cluster.url());
    for index in 0..cluster.len() {
        let port = cluster.node(index).port();
        let tls = |client_auth| ping_with_tls(cluster.certificates(), "127.0.0.1", port, client_auth);
        assert_eq!(tls(ClientAuth::Certificate).expect("a reply"), PONG);
        assert!(is_rejected(tls(ClientAuth::Nothing)));
        assert!(is_rejected(ping(&mut connect(port))));
    }
    let slot = cluster.slot_of("key");
    let to = (cluster.primary_of_slot(slot) + 1) % 3;
    cluster.set("key", b"value", Duration::from_secs(60));
    cluster.move_slots(slot..=slot, to).await;
    assert_eq!(cluster.node(to).get("key").as_deref(), Some(&b"value"[..]));
    assert_eq!(cluster.fail_over(to).await, to + 3);
}

#[tokio::test]
async fn sentinels_and_their_servers_use_tls() {
    let options = SentinelOptions { tls: true, tls_client_certificates: true, ..SentinelOptions::default() };
    let all = RedisSentinel::start_with(options).await;
    assert!(all.url().starts_with("rediss-sentinel://127.0.0.1:"), "{}", all.url());
    for server in all.servers().iter().chain(all.sentinels()) {
        let tls = |client_auth| ping_with_tls(all.certificates(), "127.0.0.1", server.port(), client_auth);
        assert_eq!(tls(ClientAuth::Certificate).expect("a reply"), PONG);
        assert!(is_rejected(tls(ClientAuth::Nothing)));
        assert!(is_rejected(ping(&mut connect(server.port()))));
    }
    assert_ne!(all.fail_over().await, 0);
}
