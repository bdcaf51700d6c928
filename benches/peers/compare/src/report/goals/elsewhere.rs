use subjects::Subject;

use super::{Goal, Verdict};
use crate::report::hot_session::ratios;
use crate::report::measured::{CACHE_PAGE, Measured};
use crate::report::memory::each;
use crate::report::numbers::{decimal, rounded};
use crate::statistics::median;

/// Memory, threads, caches and growth.
pub(super) fn goals(measured: &Measured) -> Vec<Goal> {
    let quietness = measured.hot_session.as_ref().and_then(|results| results.quietness.as_ref());
    let two_threads = two_threads(measured).timed(quietness);
    vec![memory(measured), two_threads, cores(), hit_ratios(measured), growth(measured)]
}

fn memory(measured: &Measured) -> Goal {
    let (case, goal) = ("memory of a cached session, bytes, with a million of them", "at most 400");
    let rows = || measured.memory.iter().flat_map(|results| &results.rows);
    let ours = rows().find(|row| row.subject == Subject::HandstampRedis.label());
    let peers = rows().filter(|row| !row.subject.starts_with("handstamp"));
    let best = peers.min_by(|one, other| each(one).total_cmp(&each(other)));
    let (Some(ours), Some(best)) = (ours, best) else { return Goal::missing(case, goal) };
    let (bytes, enough) = (each(ours), ours.sessions >= 1_000_000);
    Goal {
        case: case.to_owned(),
        figure: format!("{}{}", rounded(bytes), if enough { "" } else { " with fewer sessions" }),
        base: format!("{}: {}", best.subject, rounded(each(best))),
        ratio: decimal(bytes / each(best)),
        goal: goal.to_owned(),
        verdict: if enough { Verdict::of(bytes <= 400.0) } else { Verdict::Measured },
        busy: false,
    }
}

fn two_threads(measured: &Measured) -> Goal {
    let (case, goal) = ("two threads on one hot session, ns a read", "at most 1.5 times one thread");
    let of = |subject: Subject| {
        let rows = measured.hot_session.iter().flat_map(|results| &results.rows);
        rows.into_iter().find(|row| row.subject == subject.label())
    };
    let (Some(ours), Some(bare)) = (of(Subject::HandstampRedis), of(Subject::Bare)) else {
        return Goal::missing(case, goal);
    };
    let [ratio, of_bare] = [ours, bare].map(|row| median(&ratios(&row.two_threads, &row.one_thread)));
    Goal {
        case: case.to_owned(),
        figure: rounded(median(&ours.two_threads)),
        base: format!(
            "one thread: {} (bare router: {} times)",
            rounded(median(&ours.one_thread)),
            decimal(of_bare)
        ),
        ratio: decimal(ratio),
        goal: goal.to_owned(),
        verdict: Verdict::of(ratio <= 1.5),
        busy: false,
    }
}

fn cores() -> Goal {
    Goal::missing("64 simulated cores on one hot session", "a cached read writes to no shared cache line")
}

fn hit_ratios(measured: &Measured) -> Goal {
    let (case, goal) = ("hit ratio of a full cache", "not below moka and quick_cache by more than a point");
    if !measured.pages.iter().any(|(_, file)| *file == CACHE_PAGE) {
        return Goal::missing(case, goal);
    }
    Goal {
        figure: format!("[The local cache]({CACHE_PAGE})"),
        verdict: Verdict::Measured,
        ..Goal::missing(case, goal)
    }
}

fn growth(measured: &Measured) -> Goal {
    let (case, goal) =
        ("1 to 1,000 nodes, 10^3 to 10^7 sessions, 1 to 10^5 writes a second", "measured or computed");
    if measured.growth.is_none() {
        return Goal::missing(case, goal);
    }
    Goal { figure: "[Growth](#growth)".to_owned(), verdict: Verdict::Measured, ..Goal::missing(case, goal) }
}
