//! Servers that speak TLS and nothing else.

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

/// What a client proves who it is with.
#[derive(Clone, Copy)]
enum Proof {
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
    let mut answer = [0; 7];
    stream.read_exact(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn ping_with_tls(
    certificates: &Certificates,
    name: &'static str,
    port: u16,
    proof: Proof,
) -> io::Result<String> {
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_slice(certificates.ca_pem().as_bytes()).expect("a certificate");
    roots.add(ca).expect("an authority");
    let builder = ClientConfig::builder().with_root_certificates(roots);
    let config = match proof {
        Proof::Nothing => builder.with_no_client_auth(),
        Proof::Certificate => {
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

/// Whether the other end did not talk. To say nothing in time is another thing.
fn is_refused(answer: io::Result<String>) -> bool {
    use io::ErrorKind::{TimedOut, WouldBlock};
    answer.is_err_and(|error| ![TimedOut, WouldBlock].contains(&error.kind()))
}

const PONG: &str = "+PONG\r\n";

#[tokio::test]
async fn a_server_speaks_tls_and_nothing_else() {
    let mut server = RedisServer::start_with(ServerOptions { tls: true, ..ServerOptions::default() }).await;
    assert_eq!(server.url(), format!("rediss://localhost:{}", server.port()));
    for _ in 0..2 {
        let tls = |name| ping_with_tls(server.certificates(), name, server.port(), Proof::Nothing);
        assert_eq!(tls("localhost").expect("an answer"), PONG);
        assert_eq!(tls("127.0.0.1").expect("an answer"), PONG);
        assert!(is_refused(tls("elsewhere")), "the certificate is for the names of this machine");
        assert!(is_refused(ping(&mut connect(server.port()))));
        let other = RedisServer::start_with(ServerOptions { tls: true, ..ServerOptions::default() }).await;
        let foreign = ping_with_tls(other.certificates(), "localhost", server.port(), Proof::Nothing);
        assert!(is_refused(foreign), "every server has an authority of its own");
        server.restart().await;
    }
    server.set("key", b"value", Duration::from_secs(60));
}

#[tokio::test]
async fn a_server_asks_its_clients_for_a_certificate() {
    let options = ServerOptions { tls: true, tls_client_certificates: true, ..ServerOptions::default() };
    let server = RedisServer::start_with(options).await;
    let tls = |proof| ping_with_tls(server.certificates(), "localhost", server.port(), proof);
    assert_eq!(tls(Proof::Certificate).expect("an answer"), PONG);
    assert!(is_refused(tls(Proof::Nothing)));
}

#[tokio::test]
async fn a_cluster_speaks_tls() {
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
        let tls = |proof| ping_with_tls(cluster.certificates(), "127.0.0.1", port, proof);
        assert_eq!(tls(Proof::Certificate).expect("an answer"), PONG);
        assert!(is_refused(tls(Proof::Nothing)));
        assert!(is_refused(ping(&mut connect(port))));
    }
    let slot = cluster.slot_of("key");
    let to = (cluster.primary_of_slot(slot) + 1) % 3;
    cluster.set("key", b"value", Duration::from_secs(60));
    cluster.move_slots(slot..=slot, to).await;
    assert_eq!(cluster.node(to).get("key").as_deref(), Some(&b"value"[..]));
    assert_eq!(cluster.fail_over(to).await, to + 3);
}

#[tokio::test]
async fn sentinels_and_their_servers_speak_tls() {
    let options = SentinelOptions { tls: true, tls_client_certificates: true, ..SentinelOptions::default() };
    let all = RedisSentinel::start_with(options).await;
    assert!(all.url().starts_with("rediss-sentinel://127.0.0.1:"), "{}", all.url());
    for server in all.servers().iter().chain(all.sentinels()) {
        let tls = |proof| ping_with_tls(all.certificates(), "127.0.0.1", server.port(), proof);
        assert_eq!(tls(Proof::Certificate).expect("an answer"), PONG);
        assert!(is_refused(tls(Proof::Nothing)));
        assert!(is_refused(ping(&mut connect(server.port()))));
    }
    assert_ne!(all.fail_over().await, 0);
}
