#!/bin/sh
# Lets a stable rustdoc write JSON, which is an unstable feature. In the environment of cargo, the variable would reach build scripts and cause rebuilds.
RUSTC_BOOTSTRAP=1 exec rustdoc "$@"
