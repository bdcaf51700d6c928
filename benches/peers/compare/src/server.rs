use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use subjects::{Error, HEADERS, Instance, Subject, UNUSED_COOKIE};

use crate::Application;

/// A process that serves an application. It is killed when this value is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    address: String,
}

impl Server {
    /// Starts a process that inherits the core of this thread, and waits until it serves.
    pub(crate) fn start(subject: Subject, redis_url: &str) -> Result<Self, Error> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(["serve", &subject.argument(), "--redis-url", redis_url])
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = process.stdout.take().ok_or("the output of a server cannot be read")?;
        let mut server = Self { process, address: String::new() };
        BufReader::new(stdout).read_line(&mut server.address)?;
        server.address.truncate(server.address.trim_end().len());
        if server.address.is_empty() {
            return Err(format!("the server of {} has ended", subject.label()).into());
        }
        // Until it has connected to Redis, requests wait.
        server.get("/plain", None)?;
        Ok(server)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The cookies of a new session, which is read once. Without sessions, they are of no use.
    pub(crate) fn log_in(&self) -> Result<String, Error> {
        let response = self.get("/login", None)?;
        let headers = response.lines().filter_map(|line| line.split_once(": "));
        let cookies = headers.filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
        let pairs = cookies.filter_map(|(_, cookie)| cookie.split(';').next());
        // A cookie without a value is removed.
        let pairs: Vec<&str> = pairs.filter(|pair| !pair.ends_with('=')).collect();
        let cookies = if pairs.is_empty() { UNUSED_COOKIE.to_owned() } else { pairs.join("; ") };
        let response = self.get("/read", Some(&cookies))?;
        if !response.ends_with(subjects::USER_NAME) {
            return Err(format!("a server did not read its session: {response}").into());
        }
        Ok(cookies)
    }

    fn get(&self, path: &str, cookies: Option<&str>) -> Result<String, Error> {
        let mut request = format!("GET {path} HTTP/1.1\r\nconnection: close\r\n");
        for (name, value) in HEADERS.into_iter().chain(cookies.map(|cookies| ("cookie", cookies))) {
            request += &format!("{name}: {value}\r\n");
        }
        let mut stream = TcpStream::connect(&self.address)?;
        stream.write_all(format!("{request}\r\n").as_bytes())?;
        let mut response = String::new();
        stream.read_to_string(&mut response)?;
        Ok(response)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Serves an application on a free port, and prints its address.
#[expect(clippy::print_stdout, reason = "the process that has started this one reads it")]
pub(crate) fn serve(application: &Application) -> Result<(), Error> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    // A namespace of its own, so that it does not receive the invalidations of the other servers.
    let namespace = application.subject.argument();
    application.subject.serve(listener, &Instance { namespace, ..Instance::new(&application.redis_url) })
}
