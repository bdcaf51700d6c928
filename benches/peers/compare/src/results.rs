use std::fs;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use subjects::{Error, Placement};

use crate::machine::Machine;

/// What a measurement has found: every value, so that the report can be written again.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Results<T> {
    pub(crate) command: String,
    pub(crate) machine: Machine,
    pub(crate) rows: Vec<T>,
}

/// Requests of one kind to one application, without a network.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct InProcess {
    pub(crate) case: String,
    pub(crate) subject: String,
    pub(crate) placement: Placement,
    /// Nanoseconds a request, by block.
    pub(crate) nanoseconds: Vec<f64>,
    /// The same, less those of the bare router in the same round.
    pub(crate) added: Vec<f64>,
    pub(crate) allocations: f64,
    pub(crate) allocated_bytes: f64,
    pub(crate) foreign_cpu: f64,
}

/// Requests of one kind to one server. Every list has an entry for each round.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Http {
    pub(crate) path: String,
    pub(crate) subject: String,
    pub(crate) requests_per_second: Vec<f64>,
    /// Compared with the bare router in the same round.
    pub(crate) ratio: Vec<f64>,
    pub(crate) p50_microseconds: Vec<f64>,
    pub(crate) p99_microseconds: Vec<f64>,
    pub(crate) errors: u64,
    pub(crate) foreign_cpu: Vec<f64>,
}

/// The resident memory of a process before and after it has cached sessions.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Memory {
    pub(crate) subject: String,
    pub(crate) sessions: usize,
    pub(crate) bytes_before: u64,
    pub(crate) bytes_after: u64,
}

impl<T: Serialize> Results<T> {
    pub(crate) fn write(&self, folder: &Path, name: &str) -> Result<(), Error> {
        fs::create_dir_all(folder)?;
        Ok(fs::write(folder.join(name).with_extension("json"), serde_json::to_string(self)? + "\n")?)
    }
}

impl<T: DeserializeOwned> Results<T> {
    /// The results of this name, if there are any.
    pub(crate) fn read(folder: &Path, name: &str) -> Result<Option<Self>, Error> {
        let file = folder.join(name).with_extension("json");
        if !file.exists() {
            return Ok(None);
        }
        Ok(Some(serde_json::from_str(&fs::read_to_string(file)?)?))
    }
}
