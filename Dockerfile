# The reference node, examples/cluster-node. Both stages stand on the same Debian, so that the program finds the C
# library that it was linked with.

FROM rust:1-slim-trixie AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY crates crates
COPY examples examples
COPY tests tests
# The caches outlive this step: a later build compiles only what has changed.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --package cluster-node \
    && cp target/release/cluster-node /usr/local/bin/

FROM debian:trixie-slim
COPY --from=build /usr/local/bin/cluster-node /usr/local/bin/
# Nobody in particular. The number lets Kubernetes see that it is not root.
USER 65532:65532
ENV PORT=3000
EXPOSE 3000
ENTRYPOINT ["cluster-node"]
