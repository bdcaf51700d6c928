use subjects::{Message, Subject};

use super::{Goal, Verdict};
use crate::in_flight::{BARE_FRED, FRED, LOAD, REDIS_RS, SAVE};
use crate::invalidations::{BARE_FRED as BARE_FRED_SUBSCRIBER, BARE_REDIS_RS};
use crate::report::in_flight::ratio_to_bare;
use crate::report::measured::Measured;
use crate::report::numbers::{decimal, rounded};
use crate::results::{InFlight, Invalidations, Latency, RoundTrips};
use crate::round_trips::TOUCHES;
use crate::statistics::{median, quantile};

/// What the store and the invalidations cost.
pub(super) fn goals(measured: &Measured) -> Vec<Goal> {
    let in_flight = measured.in_flight.as_ref().map(|results| results.rows.as_slice());
    let invalidations = measured.invalidations.as_ref().map(|results| &results.rows);
    let round_trips = measured.round_trips.as_ref().map(|results| results.rows.as_slice());
    let mut goals = Vec::new();
    for operation in [LOAD, SAVE] {
        goals.extend([32, 256].map(|count| rate(in_flight, operation, count)));
        goals.push(slowest(in_flight, operation));
    }
    let quietness = measured.in_flight.as_ref().and_then(|results| results.quietness.as_ref());
    let mut goals: Vec<Goal> = goals.into_iter().map(|goal| goal.timed(quietness)).collect();
    for (request, at_most) in [
        ("cached read", 0.0),
        ("miss: read on another node", 1.0),
        ("write", 1.0),
        (TOUCHES, 1.0),
        ("logout", 1.0),
    ] {
        goals.push(trips(round_trips, request, at_most));
    }
    goals.push(allocations(measured));
    let mut timed: Vec<Goal> = KINDS.map(|message| handling(invalidations, message)).into();
    timed.extend(
        [Message::OfAnotherNode, Message::OfAnotherNamespace].map(|message| cost(invalidations, message)),
    );
    for (name, at) in [("p50", 0.5), ("p99", 0.99)] {
        timed.push(latency(invalidations, name, at, "from the response", |row| &row.from_acknowledgement));
        timed.push(latency(invalidations, name, at, "from the request", |row| &row.from_begin));
    }
    let quietness = measured.invalidations.as_ref().and_then(|results| results.quietness.as_ref());
    goals.extend(timed.into_iter().map(|goal| goal.timed(quietness)));
    goals
}

/// The rate of the better driver.
fn rate(rows: Option<&[InFlight]>, operation: &str, count: usize) -> Goal {
    let case = format!("{operation}s a second, {count} in flight");
    let goal = "at least 1.5 times bare fred";
    let rows = rows.unwrap_or_default();
    let of = |subject| find(rows, operation, count, subject);
    let (Some(fred), Some(redis_rs), Some(bare)) = (of(FRED), of(REDIS_RS), of(BARE_FRED)) else {
        return Goal::missing(&case, goal);
    };
    let ratios = [fred, redis_rs].map(|row| median(&ratio_to_bare(rows, row)));
    Goal {
        case,
        figure: format!(
            "fred: {}; redis-rs: {}",
            rounded(median(&fred.per_second)),
            rounded(median(&redis_rs.per_second))
        ),
        base: format!("bare fred: {}", rounded(median(&bare.per_second))),
        ratio: ratios.map(decimal).join("; "),
        goal: goal.to_owned(),
        verdict: Verdict::of(ratios[0].max(ratios[1]) >= 1.5),
        busy: false,
    }
}

/// The results contain no earlier version, so there is no verdict.
fn slowest(rows: Option<&[InFlight]>, operation: &str) -> Goal {
    let case = format!("{operation}, one in flight, p99 in \u{b5}s");
    let goal = "not worse than before this work, of which there are no results here";
    let of = |subject| find(rows.unwrap_or_default(), operation, 1, subject);
    let (Some(fred), Some(redis_rs), Some(bare)) = (of(FRED), of(REDIS_RS), of(BARE_FRED)) else {
        return Goal::missing(&case, goal);
    };
    let p99 = |row: &InFlight| median(&row.p99_microseconds);
    Goal {
        case,
        figure: format!("fred: {}; redis-rs: {}", rounded(p99(fred)), rounded(p99(redis_rs))),
        base: format!("bare fred: {}", rounded(p99(bare))),
        ratio: [fred, redis_rs].map(|row| decimal(p99(row) / p99(bare))).join("; "),
        goal: goal.to_owned(),
        verdict: Verdict::Measured,
        busy: false,
    }
}

fn find<'r>(rows: &'r [InFlight], operation: &str, count: usize, subject: &str) -> Option<&'r InFlight> {
    rows.iter().find(|row| row.operation == operation && row.in_flight == count && row.subject == subject)
}

const KINDS: [Message; 3] = [Message::Own, Message::OfAnotherNode, Message::OfAnotherNamespace];

/// Without the connection.
fn handling(results: Option<&Invalidations>, message: Message) -> Goal {
    let case = format!("CPU of a node for an invalidation that has arrived, {}, ns", message.label());
    let goal = if message == Message::Own { "measured; no MAC" } else { "measured" };
    let of = |message: Message| {
        let row = results?.handling.iter().find(|row| row.message == message.label())?;
        Some(median(&row.nanoseconds))
    };
    let (Some(ours), Some(malformed)) = (of(message), of(Message::Malformed)) else {
        return Goal::missing(&case, goal);
    };
    Goal {
        case,
        figure: rounded(ours),
        base: format!("a malformed message: {}", rounded(malformed)),
        ratio: decimal(ours / malformed),
        goal: goal.to_owned(),
        verdict: Verdict::Measured,
        busy: false,
    }
}

fn allocations(measured: &Measured) -> Goal {
    let (case, goal) = ("allocations of a node for its own invalidation", "none");
    let of = |message: Message| {
        let counted = &measured.in_process.as_ref()?.rows.message_allocations;
        counted.iter().find(|(name, _)| name == message.label()).map(|(_, count)| *count)
    };
    let (Some(own), Some(malformed)) = (of(Message::Own), of(Message::Malformed)) else {
        return Goal::missing(case, goal);
    };
    Goal {
        case: case.to_owned(),
        figure: decimal(own),
        base: format!("a malformed message: {}", decimal(malformed)),
        ratio: "-".to_owned(),
        goal: goal.to_owned(),
        // The bus allocates, too.
        verdict: Verdict::of(own <= malformed + 0.1),
        busy: false,
    }
}

/// With fred, one message at a time.
fn cost(results: Option<&Invalidations>, message: Message) -> Goal {
    let case = format!("CPU of a node for an invalidation with its connection, {}, ns", message.label());
    let goal = "measured";
    let rows = || results.into_iter().flat_map(|results| &results.costs).filter(|row| !row.flood);
    let ours = rows().find(|row| row.subject == FRED && row.message == message.label());
    let (Some(ours), Some(bare)) = (ours, rows().find(|row| row.subject == BARE_FRED_SUBSCRIBER)) else {
        return Goal::missing(&case, goal);
    };
    let (cost, of_bare) = (median(&ours.nanoseconds), median(&bare.nanoseconds));
    Goal {
        case,
        figure: rounded(cost),
        base: format!("bare fred subscriber: {}", rounded(of_bare)),
        ratio: decimal(cost / of_bare),
        goal: goal.to_owned(),
        verdict: Verdict::Measured,
        busy: false,
    }
}

/// Of both drivers.
fn trips(rows: Option<&[RoundTrips]>, request: &str, at_most: f64) -> Goal {
    let case = format!("Redis round trips, {request}");
    let goal = if request == TOUCHES { format!("at most {at_most:.0}") } else { format!("{at_most:.0}") };
    let of = |subject: Subject| {
        let row = rows?.iter().find(|row| row.subject == subject.label() && row.request == request)?;
        Some(row.round_trips)
    };
    let (Some(fred), Some(redis_rs)) = (of(Subject::HandstampRedis), of(Subject::HandstampRedisRs)) else {
        return Goal::missing(&case, &goal);
    };
    let peer = of(Subject::TowerSessionsMoka);
    Goal {
        case,
        figure: format!("fred: {fred:.2}; redis-rs: {redis_rs:.2}"),
        base: peer.map_or_else(|| "-".to_owned(), |trips| format!("tower-sessions with Moka: {trips:.2}")),
        ratio: "-".to_owned(),
        goal,
        // The background is subtracted by its average.
        verdict: Verdict::of(fred.max(redis_rs) <= at_most + 0.1),
        busy: false,
    }
}

/// Each driver, and the bare client of the same library, from the call that publishes.
fn latency(
    results: Option<&Invalidations>,
    name: &str,
    at: f64,
    from: &str,
    times: fn(&Latency) -> &Vec<f64>,
) -> Goal {
    let case = format!("write on a node to entry gone on another, {from}, {name} in \u{b5}s");
    let goal = "at most 1.3 times a bare `PUBLISH` to a bare subscriber";
    let of = |subject: &str, times: fn(&Latency) -> &Vec<f64>| {
        let row = results?.latencies.iter().find(|row| row.subject == subject)?;
        Some(quantile(times(row), at))
    };
    let bare = [BARE_FRED_SUBSCRIBER, BARE_REDIS_RS].map(|subject| of(subject, |row| &row.from_begin));
    let (Some(fred), Some(redis_rs), [Some(bare), Some(bare_redis_rs)]) =
        (of(FRED, times), of(REDIS_RS, times), bare)
    else {
        return Goal::missing(&case, goal);
    };
    let ratios = [fred / bare, redis_rs / bare_redis_rs];
    Goal {
        case,
        figure: format!("fred: {}; redis-rs: {}", decimal(fred), decimal(redis_rs)),
        base: format!("bare fred: {}; bare redis-rs: {}", decimal(bare), decimal(bare_redis_rs)),
        ratio: format!("{}; {}", decimal(ratios[0]), decimal(ratios[1])),
        goal: goal.to_owned(),
        verdict: Verdict::of(ratios[0].min(ratios[1]) <= 1.3),
        busy: false,
    }
}
