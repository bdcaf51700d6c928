//! What nginx does with our `nginx.conf` when nodes misbehave: real nginx before three scripted nodes.

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

/// An address where connections are refused.
const NOBODY: &str = "127.0.0.1:1";

#[test]
fn a_dead_node_is_passed_over() {
    let nodes = [
        NOBODY.into(),
        node(|_, connection| connection.write_all(OK)),
        node(|_, connection| connection.write_all(OK)),
    ];
    let nginx = Nginx::before(&nodes);
    for _ in 0..10 {
        assert_eq!(nginx.status("POST", "/visits"), 200);
        assert_eq!(nginx.status("GET", "/me"), 200);
    }
}

#[test]
fn what_may_have_taken_effect_is_not_repeated() {
    let (asked, nodes) = nodes_that_hang_up();
    assert_eq!(Nginx::before(&nodes).status("POST", "/visits"), 502);
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[test]
fn what_has_no_effect_is_asked_of_the_next_node() {
    let (asked, nodes) = nodes_that_hang_up();
    assert_eq!(Nginx::before(&nodes).status("GET", "/me"), 502);
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

#[test]
fn an_outage_of_redis_takes_no_node_out() {
    let redis_is_there = Arc::new(AtomicBool::new(false));
    let nodes = [0; 3].map(|_| {
        let redis_is_there = Arc::clone(&redis_is_there);
        node(move |_, connection| {
            let all_is_well = redis_is_there.load(Ordering::SeqCst);
            connection.write_all(if all_is_well { OK } else { UNAVAILABLE })
        })
    });
    let nginx = Nginx::before(&nodes);
    for _ in 0..20 {
        assert_eq!(nginx.status("GET", "/me"), 503);
    }
    redis_is_there.store(true, Ordering::SeqCst);
    assert_eq!(nginx.status("GET", "/me"), 200);
}

#[test]
fn nodes_learn_the_host_with_its_port_and_the_real_address() {
    let echo = |head: &str, connection: &mut TcpStream| {
        let length = head.len();
        write!(connection, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{head}")
    };
    let nginx = Nginx::before(&[0; 3].map(|_| node(echo)));
    let seen = nginx.ask("GET / HTTP/1.1\r\nHost: shop.example:8080\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n\r\n");
    assert!(seen.contains("\r\nHost: shop.example:8080\r\n"), "{seen}");
    assert!(seen.contains("\r\nX-Forwarded-Proto: http\r\n"), "{seen}");
    assert!(!seen.contains("6.6.6.6"), "{seen}");
}

#[test]
fn events_are_passed_on_as_they_come() {
    let (heard, next) = mpsc::channel::<()>();
    let next = Mutex::new(next);
    let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    let nodes = [
        node(move |_, connection| {
            connection.write_all(head)?;
            // The second event waits until the first has been heard, and the end never comes.
            for _ in 0..2 {
                connection.write_all(b"9\r\ndata: !\n\n\r\n")?;
                next.lock().unwrap().recv().map_err(io::Error::other)?;
            }
            Ok(())
        }),
        NOBODY.into(),
        NOBODY.into(),
    ];
    let nginx = Nginx::before(&nodes);
    let client = nginx.send("GET /events HTTP/1.1\r\nHost: shop.example\r\n\r\n");
    let lines = BufReader::new(client).lines().map(Result::unwrap);
    let events = lines.filter(|line| line == "data: !").take(2);
    assert_eq!(events.map(|_| heard.send(()).unwrap()).count(), 2);
}

/// The address of a node that does this with the head of each request and the connection that it came on, and
/// hangs up after an error.
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

/// Three that die of every request, after they have read it, and how many they have read.
fn nodes_that_hang_up() -> (Arc<AtomicUsize>, [String; 3]) {
    let asked = Arc::new(AtomicUsize::new(0));
    let nodes = [0; 3].map(|_| {
        let asked = Arc::clone(&asked);
        node(move |_, _| {
            asked.fetch_add(1, Ordering::SeqCst);
            Err(io::ErrorKind::ConnectionAborted.into())
        })
    });
    (asked, nodes)
}

/// `None` when there are no more requests. Ours have no body.
fn read_head(requests: &mut impl BufRead) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if requests.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    Some(head)
}

/// A running nginx, which ends when this does.
struct Nginx {
    process: Child,
    socket: PathBuf,
    folder: TempDir,
}

impl Nginx {
    fn before(nodes: &[String; 3]) -> Self {
        let folder = TempDir::new().unwrap();
        let socket = folder.path().join("socket");
        let mut conf = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../nginx.conf")).unwrap();
        let replacements = [
            ("listen 80;", format!("listen unix:{};", socket.display())),
            ("node-1:3000", nodes[0].clone()),
            ("node-2:3000", nodes[1].clone()),
            ("node-3:3000", nodes[2].clone()),
            // A node on a busy machine is not dead.
            ("proxy_connect_timeout 1s;", "proxy_connect_timeout 60s;".to_owned()),
            ("proxy_next_upstream_timeout 5s;", "proxy_next_upstream_timeout 60s;".to_owned()),
        ];
        for (ours, theirs) in replacements {
            assert!(conf.contains(ours), "{ours}");
            conf = conf.replace(ours, &theirs);
        }
        let conf_path = folder.path().join("nginx.conf");
        fs::write(&conf_path, conf).unwrap();

        let process = Command::new(nginx_program())
            .arg("-p")
            .arg(folder.path())
            .arg("-c")
            .arg(conf_path)
            // One process, so that none is left behind when it is killed.
            .args(["-e", "stderr", "-g", "daemon off; master_process off;"])
            .stdout(Stdio::null())
            .stderr(File::create(folder.path().join(LOG)).unwrap())
            .spawn()
            .expect("nginx is needed: run `cargo xtask setup`");
        let nginx = Self { process, socket, folder };
        nginx.wait_until_it_listens();
        nginx
    }

    /// The status of the answer to a request without a body.
    fn status(&self, method: &str, path: &str) -> u16 {
        let answer = self.ask(&format!(
            "{method} {path} HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        ));
        answer.split(' ').nth(1).unwrap().parse().unwrap()
    }

    fn ask(&self, request: &str) -> String {
        let mut answer = String::new();
        self.send(request).read_to_string(&mut answer).unwrap();
        answer
    }

    fn send(&self, request: &str) -> UnixStream {
        let mut client = UnixStream::connect(&self.socket).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client.write_all(request.as_bytes()).unwrap();
        client
    }

    #[expect(clippy::disallowed_methods, reason = "another process cannot be asked to tell when it is ready")]
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

/// How long anything that must happen is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Debian keeps it where only root's `PATH` leads.
fn nginx_program() -> &'static str {
    if fs::exists("/usr/sbin/nginx").unwrap() { "/usr/sbin/nginx" } else { "nginx" }
}
