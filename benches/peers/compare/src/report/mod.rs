mod goals;
mod growth;
mod hot_session;
mod http;
mod in_flight;
mod in_process;
mod invalidations;
mod machine;
mod measured;
mod memory;
mod numbers;
mod page;
mod plot;
mod quietness;
mod round_trips;

use std::fs;
use std::path::Path;

use subjects::Error;

use self::measured::Measured;

/// Writes the report and its plots from the results in this folder.
pub(crate) fn write(folder: &Path) -> Result<(), Error> {
    let measured = Measured::read(folder)?;
    let mut report = INTRODUCTION.to_owned();
    report += &goals::section(&measured);
    report += &quietness::section(&measured);
    page::update(folder, &measured)?;
    if let Some(results) = &measured.in_process {
        report += &in_process::section(results, folder)?;
        report += &machine::section(results);
    }
    if let Some(results) = &measured.hot_session {
        report += &hot_session::section(results);
        report += &machine::section(results);
    }
    if let Some(results) = &measured.http {
        report += &http::section(results, folder)?;
        report += &machine::section(results);
    }
    if let Some(results) = &measured.in_flight {
        report += &in_flight::section(results);
        report += &machine::section(results);
    }
    if let Some(results) = &measured.round_trips {
        report += &round_trips::section(results);
        report += &machine::section(results);
    }
    if let Some(results) = &measured.invalidations {
        report += &invalidations::section(results);
        report += &machine::section(results);
    }
    if let Some(results) = &measured.memory {
        report += &memory::section(results, folder)?;
        report += &machine::section(results);
    }
    if let Some(results) = &measured.growth {
        report += &growth::section(results, &measured, folder)?;
        report += &machine::section(results);
    }
    Ok(fs::write(folder.join("report.md"), report)?)
}

const INTRODUCTION: &str = "\
# handstamp beside other session layers

Written by `cargo xtask bench`; do not edit. [README.md](README.md) explains how the figures were measured, and what they do not
show. Each session holds a user id, a name and a count. Quote ratios within a table: absolute values depend on the machine.
";
