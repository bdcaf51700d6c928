use std::path::Path;

use subjects::Error;

use crate::quiet::Quietness;
use crate::results::{
    Growth, HotSession, Http, InFlight, InProcessRows, Invalidations, Memory, Results, RoundTrips,
};

/// The results of all parts that have been measured.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) in_process: Option<Results<InProcessRows>>,
    pub(super) hot_session: Option<Results<Vec<HotSession>>>,
    pub(super) http: Option<Results<Vec<Http>>>,
    pub(super) in_flight: Option<Results<Vec<InFlight>>>,
    pub(super) round_trips: Option<Results<Vec<RoundTrips>>>,
    pub(super) invalidations: Option<Results<Invalidations>>,
    pub(super) memory: Option<Results<Vec<Memory>>>,
    pub(super) growth: Option<Results<Growth>>,
    /// Whether the page with the hit ratios of caches is beside the report.
    pub(super) has_cache_page: bool,
}

impl Measured {
    pub(super) fn read(folder: &Path) -> Result<Self, Error> {
        Ok(Self {
            in_process: Results::read(folder, "in-process")?,
            hot_session: Results::read(folder, "hot-session")?,
            http: Results::read(folder, "http")?,
            in_flight: Results::read(folder, "in-flight")?,
            round_trips: Results::read(folder, "round-trips")?,
            invalidations: Results::read(folder, "invalidations")?,
            memory: Results::read(folder, "memory")?,
            growth: Results::read(folder, "growth")?,
            has_cache_page: folder.join("cache.md").exists(),
        })
    }

    /// How quiet the machine was, by part.
    pub(super) fn quietness(&self) -> Vec<(&'static str, &Quietness)> {
        let all = [
            ("in process", quietness(self.in_process.as_ref())),
            ("one hot session", quietness(self.hot_session.as_ref())),
            ("over HTTP", quietness(self.http.as_ref())),
            ("in flight", quietness(self.in_flight.as_ref())),
            ("invalidations", quietness(self.invalidations.as_ref())),
            ("memory", quietness(self.memory.as_ref())),
            ("growth", quietness(self.growth.as_ref())),
        ];
        all.into_iter().filter_map(|(part, quietness)| Some((part, quietness?))).collect()
    }
}

fn quietness<T>(results: Option<&Results<T>>) -> Option<&Quietness> {
    results?.quietness.as_ref()
}
