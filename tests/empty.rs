//! The scenarios are in `e2e`.
