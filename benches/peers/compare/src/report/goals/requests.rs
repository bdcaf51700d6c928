use subjects::Subject;

use super::{Goal, Verdict, signed};
use crate::report::hot_session::ratios;
use crate::report::in_process::sum;
use crate::report::measured::Measured;
use crate::report::numbers::{decimal, rounded};
use crate::results::{Http, InProcess, InProcessRows};
use crate::statistics::median;

/// What requests cost in a process, and over HTTP.
pub(super) fn goals(measured: &Measured) -> Vec<Goal> {
    let in_process = measured.in_process.as_ref().map(|results| &results.rows);
    let http = measured.http.as_ref().map(|results| results.rows.as_slice());
    let quietness = measured.in_process.as_ref().and_then(|results| results.quietness.as_ref());
    let mut timed = vec![
        added(in_process, "read", "cached read, ns added", 450.0),
        parts(in_process),
        six_times_below(in_process),
        added(in_process, "no cookie", "no cookie, ns added", 80.0),
        added(in_process, "forged cookie", "forged cookie, ns added", 350.0),
        write_in_memory(in_process),
    ];
    for (subject, set) in [
        (Subject::HandstampRedis, Subject::PlainSetFred),
        (Subject::HandstampRedisRs, Subject::PlainSetRedisRs),
    ] {
        timed.push(write_on_redis(in_process, subject, set, "time", |row| &row.nanoseconds));
        timed.push(write_on_redis(in_process, subject, set, "CPU", |row| &row.cpu_nanoseconds));
    }
    let mut goals = vec![
        allocations(in_process, "read", "cached read, allocations added", 3.0),
        allocations(in_process, "no cookie", "no cookie, allocations added", 2.0),
    ];
    goals.extend(timed.into_iter().map(|goal| goal.timed(quietness)));
    let quietness = measured.http.as_ref().and_then(|results| results.quietness.as_ref());
    goals.extend([http_reads(http), http_writes(http)].map(|goal| goal.timed(quietness)));
    goals
}

/// With a store on Redis, whose sessions are in the cache.
const OURS: Subject = Subject::HandstampRedis;

fn row<'r>(rows: Option<&'r InProcessRows>, case: &str, subject: Subject) -> Option<&'r InProcess> {
    rows?.requests.iter().find(|row| row.is_of(case, subject))
}

fn added(rows: Option<&InProcessRows>, case: &str, title: &str, bound: f64) -> Goal {
    let goal = format!("at most +{bound:.0} ns");
    let (Some(ours), Some(bare)) = (row(rows, case, OURS), row(rows, case, Subject::Bare)) else {
        return Goal::missing(title, &goal);
    };
    let (added, bare) = (median(&ours.added), median(&bare.nanoseconds));
    Goal {
        case: title.to_owned(),
        figure: signed(added),
        base: format!("bare router: {}", rounded(bare)),
        ratio: decimal((added + bare) / bare),
        goal,
        verdict: Verdict::of(added <= bound),
        busy: false,
    }
}

fn allocations(rows: Option<&InProcessRows>, case: &str, title: &str, bound: f64) -> Goal {
    let goal = format!("at most +{bound:.0}");
    let (Some(ours), Some(bare)) = (row(rows, case, OURS), row(rows, case, Subject::Bare)) else {
        return Goal::missing(title, &goal);
    };
    let added = ours.allocations - bare.allocations;
    Goal {
        case: title.to_owned(),
        figure: format!("+{}", decimal(added)),
        base: format!("bare router: {}", rounded(bare.allocations)),
        ratio: decimal(ours.allocations / bare.allocations),
        goal,
        // The background allocates something once in a while.
        verdict: Verdict::of(added <= bound + 0.1),
        busy: false,
    }
}

fn parts(rows: Option<&InProcessRows>) -> Goal {
    let (case, goal) = ("cached read, ns added: its unavoidable parts", "at most 1.5 times their sum");
    let (Some(rows), Some(ours)) = (rows, row(rows, "read", OURS)) else { return Goal::missing(case, goal) };
    let (added, sum) = (median(&ours.added), sum(&rows.parts));
    Goal {
        case: case.to_owned(),
        figure: signed(added),
        base: format!("sum of the parts: {}", rounded(sum)),
        ratio: decimal(added / sum),
        goal: goal.to_owned(),
        verdict: Verdict::of(added <= 1.5 * sum),
        busy: false,
    }
}

fn six_times_below(rows: Option<&InProcessRows>) -> Goal {
    let (case, goal) = ("cached read, ns added: tower-sessions with Moka", "at least 6 times below");
    let (Some(ours), Some(peer)) = (row(rows, "read", OURS), row(rows, "read", Subject::TowerSessionsMoka))
    else {
        return Goal::missing(case, goal);
    };
    let (ours, peer) = (median(&ours.added), median(&peer.added));
    Goal {
        case: case.to_owned(),
        figure: signed(ours),
        base: signed(peer),
        ratio: format!("{} below", decimal(peer / ours)),
        goal: goal.to_owned(),
        verdict: Verdict::of(peer >= 6.0 * ours),
        busy: false,
    }
}

fn write_in_memory(rows: Option<&InProcessRows>) -> Goal {
    let (case, goal) = ("write, store in memory, ns added", "below every other layer");
    let peers = [Subject::TowerSessionsMemory, Subject::AxumSessionMemory];
    let peers = peers.into_iter().filter_map(|peer| row(rows, "write", peer));
    let best = peers.min_by(|one, other| median(&one.added).total_cmp(&median(&other.added)));
    let (Some(ours), Some(best)) = (row(rows, "write", Subject::HandstampMemory), best) else {
        return Goal::missing(case, goal);
    };
    let (added, of_best) = (median(&ours.added), median(&best.added));
    Goal {
        case: case.to_owned(),
        figure: signed(added),
        base: format!("{}: {}", best.subject, signed(of_best)),
        ratio: decimal(added / of_best),
        goal: goal.to_owned(),
        verdict: Verdict::of(added < of_best),
        busy: false,
    }
}

fn write_on_redis(
    rows: Option<&InProcessRows>,
    subject: Subject,
    set: Subject,
    what: &str,
    values: fn(&InProcess) -> &Vec<f64>,
) -> Goal {
    let case = format!("write, {}, one in flight, {what} of the request in \u{b5}s", subject.label());
    let goal = "at most 1.15 times";
    let (Some(ours), Some(set)) = (row(rows, "write", subject), row(rows, "write", set)) else {
        return Goal::missing(&case, goal);
    };
    let ratio = median(&ratios(values(ours), values(set)));
    Goal {
        case,
        figure: decimal(median(values(ours)) / 1e3),
        base: format!("{}: {}", set.subject, decimal(median(values(set)) / 1e3)),
        ratio: decimal(ratio),
        goal: goal.to_owned(),
        verdict: Verdict::of(ratio <= 1.15),
        busy: false,
    }
}

fn http_writes(rows: Option<&[Http]>) -> Goal {
    let (case, goal) =
        ("HTTP write, 32 connections, requests a second as a ratio to bare Axum", "above every other layer");
    let rows = || rows.unwrap_or_default().iter().filter(|row| row.path == "/write");
    let best = |ours: bool| {
        let wanted = rows().filter(move |row| {
            row.subject.starts_with("handstamp") == ours && !row.subject.starts_with("bare")
        });
        // Without Redis there is one node only.
        let wanted = wanted.filter(|row| !row.subject.ends_with("memory"));
        wanted.max_by(|one, other| median(&one.ratio).total_cmp(&median(&other.ratio)))
    };
    let (Some(ours), Some(best)) = (best(true), best(false)) else { return Goal::missing(case, goal) };
    let (ratio, of_best) = (median(&ours.ratio), median(&best.ratio));
    Goal {
        case: case.to_owned(),
        figure: format!("{}: {}", ours.subject, decimal(ratio)),
        base: format!("{}: {}", best.subject, decimal(of_best)),
        ratio: decimal(ratio / of_best),
        goal: goal.to_owned(),
        verdict: Verdict::of(ratio > of_best),
        busy: false,
    }
}

fn http_reads(rows: Option<&[Http]>) -> Goal {
    let (case, goal) = ("HTTP cached read, 32 connections, requests a second", "at least 0.93 of bare Axum");
    let of = |subject: Subject| {
        rows.unwrap_or_default().iter().find(|row| row.path == "/read" && row.subject == subject.label())
    };
    let (Some(ours), Some(bare)) = (of(OURS), of(Subject::Bare)) else { return Goal::missing(case, goal) };
    let ratio = median(&ours.ratio);
    Goal {
        case: case.to_owned(),
        figure: rounded(median(&ours.requests_per_second)),
        base: format!("bare Axum: {}", rounded(median(&bare.requests_per_second))),
        ratio: decimal(ratio),
        goal: goal.to_owned(),
        verdict: Verdict::of(ratio >= 0.93),
        busy: false,
    }
}
