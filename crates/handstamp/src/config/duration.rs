use std::time::Duration;

/// Parses a duration in a setting: `500ms`, `30s`, `15m`, `24h`, `7d`, `2w`, or several of these in a row.
///
/// # Errors
///
/// For anything else. Months and years are rejected although `humantime` accepts them: they have no fixed length, and `30M`, written for
/// thirty minutes, would be two and a half years.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, InvalidDuration> {
    match units(text).find_map(calendar_unit) {
        Some(rejected) => Err(rejected),
        None => humantime::parse_duration(text).map_err(|_| InvalidDuration::Malformed),
    }
}

/// Formats a duration in the largest unit of settings that divides it: `3650d`, `24h`, `250ms`.
pub(super) fn format_duration(duration: Duration) -> String {
    let (secs, whole) = (duration.as_secs(), duration.subsec_nanos() == 0 && !duration.is_zero());
    [(86_400, 'd'), (3_600, 'h'), (60, 'm')]
        .into_iter()
        .find(|(unit, _)| whole && secs % unit == 0)
        .map_or_else(|| format!("{duration:?}"), |(unit, name)| format!("{}{name}", secs / unit))
}

/// The text is not a duration. `Display` completes a sentence that begins with the text.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum InvalidDuration {
    #[error("is not a duration such as 30s, 15m or 24h")]
    Malformed,
    #[error(
        "is not allowed, because M means months: write m for minutes, as in 30m, or d for days, as in 30d"
    )]
    CapitalM,
    #[error("is not allowed, because months differ in length: write d for days, as in 30d")]
    Months,
    #[error("is not allowed, because years differ in length: write d for days, as in 365d")]
    Years,
}

/// All runs of letters.
fn units(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphabetic()).filter(|unit| !unit.is_empty())
}

/// The error for a unit of the calendar.
fn calendar_unit(unit: &str) -> Option<InvalidDuration> {
    match unit {
        "M" => Some(InvalidDuration::CapitalM),
        "month" | "months" => Some(InvalidDuration::Months),
        "year" | "years" | "yr" | "yrs" | "y" => Some(InvalidDuration::Years),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_parsed() {
        for (text, expected) in [
            ("0", Duration::ZERO),
            ("0s", Duration::ZERO),
            ("500ms", Duration::from_millis(500)),
            ("30s", Duration::from_secs(30)),
            ("15m", Duration::from_secs(900)),
            ("1.5h", Duration::from_secs(5_400)),
            ("24h", Duration::from_secs(86_400)),
            ("1d 12h", Duration::from_secs(129_600)),
            ("2w", Duration::from_secs(1_209_600)),
        ] {
            assert_eq!(parse_duration(text), Ok(expected), "{text:?}");
        }
    }

    /// K5.5: `30M` was read as two and a half years.
    #[test]
    fn k5_months_and_years_are_rejected() {
        for (text, expected) in [
            ("30M", InvalidDuration::CapitalM),
            ("1h 30M", InvalidDuration::CapitalM),
            ("1.5 M", InvalidDuration::CapitalM),
            ("1month", InvalidDuration::Months),
            ("2months", InvalidDuration::Months),
            ("1 y", InvalidDuration::Years),
            ("1yr", InvalidDuration::Years),
            ("2yrs", InvalidDuration::Years),
            ("1year", InvalidDuration::Years),
            ("1year 2days", InvalidDuration::Years),
            ("10years", InvalidDuration::Years),
        ] {
            assert_eq!(parse_duration(text), Err(expected), "{text:?}");
        }
    }

    /// Every unit that `humantime` accepts either has a fixed length or is rejected here.
    #[test]
    fn k5_every_unit_of_the_parser_is_accepted_or_rejected() {
        let day = Duration::from_secs(86_400);
        for unit in [
            "nanos", "nsec", "ns", "usec", "us", "µs", "millis", "msec", "ms", "seconds", "second", "secs",
            "sec", "s", "minutes", "minute", "min", "mins", "m", "hours", "hour", "hr", "hrs", "h", "days",
            "day", "d", "weeks", "week", "wk", "wks", "w", "months", "month", "M", "years", "year", "yr",
            "yrs", "y",
        ] {
            let known = humantime::parse_duration(&format!("1{unit}")).unwrap();
            assert_eq!(parse_duration(&format!("1{unit}")).is_ok(), known <= day * 7, "{unit}");
        }
    }

    #[test]
    fn durations_are_formatted_in_units_that_can_be_parsed() {
        for text in ["3650d", "25h", "61m", "90s", "250ms", "1.5s", "0ns"] {
            assert_eq!(format_duration(parse_duration(text).unwrap()), text);
        }
    }

    #[test]
    fn anything_else_is_malformed() {
        for text in ["", "30", "soon", "30S", "1H", "-1s", "1..5s", "MS", "m", "30 minuten"] {
            assert_eq!(parse_duration(text), Err(InvalidDuration::Malformed), "{text:?}");
        }
    }
}
