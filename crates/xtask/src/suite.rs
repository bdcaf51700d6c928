use crate::failure::Failure;
use crate::setup;
use crate::step::Step;

/// A group of tests that can be run by itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Suite {
    pub(crate) name: &'static str,
    server: Server,
    driver: Driver,
    /// Whether its tests start processes or servers, so that a busy machine can disturb them.
    pub(crate) starts_servers: bool,
    command: &'static str,
}

/// Which server the tests of a suite start.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Server {
    /// The `redis-server` of the system.
    System,
    /// The newest Valkey, which `setup` downloads.
    Newest,
}

/// Which driver of Redis the tests of a suite use.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Driver {
    Default,
    RedisRs,
}

impl Suite {
    /// The suite of this name.
    ///
    /// # Errors
    ///
    /// An unknown name; the error lists the suites.
    pub(crate) fn named(name: &str) -> Result<Self, Failure> {
        SUITES.into_iter().find(|suite| suite.name == name).ok_or_else(|| {
            let names: Vec<_> = SUITES.iter().map(|suite| suite.name).collect();
            Failure::Message(format!("there is no suite `{name}`. The suites are: {}.", names.join(", ")))
        })
    }

    /// The command that runs it.
    pub(crate) fn step(&self) -> Step {
        let step = Step::new(self.command);
        let step = match self.server {
            Server::System => step,
            Server::Newest => {
                step.with_variable("HANDSTAMP_TEST_SERVER", &setup::newest_server().display().to_string())
            }
        };
        match self.driver {
            Driver::Default => step,
            Driver::RedisRs => step.with_variable("REDIS_DRIVER", "redis-rs"),
        }
    }
}

const fn suite(name: &'static str, command: &'static str) -> Suite {
    Suite { name, server: Server::System, driver: Driver::Default, starts_servers: true, command }
}

/// All suites, quick ones first. They name targets of the whole workspace and no packages: with the features of a single package,
/// dependencies would be built a second time.
pub(crate) const SUITES: [Suite; 16] = [
    Suite {
        starts_servers: false,
        ..suite(
            "unit",
            "cargo test --workspace --all-features --lib --bins --test allocations --test conformance --test group_commit --test model --test renewals --test it \
             --test clustered --test deployment --test documents --test words",
        )
    },
    Suite { starts_servers: false, ..suite("api", "cargo test --workspace --all-features --test api") },
    Suite { starts_servers: false, ..suite("doc", "cargo test --workspace --all-features --doc") },
    suite(
        "testkit",
        "cargo test --workspace --all-features --test cluster --test node --test sentinel --test tls",
    ),
    suite("redis", "cargo test --workspace --all-features --test client --test redis"),
    suite("e2e", "cargo test --workspace --all-features --test e2e"),
    suite("balancer", "cargo test --workspace --all-features --test balancer"),
    suite("browser", "cargo test --workspace --all-features --test browser"),
    Suite {
        server: Server::Newest,
        ..suite(
            "testkit-valkey",
            "cargo test --workspace --all-features --test cluster --test node --test sentinel --test tls",
        )
    },
    Suite {
        server: Server::Newest,
        ..suite("redis-valkey", "cargo test --workspace --all-features --test client --test redis")
    },
    Suite {
        driver: Driver::RedisRs,
        ..suite("redis-redis-rs", "cargo test --workspace --all-features --test client --test redis")
    },
    Suite {
        driver: Driver::RedisRs,
        ..suite("e2e-redis-rs", "cargo test --workspace --all-features --test e2e")
    },
    suite(
        "torture-one",
        "cargo run --package handstamp-tests --bin torture -- --topology one --minutes 1 --seed 1",
    ),
    suite(
        "torture-sentinel",
        "cargo run --package handstamp-tests --bin torture -- --topology sentinel --with replicas --minutes 1 --seed 2",
    ),
    suite(
        "torture-cluster",
        "cargo run --package handstamp-tests --bin torture -- --topology cluster --with tracking --minutes 1 --seed 3",
    ),
    Suite {
        driver: Driver::RedisRs,
        ..suite(
            "torture-redis-rs",
            "cargo run --package handstamp-tests --bin torture -- --topology cluster --minutes 1 --seed 4",
        )
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_is_an_error_that_lists_the_suites() {
        assert_eq!(Suite::named("redis").unwrap().name, "redis");
        let failure = Suite::named("radis").unwrap_err().to_string();
        assert!(failure.starts_with("there is no suite `radis`. The suites are: unit, api, "), "{failure}");
    }

    #[test]
    fn every_test_target_of_the_workspace_is_in_a_suite() {
        let root = std::path::Path::new(crate::step::WORKSPACE);
        let manifests = ["crates", "examples"].into_iter().flat_map(|folder| {
            std::fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path())
        });
        for package in manifests {
            let Ok(tests) = std::fs::read_dir(package.join("tests")) else { continue };
            for test in tests.map(|entry| entry.unwrap().path()) {
                let is_target =
                    test.extension().is_some_and(|ending| ending == "rs") || test.join("main.rs").is_file();
                let name = test.file_stem().unwrap().to_str().unwrap();
                // The loom tests have a build of their own.
                if is_target && name != "interleavings" {
                    let flag = format!("--test {name}");
                    assert!(
                        SUITES
                            .iter()
                            .any(|suite| format!("{} ", suite.command).contains(&format!("{flag} "))),
                        "no suite runs {flag}"
                    );
                }
            }
        }
    }
}
