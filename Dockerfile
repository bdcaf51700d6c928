# The reference node, examples/cluster-node. Both stages use the same Debian, so that the program finds the C library
# that it was linked with.

FROM rust:1-slim-trixie AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY benches/instructions benches/instructions
COPY crates crates
COPY examples examples
COPY tests tests
# The caches are kept between builds.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --package cluster-node \
    && cp target/release/cluster-node /usr/local/bin/

FROM debian:trixie-slim
COPY --from=build /usr/local/bin/cluster-node /usr/local/bin/
# An unprivileged user. As a number, Kubernetes can check that it is not root.
USER 65532:65532
ENV PORT=3000
EXPOSE 3000
ENTRYPOINT ["cluster-node"]
