use std::io::Write;

use anyhow::Result;
use serde::Serialize;

use crate::cli::Global;
use crate::cli::output::{PathField, plain, plain_path, write_document};
use crate::cli::progress::DownloadBar;
use crate::encoder::ensure;

#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    #[serde(flatten)]
    dir: Option<PathField>,
    size_bytes: u64,
    fetched: bool,
}

pub(super) fn pull(name: &str, json: bool, global: &Global, out: &mut dyn Write) -> Result<()> {
    let bar = DownloadBar::new(global.quiet, None);
    let present = ensure(name, &bar)?;
    drop(bar);
    if json {
        let row = Row {
            name: &present.name,
            dir: present.dir.as_deref().map(PathField::new),
            size_bytes: present.size_bytes,
            fetched: present.fetched,
        };
        write_document(out, &row)?;
        return Ok(());
    }
    let (name, megabytes) = (plain(&present.name), present.size_bytes as f64 / 1e6);
    let what = if present.fetched {
        "fetched"
    } else {
        "already on this machine"
    };
    match &present.dir {
        Some(dir) => writeln!(out, "{name}: {what}, {megabytes:.1} MB, {}", plain_path(dir))?,
        None => writeln!(out, "{name}: built in, {megabytes:.1} MB")?,
    }
    Ok(())
}
