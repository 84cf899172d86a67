//! Drives the real program, as a user or a script would, on real photographs.

mod durability;
mod hostile;
mod incremental;
mod labels;
mod output;
mod sandbox;
mod searching;
