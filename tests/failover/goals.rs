use std::time::Duration;

use crate::figures::Figures;
use crate::writer;

/// A goal, and whether it is met.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Goal {
    pub(crate) name: &'static str,
    pub(crate) met: bool,
}

/// The goals for one fault.
pub(crate) fn of(figures: &Figures) -> Vec<Goal> {
    let goal = |name, met| Goal { name, met };
    let losses = &figures.losses;
    let mut goals = vec![
        goal(
            "nothing lost that a replica had",
            losses.lost_replicated + losses.back_replicated + losses.never_deleted == 0,
        ),
        goal("no stale read", figures.victim.stale + figures.others.stale == 0),
    ];
    if figures.others.operations > 0 {
        let undisturbed = figures.others.errors.is_empty()
            && figures.others.unavailable < writer::EVERY + PAUSES + figures.hiccups[1];
        goals.push(goal("others never unavailable", undisturbed));
        goals.push(goal("reads of others never fail", figures.others.read_errors.is_empty()));
    }
    let away = match figures.redis {
        Some(redis) if figures.fault.is_outage() => redis,
        _ => Duration::ZERO,
    };
    let in_time = figures.victim.unavailable <= away + DELAY;
    goals.push(goal("victim back at most 0.5 s after Redis", in_time));
    if !figures.fault.may_lose() {
        goals.push(goal("nothing lost at all", losses.lost + losses.back == 0));
    }
    goals
}

/// Tolerance for the time between two operations, in addition to their interval.
const PAUSES: Duration = Duration::from_millis(50);
const DELAY: Duration = Duration::from_millis(500);
