//! Nodes start, end, and report their output.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use handstamp_testkit::{NodeProcess, PATIENCE, until};

const NODE: &str = env!("CARGO_BIN_EXE_tiny-node");

#[tokio::test]
async fn a_node_sees_only_its_own_variables() {
    let node = NodeProcess::start(NODE, [("COLOUR", "red")]).await;
    // Output may arrive later than the first response.
    until("all output has arrived", async || node.output().contains("end of variables")).await;
    let output = node.output();
    let mut names: Vec<_> = output.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    names.sort_unstable();
    assert_eq!(names, ["COLOUR", "PATH", "PORT"]);
    assert!(output.contains(&format!("PORT={}", node.port())));
    assert_eq!(node.base_url(), format!("http://127.0.0.1:{}", node.port()));
}

#[tokio::test]
async fn a_node_ends_when_it_is_terminated() {
    let mut node = NodeProcess::start(NODE, [("COLOUR", "red")]).await;
    assert_eq!(node.terminate(PATIENCE).await.signal(), Some(15));
}

#[tokio::test]
#[should_panic(expected = "did not end within")]
async fn a_node_that_does_not_end_is_reported() {
    let mut node = NodeProcess::start(NODE, [("COLOUR", "red")]).await;
    node.pause();
    node.terminate(Duration::from_millis(20)).await;
}

#[tokio::test]
async fn the_output_of_a_node_that_fails_to_start_is_returned() {
    let (status, output) = NodeProcess::try_start(NODE, [("FAIL", "yes")]).await.expect_err("a failure");
    assert_eq!(status.code(), Some(1));
    assert!(output.contains("failed to start"), "{output}");
}

#[tokio::test]
async fn a_node_restarts_with_the_same_port_and_variables() {
    let mut node = NodeProcess::start(NODE, [("COLOUR", "red")]).await;
    let port = node.port();
    node.kill();
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
    node.restart().await;
    assert_eq!(node.port(), port);
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    until("the variables are printed", async || node.output().contains("COLOUR=red")).await;
}

#[tokio::test]
async fn a_node_does_not_outlive_its_value() {
    let node = NodeProcess::start(NODE, [("COLOUR", "red")]).await;
    let port = node.port();
    drop(node);
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
}
