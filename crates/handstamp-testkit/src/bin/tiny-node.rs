//! A minimal node, for the tests of `NodeProcess`.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener};

#[expect(clippy::print_stdout, reason = "the tests read the output")]
fn main() -> io::Result<()> {
    let port = std::env::var("PORT").map_err(io::Error::other)?;
    if std::env::var_os("FAIL").is_some() {
        return Err(io::Error::other("failed to start"));
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port.parse().map_err(io::Error::other)?))?;
    for (name, value) in std::env::vars() {
        println!("{name}={value}");
    }
    println!("end of variables");
    loop {
        let (mut stream, _) = listener.accept()?;
        let read = stream.read(&mut [0; 1024])?;
        if read > 0 {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
        }
    }
}
