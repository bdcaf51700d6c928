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
    /// Further pages that are beside the report, with their titles.
    pub(super) pages: Vec<(&'static str, &'static str)>,
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
            pages: PAGES.into_iter().filter(|(_, file)| folder.join(file).exists()).collect(),
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

/// What is measured elsewhere.
const PAGES: [(&str, &str); 2] = [("Drivers of Redis", "drivers.md"), ("The local cache", CACHE_PAGE)];
/// With the hit ratios of caches.
pub(super) const CACHE_PAGE: &str = "cache.md";

fn quietness<T>(results: Option<&Results<T>>) -> Option<&Quietness> {
    results?.quietness.as_ref()
}
