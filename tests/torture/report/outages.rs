use std::ops::Range;

use crate::faults::Entry;
use crate::history::{Call, History, Moment, Operation, Outcome};

/// A time in which a session was unavailable.
#[derive(Clone, Debug)]
pub(super) struct Outage {
    pub(super) username: String,
    pub(super) time: Range<Moment>,
}

/// The longest time without a successful read or update during a fault, for the affected sessions or the others. Logins and renewals
/// involve more than one session, and logouts also wait for replicas.
pub(super) fn longest_during(
    time: &Range<Moment>,
    entry: &Entry,
    history: &History,
    affected: bool,
) -> Moment {
    let first = history.calls.first().map_or(Moment::MAX, |call| call.start);
    let last = history.calls.last().map_or(Moment::ZERO, |call| call.end);
    if !overlap(time, &(first..last)) {
        return Moment::ZERO;
    }
    let counts = |call: &Call| {
        let slots = entry.slots.as_ref().zip(history.slot_of(call));
        matches!(call.operation, Operation::Read | Operation::Visit)
            && slots.is_some_and(|(slots, slot)| slots.has(slot) == affected)
    };
    let outages = outages(history, counts).into_iter().filter(|outage| overlap(time, &outage.time));
    let lasted = outages.map(|outage| outage.time.end.saturating_sub(outage.time.start.max(time.start)));
    lasted.max().unwrap_or_default()
}

/// The times in which all requests of a session failed. Without requests nothing is known: an outage ends with the last failed request,
/// and after a pause another one begins.
pub(super) fn outages(history: &History, counts: impl Fn(&Call) -> bool) -> Vec<Outage> {
    let mut outages = Vec::new();
    let (mut last_good, mut now): (Moment, Option<Range<Moment>>) = (Moment::ZERO, None);
    for call in history.calls.iter().filter(|call| counts(call)) {
        match call.outcome {
            // A conflict shows that the store is available.
            Outcome::Done(_) | Outcome::Unauthorized | Outcome::Conflict => {
                last_good = call.end;
                outages.extend(now.take());
            }
            Outcome::Failed(_) | Outcome::Unknown => {
                outages.extend(now.take_if(|outage| outage.end + PAUSE < call.start));
                now.get_or_insert(call.start.max(last_good)..call.end).end = call.end;
            }
        }
    }
    outages.extend(now);
    outages.into_iter().map(|time| Outage { username: history.username.clone(), time }).collect()
}

/// Prints the longest outage, and the longest part of an outage after the end of all faults.
pub(super) fn print_longest(what: &str, outages: &[Outage], faults: &[Entry]) {
    let lasted = |time: &Range<Moment>| time.end.saturating_sub(time.start);
    let whole = outages.iter().map(|outage| (outage, outage.time.clone()));
    let after = outages.iter().map(|outage| (outage, rest(&outage.time, faults)));
    let longest = whole.max_by_key(|(_, time)| lasted(time));
    let longest_after = after.max_by_key(|(_, time)| lasted(time));
    for (when, longest) in [("", longest), (" after the end of a fault", longest_after)] {
        if let Some((outage, time)) = longest {
            let (lasted, until) = (lasted(&time).as_secs_f64(), time.end.as_secs_f64());
            let username = &outage.username;
            println!(
                "Longest time without a successful request {what}{when}: {lasted:.2} s, until {until:.2} ({username})"
            );
            for Entry { time, text, .. } in faults.iter().filter(|fault| overlap(&fault.time, &outage.time)) {
                println!("    {:.2} to {:.2}: {text}", time.start.as_secs_f64(), time.end.as_secs_f64());
            }
        }
    }
}

/// The part of `time` after the last fault that overlaps it.
pub(super) fn rest(time: &Range<Moment>, faults: &[Entry]) -> Range<Moment> {
    let over = faults.iter().filter(|fault| overlap(&fault.time, time));
    let over = over.map(|fault| fault.time.end.min(time.end)).max().unwrap_or(time.start);
    over.max(time.start)..time.end
}

pub(super) fn overlap(one: &Range<Moment>, other: &Range<Moment>) -> bool {
    one.start < other.end && one.end > other.start
}

/// An outage ends after this time without requests.
const PAUSE: Moment = Moment::from_secs(1);
