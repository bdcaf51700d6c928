use std::collections::BTreeMap;
use std::time::Duration;

use crate::faults::Topology;
use crate::figures::{Figures, Group};
use crate::goals;

/// Prints the report.
pub(crate) fn print(topology: Topology, rows: &[Figures]) {
    let name = topology.name();
    println!("\n### {name}: how long (ms)\n");
    let head = [
        "fault",
        "Redis",
        "victim unavailable",
        "victim - Redis",
        "victims recovered from",
        "to",
        "victim unreadable",
        "others unavailable",
        "(calm)",
        "others p99",
        "hiccup (machine)",
        "ASK, MOVED",
    ];
    print_rows(&head, rows.iter().map(durations));
    println!("\n### {name}: operations and errors\n");
    let head = [
        "fault",
        "group",
        "operations",
        "surprises",
        "errors",
        "reads (cached)",
        "errors",
        "slow",
        "slowest (ms)",
    ];
    print_rows(&head, rows.iter().flat_map(errors));
    println!("\n### {name}: consistency\n");
    let head = [
        "fault",
        "writes",
        "lost",
        "(replicated)",
        "lost from ... to (ms)",
        "deletes",
        "back",
        "(replicated)",
        "never deleted",
        "stale reads: victim",
        "others",
    ];
    print_rows(&head, rows.iter().map(consistency));
    println!("\n### {name}: goals\n");
    print_rows(&["fault", "goal", ""], rows.iter().flat_map(verdicts));
}

fn durations(figures: &Figures) -> Vec<String> {
    let (victim, others) = (&figures.victim, &figures.others);
    let redis = figures.redis;
    let other = |duration: Duration| if others.operations == 0 { NONE.to_owned() } else { millis(duration) };
    vec![
        figures.fault.name().to_owned(),
        redis.map_or_else(|| NONE.to_owned(), millis),
        millis(victim.unavailable),
        redis.filter(|_| figures.fault.is_outage()).map_or_else(
            || NONE.to_owned(),
            |redis| format!("{:+.0}", victim.unavailable.as_secs_f64() * 1e3 - redis.as_secs_f64() * 1e3),
        ),
        victim.first_recovered.map_or_else(|| NONE.to_owned(), millis),
        victim.first_recovered.map_or_else(|| NONE.to_owned(), |_| millis(victim.recovered)),
        millis(victim.unreadable),
        other(others.unavailable),
        other(others.calm),
        format!("{:.1}", others.p99.as_secs_f64() * 1e3),
        format!("{} ({})", millis(figures.hiccups[0]), millis(figures.hiccups[1])),
        figures.redirections.map_or_else(|| NONE.to_owned(), |[ask, moved]| format!("{ask}, {moved}")),
    ]
}

fn errors(figures: &Figures) -> Vec<Vec<String>> {
    let row = |name: &str, group: &Group| {
        vec![
            figures.fault.name().to_owned(),
            name.to_owned(),
            group.operations.to_string(),
            counts(&group.surprises),
            counts(&group.errors),
            format!("{} ({})", group.reads, group.cached),
            counts(&group.read_errors),
            group.slow_reads.to_string(),
            millis(group.slowest_read),
        ]
    };
    let mut rows = vec![row("victim", &figures.victim)];
    if figures.others.operations > 0 {
        rows.push(row("others", &figures.others));
    }
    rows
}

fn consistency(figures: &Figures) -> Vec<String> {
    let (victim, others, losses) = (&figures.victim, &figures.others, &figures.losses);
    let between = figures.lost_between.map(|(first, last)| format!("{first:+.0} ... {last:+.0}"));
    vec![
        figures.fault.name().to_owned(),
        (victim.saves + others.saves).to_string(),
        losses.lost.to_string(),
        losses.lost_replicated.to_string(),
        between.unwrap_or_else(|| NONE.to_owned()),
        (victim.deletes + others.deletes).to_string(),
        losses.back.to_string(),
        losses.back_replicated.to_string(),
        losses.never_deleted.to_string(),
        victim.stale.to_string(),
        others.stale.to_string(),
    ]
}

fn verdicts(figures: &Figures) -> Vec<Vec<String>> {
    let verdict = |goal: goals::Goal| {
        let met = if goal.met { "met" } else { "**not met**" };
        vec![figures.fault.name().to_owned(), goal.name.to_owned(), met.to_owned()]
    };
    goals::of(figures).into_iter().map(verdict).collect()
}

fn print_rows(head: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    println!("| {} |", head.join(" | "));
    println!("|{}", "---|".repeat(head.len()));
    rows.for_each(|row| println!("| {} |", row.join(" | ")));
}

fn counts(counts: &BTreeMap<String, usize>) -> String {
    let counts: Vec<_> = counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    if counts.is_empty() { "0".to_owned() } else { counts.join(", ") }
}

fn millis(duration: Duration) -> String {
    format!("{:.0}", duration.as_secs_f64() * 1e3)
}

const NONE: &str = "-";
