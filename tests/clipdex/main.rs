//! Drives the real program, as a user or a script would, on real photographs.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod changing;
mod duplicates;
mod durability;
mod encoding;
mod hostile;
mod hub;
mod incremental;
mod keeping;
mod kills;
mod labels;
mod models;
mod obstacles;
mod output;
mod progress;
mod recognition;
mod sandbox;
mod searching;
mod tagging;
mod teaching;
mod watching;
