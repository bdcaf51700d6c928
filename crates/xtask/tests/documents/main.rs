//! Everything that a document names exists: files, links, commands, settings, routes and items of the API.

#![expect(clippy::panic, clippy::unwrap_used, reason = "these are tests, and their helpers are part of them")]

mod commands;
mod examples;
mod index;
mod links;
mod names;
mod packages;
mod pages;
mod settings;
mod test_map;
