//! The Rust examples of the documents, compiled as doc tests.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;

#[cfg(doctest)]
#[doc = include_str!("../docs/cookies.md")]
pub struct Cookies;

#[cfg(doctest)]
#[doc = include_str!("../docs/deployment.md")]
pub struct Deployment;

#[cfg(doctest)]
#[doc = include_str!("../docs/routes.md")]
pub struct Routes;

#[cfg(doctest)]
#[doc = include_str!("../docs/sessions.md")]
pub struct SessionsGuide;

#[cfg(doctest)]
#[doc = include_str!("../docs/settings.md")]
pub struct Settings;

#[cfg(doctest)]
#[doc = include_str!("../docs/testing.md")]
pub struct Testing;
