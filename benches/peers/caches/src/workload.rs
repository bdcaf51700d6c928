use fastrand::Rng;

/// Numbers of sessions, in the order in which they are read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Workload {
    /// The n-th session is read in proportion to n to the power of minus this.
    Zipf(f64),
    /// The same; after every four times as many reads as the cache has room for, that many new sessions are read once.
    Scans(f64),
    /// The same, but every second read is of a new session, which is never read again.
    Bots(f64),
    /// Visitors come and go: half of them read once, the others twenty times on average.
    Visits,
    /// Zipf with an exponent of 1, while sessions become less frequent one after the other.
    Drift,
}

impl Workload {
    pub(crate) const ALL: [Self; 10] = [
        Self::Zipf(0.7),
        Self::Zipf(0.9),
        Self::Zipf(1.0),
        Self::Zipf(1.2),
        Self::Scans(0.9),
        Self::Scans(1.0),
        Self::Bots(0.9),
        Self::Bots(1.0),
        Self::Visits,
        Self::Drift,
    ];

    pub(crate) fn label(self) -> String {
        match self {
            Self::Zipf(exponent) => format!("Zipf {exponent:.1}"),
            Self::Scans(exponent) => format!("Zipf {exponent:.1} with scans"),
            Self::Bots(exponent) => format!("Zipf {exponent:.1} and bots"),
            Self::Visits => "visits".to_owned(),
            Self::Drift => "Zipf 1.0, drifting".to_owned(),
        }
    }

    /// `len` reads, for a cache with room for `room` sessions.
    pub(crate) fn reads(self, len: usize, room: usize) -> Vec<u64> {
        let mut random = Rng::with_seed(7);
        let mut new = 1 << 40..;
        let mut next_new = || new.next().unwrap_or_default();
        match self {
            Self::Zipf(exponent) => {
                let zipf = Zipf::new(exponent);
                (0..len).map(|_| zipf.next(&mut random)).collect()
            }
            Self::Scans(exponent) => {
                let zipf = Zipf::new(exponent);
                let is_scan = |position: usize| position / room % 5 == 4;
                let read = |position| if is_scan(position) { next_new() } else { zipf.next(&mut random) };
                (0..len).map(read).collect()
            }
            Self::Bots(exponent) => {
                let zipf = Zipf::new(exponent);
                (0..len).map(|_| if random.bool() { next_new() } else { zipf.next(&mut random) }).collect()
            }
            Self::Visits => visits(&mut random, len),
            Self::Drift => {
                let zipf = Zipf::new(1.0);
                (0..len as u64).map(|position| zipf.next(&mut random) + position / 50).collect()
            }
        }
    }
}

fn visits(random: &mut Rng, len: usize) -> Vec<u64> {
    let (mut reads, mut visitors, mut number) = (Vec::new(), Vec::new(), 0);
    while reads.len() < len {
        while visitors.len() < PRESENT {
            let visits = if random.bool() { 1 } else { 1 + (-20.0 * random.f64().ln()) as u32 };
            visitors.push((number, visits));
            number += 1;
        }
        let place = random.usize(..visitors.len());
        let (visitor, visits) = &mut visitors[place];
        reads.push(*visitor);
        *visits -= 1;
        if *visits == 0 {
            visitors.swap_remove(place);
        }
    }
    reads
}

struct Zipf {
    cumulated: Vec<f64>,
}

impl Zipf {
    fn new(exponent: f64) -> Self {
        let mut sum = 0.0;
        let mut cumulate = |n: usize| {
            sum += (n as f64).powf(-exponent);
            sum
        };
        Self { cumulated: (1..=SESSIONS).map(&mut cumulate).collect() }
    }

    fn next(&self, random: &mut Rng) -> u64 {
        let total = self.cumulated.last().copied().unwrap_or_default();
        let at = random.f64() * total;
        self.cumulated.partition_point(|&sum| sum < at) as u64
    }
}

const SESSIONS: usize = 100_000;
/// Visitors at a time.
const PRESENT: usize = 10_000;
