use std::fmt;

use crate::checker::Violation;
use crate::faults::{Entry, Log};
use crate::history::{Call, History, Moment, Outcome, SetCookie};

/// Prints all calls of a visitor, with the faults of that time.
pub(super) fn print_story(history: &History, violations: &[Violation], faults: &Log) {
    println!("\n=== {}", history.username);
    let (Some(first), Some(last)) = (history.calls.first(), history.calls.last()) else { return };
    let mut lines: Vec<(Moment, String)> = Vec::new();
    for (place, call) in history.calls.iter().enumerate() {
        let slot = history.slot_of(call).map(|slot| format!(" (slot {slot})")).unwrap_or_default();
        lines.push((call.start, format!("{}{slot}", Line(call))));
        for violation in violations.iter().filter(|violation| violation.call == place) {
            lines.push((call.start, format!("    ^^^ {}: {}", violation.rule, violation.text)));
        }
    }
    for Entry { time, text, .. } in &faults.entries {
        if time.end >= first.start && time.start <= last.end {
            lines.push((time.start, format!("    !!! {text} until {:.3}", time.end.as_secs_f64())));
        }
    }
    lines.sort_by_key(|(moment, _)| *moment);
    for (moment, line) in lines {
        println!("{:>9.3} {line}", moment.as_secs_f64());
    }
}

struct Line<'h>(&'h Call);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let call = self.0;
        write!(f, "- {:.3} actor {} ", call.end.as_secs_f64(), call.actor)?;
        write!(f, "node {}", call.node)?;
        match call.process {
            Some(process) => write!(f, ".{}", process / 2)?,
            None => f.write_str(".?")?,
        }
        write!(f, " {:?}", call.operation)?;
        if let Some(cookie) = call.cookie {
            write!(f, " with cookie {cookie}")?;
        }
        match &call.outcome {
            Outcome::Done(body) => {
                f.write_str(": done")?;
                if let Some(visits) = body.visits {
                    write!(f, ", visits {visits}")?;
                }
            }
            Outcome::Unauthorized => f.write_str(": no session")?,
            Outcome::Conflict => f.write_str(": moved, or changed by others")?,
            Outcome::Failed(status) => write!(f, ": {status}")?,
            Outcome::Unknown => f.write_str(": no response")?,
        }
        match call.set_cookie {
            SetCookie::Nothing => Ok(()),
            SetCookie::Gives(cookie) => write!(f, ", sets cookie {cookie}"),
            SetCookie::Reissues(cookie) => write!(f, ", reissues cookie {cookie}"),
            SetCookie::Removes => f.write_str(", removes the cookie"),
        }
    }
}
