//! The behaviour of `nginx.conf` when nodes fail: a real nginx in front of three scripted nodes.

#![cfg(unix)]
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "these are tests, and their helpers are part of them"
)]

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const UNAVAILABLE: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";

/// An address that refuses connections.
const UNREACHABLE: &str = "127.0.0.1:1";

#[test]
fn a_dead_node_is_skipped() {
    let nodes = [
        UNREACHABLE.into(),
        node(|_, connection| connection.write_all(OK)),
        node(|_, connection| connection.write_all(OK)),
    ];
    let nginx = Nginx::in_front_of(&nodes);
    for _ in 0..10 {
        assert_eq!(nginx.status("POST", "/visits"), 200);
        assert_eq!(nginx.status("GET", "/me"), 200);
    }
}

#[test]
fn a_request_that_may_have_taken_effect_is_not_repeated() {
    let (requests, nodes) = nodes_that_close_connections();
    assert_eq!(Nginx::in_front_of(&nodes).status("POST", "/visits"), 502);
    assert_eq!(requests.load(Ordering::SeqCst), 1);
}

#[test]
fn a_request_without_effect_is_sent_to_the_next_node() {
    let (requests, nodes) = nodes_that_close_connections();
    assert_eq!(Nginx::in_front_of(&nodes).status("GET", "/me"), 502);
    assert_eq!(requests.load(Ordering::SeqCst), 3);
}

#[test]
fn an_outage_of_redis_removes_no_node() {
    let redis_is_available = Arc::new(AtomicBool::new(false));
    let nodes = [0; 3].map(|_| {
        let redis_is_available = Arc::clone(&redis_is_available);
        node(move |_, connection| {
            let is_available = redis_is_available.load(Ordering::SeqCst);
            connection.write_all(if is_available { OK } else { UNAVAILABLE })
        })
    });
    let nginx = Nginx::in_front_of(&nodes);
    for _ in 0..20 {
        assert_eq!(nginx.status("GET", "/me"), 503);
    }
    redis_is_available.store(true, Ordering::SeqCst);
    assert_eq!(nginx.status("GET", "/me"), 200);
}

#[test]
fn nodes_receive_the_host_with_its_port_and_the_real_address() {
    let echo = |head: &str, connection: &mut TcpStream| {
        let length = head.len();
        write!(connection, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{head}")
    };
    let nginx = Nginx::in_front_of(&[0; 3].map(|_| node(echo)));
    let seen = nginx.response("GET / HTTP/1.1\r\nHost: shop.example:8080\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n\r\n");
    assert!(seen.contains("\r\nHost: shop.example:8080\r\n"), "{seen}");
    assert!(seen.contains("\r\nX-Forwarded-Proto: http\r\n"), "{seen}");
    assert!(!seen.contains("6.6.6.6"), "{seen}");
}

#[test]
fn events_are_forwarded_immediately() {
    let (received, next) = mpsc::channel::<()>();
    let next = Mutex::new(next);
    let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    let nodes = [
        node(move |_, connection| {
            connection.write_all(head)?;
            // The second event waits until the first has been received, and the response never ends.
            for _ in 0..2 {
                connection.write_all(b"9\r\ndata: !\n\n\r\n")?;
                next.lock().unwrap().recv().map_err(io::Error::other)?;
            }
            Ok(())
        }),
        UNREACHABLE.into(),
        UNREACHABLE.into(),
    ];
    let nginx = Nginx::in_front_of(&nodes);
    let client = nginx.send("GET /events HTTP/1.1\r\nHost: shop.example\r\n\r\n");
    let lines = BufReader::new(client).lines().map(Result::unwrap);
    let events = lines.filter(|line| line == "data: !").take(2);
    assert_eq!(events.map(|_| received.send(()).unwrap()).count(), 2);
}

/// The address of a node that calls `serve` with the head and the connection of each request, and closes the connection after an
/// error.
fn node(serve: impl Fn(&str, &mut TcpStream) -> io::Result<()> + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let serve = Arc::clone(&serve);
            thread::spawn(move || {
                let mut requests = BufReader::new(connection.try_clone().unwrap());
                while let Some(head) = read_head(&mut requests) {
                    if serve(&head, &mut connection).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

/// Three nodes that close the connection after they have read a request, and the number of requests.
fn nodes_that_close_connections() -> (Arc<AtomicUsize>, [String; 3]) {
    let requests = Arc::new(AtomicUsize::new(0));
    let nodes = [0; 3].map(|_| {
        let requests = Arc::clone(&requests);
        node(move |_, _| {
            requests.fetch_add(1, Ordering::SeqCst);
            Err(io::ErrorKind::ConnectionAborted.into())
        })
    });
    (requests, nodes)
}

/// `None` if there are no more requests. The requests here have no body.
fn read_head(requests: &mut impl BufRead) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if requests.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    Some(head)
}

/// A running nginx, which is killed on drop.
struct Nginx {
    process: Child,
    socket: PathBuf,
    folder: TempDir,
}

impl Nginx {
    fn in_front_of(nodes: &[String; 3]) -> Self {
        let folder = TempDir::new().unwrap();
        let socket = folder.path().join("socket");
        let mut conf = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../nginx.conf")).unwrap();
        let replacements = [
            ("listen 80;", format!("listen unix:{};", socket.display())),
            ("node-1:3000", nodes[0].clone()),
            ("node-2:3000", nodes[1].clone()),
            ("node-3:3000", nodes[2].clone()),
            // Longer limits, because a node on a busy machine is slow.
            ("proxy_connect_timeout 1s;", "proxy_connect_timeout 60s;".to_owned()),
            ("proxy_next_upstream_timeout 5s;", "proxy_next_upstream_timeout 60s;".to_owned()),
        ];
        for (from, to) in replacements {
            assert!(conf.contains(from), "{from}");
            conf = conf.replace(from, &to);
        }
        let conf_path = folder.path().join("nginx.conf");
        fs::write(&conf_path, conf).unwrap();

        let process = Command::new(nginx_program())
            .arg("-p")
            .arg(folder.path())
            .arg("-c")
            .arg(conf_path)
            // A single process, so that no worker survives when it is killed.
            .args(["-e", "stderr", "-g", "daemon off; master_process off;"])
            .stdout(Stdio::null())
            .stderr(File::create(folder.path().join(LOG)).unwrap())
            .spawn()
            .expect("nginx is needed: run `cargo xtask setup`");
        let nginx = Self { process, socket, folder };
        nginx.wait_until_it_listens();
        nginx
    }

    /// The status of the response to a request without a body.
    fn status(&self, method: &str, path: &str) -> u16 {
        let response = self.response(&format!(
            "{method} {path} HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        ));
        response.split(' ').nth(1).unwrap().parse().unwrap()
    }

    fn response(&self, request: &str) -> String {
        let mut response = String::new();
        self.send(request).read_to_string(&mut response).unwrap();
        response
    }

    fn send(&self, request: &str) -> UnixStream {
        let mut client = UnixStream::connect(&self.socket).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client.write_all(request.as_bytes()).unwrap();
        client
    }

    #[expect(clippy::disallowed_methods, reason = "another process does not report when it is ready")]
    fn wait_until_it_listens(&self) {
        const PAUSE: Duration = Duration::from_millis(10);
        for _ in 0..PATIENCE.as_millis() / PAUSE.as_millis() {
            if UnixStream::connect(&self.socket).is_ok() {
                return;
            }
            thread::sleep(PAUSE);
        }
        panic!("nginx does not listen");
    }
}

impl Drop for Nginx {
    #[expect(clippy::print_stderr, reason = "the log helps when a test has failed")]
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if thread::panicking() {
            let log = fs::read_to_string(self.folder.path().join(LOG));
            eprintln!("The log of nginx: {}", log.unwrap_or_default());
        }
    }
}

const LOG: &str = "error.log";

/// How long a test waits for an event that must happen.
const PATIENCE: Duration = Duration::from_secs(60);

/// On Debian, it is only in the `PATH` of root.
fn nginx_program() -> &'static str {
    if fs::exists("/usr/sbin/nginx").unwrap() { "/usr/sbin/nginx" } else { "nginx" }
}
