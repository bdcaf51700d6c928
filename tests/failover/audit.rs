use std::iter::Sum;
use std::time::Duration;

use crate::life::{End, Life, Moment};

/// Acknowledged writes that were lost.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Losses {
    /// Saves and creates.
    pub(crate) lost: u64,
    /// Lost saves and creates that the replica had.
    pub(crate) lost_replicated: u64,
    /// When the first and the last lost write were acknowledged.
    pub(crate) first: Option<Moment>,
    pub(crate) last: Option<Moment>,
    /// Deleted sessions that exist.
    pub(crate) back: u64,
    /// Such sessions whose delete the replica had.
    pub(crate) back_replicated: u64,
    /// Sessions whose delete was not acknowledged, and not done later either.
    pub(crate) never_deleted: u64,
}

/// Compares the acknowledged writes with the numbers in the final record.
pub(crate) fn losses(life: &Life, found: Option<&[u32]>, fault: Moment) -> Losses {
    let replicated = |acknowledged: Moment| acknowledged + REPLICATION < fault;
    let mut losses = Losses::default();
    let kept = match life.end {
        End::Never | End::NotFound => found.unwrap_or_default(),
        // Its last known record.
        End::Acknowledged(_) | End::Pending => &life.known,
    };
    for (_, at) in life.acknowledged.iter().filter(|(number, _)| !kept.contains(number)) {
        losses.lost += 1;
        losses.lost_replicated += u64::from(replicated(*at));
        losses.first = Some(losses.first.map_or(*at, |first| first.min(*at)));
        losses.last = losses.last.max(Some(*at));
    }
    match life.end {
        End::Acknowledged(at) if found.is_some() => {
            losses.back += 1;
            losses.back_replicated += u64::from(replicated(at));
        }
        End::Pending if found.is_some() => losses.never_deleted += 1,
        End::Acknowledged(_) | End::Pending | End::Never | End::NotFound => {}
    }
    losses
}

/// Whether the result of a read at `start` is older than permitted. Writes that were lost meanwhile are not expected in it.
pub(crate) fn is_stale(life: &Life, found: Option<&[u32]>, start: Moment, shown: Option<&[u32]>) -> bool {
    let overdue = |acknowledged: Moment| acknowledged + MAX_STALENESS < start;
    let lacks = |shown: &[u32], kept: &[u32]| {
        let mut missing = life.acknowledged.iter().filter(|(number, _)| !shown.contains(number));
        missing.any(|(number, at)| overdue(*at) && kept.contains(number))
    };
    match (life.end, shown) {
        (End::Acknowledged(at), Some(_)) if overdue(at) => found.is_none(),
        // A session that came back has the state that the new primary had.
        (End::Acknowledged(_) | End::Pending, Some(shown)) => lacks(shown, found.unwrap_or(&life.known)),
        // It is unknown whether it existed at that time.
        (End::Acknowledged(_) | End::Pending, None) => false,
        (End::Never | End::NotFound, shown) => lacks(shown.unwrap_or_default(), found.unwrap_or_default()),
    }
}

impl Sum for Losses {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, losses| Self {
            lost: sum.lost + losses.lost,
            lost_replicated: sum.lost_replicated + losses.lost_replicated,
            first: sum.first.into_iter().chain(losses.first).min(),
            last: sum.last.max(losses.last),
            back: sum.back + losses.back,
            back_replicated: sum.back_replicated + losses.back_replicated,
            never_deleted: sum.never_deleted + losses.never_deleted,
        })
    }
}

/// After this time, a replica has the writes that its primary acknowledged.
const REPLICATION: Duration = Duration::from_millis(300);
const MAX_STALENESS: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use handstamp_core::id::SessionKey;

    use super::*;

    const FAULT: Moment = Moment::from_secs(10);

    const fn second(second: u64) -> Moment {
        Moment::from_secs(second)
    }

    fn life(acknowledged: &[(u32, u64)], end: End) -> Life {
        let acknowledged = acknowledged.iter().map(|(number, at)| (*number, second(*at))).collect();
        Life {
            acknowledged,
            end,
            known: vec![0, 1, 2],
            ..Life::new(SessionKey::from_bytes([0; SessionKey::LEN]), true)
        }
    }

    #[test]
    fn a_save_missing_in_later_records_was_lost() {
        let mut life = life(&[(0, 1), (1, 9), (3, 10), (4, 12)], End::Never);
        assert_eq!(losses(&life, Some(&[0, 1, 2, 3, 4]), FAULT), Losses::default());
        let range = |first, last| (Some(second(first)), Some(second(last)));
        let expected = |lost, lost_replicated, (first, last)| Losses {
            lost,
            lost_replicated,
            first,
            last,
            ..Losses::default()
        };
        assert_eq!(losses(&life, Some(&[0, 4]), FAULT), expected(2, 1, range(9, 10)));
        life.end = End::NotFound;
        assert_eq!(losses(&life, None, FAULT), expected(4, 2, range(1, 12)));
        life.end = End::Acknowledged(second(13));
        assert_eq!(losses(&life, None, FAULT), expected(2, 0, range(10, 12)), "its last known record counts");
    }

    #[test]
    fn deleted_sessions_stay_deleted() {
        let deleted = |end| life(&[(0, 1)], end);
        for (end, found, expected) in [
            (End::Acknowledged(second(9)), None, (0, 0, 0)),
            (End::Acknowledged(second(9)), Some(&[0][..]), (1, 1, 0)),
            (End::Acknowledged(second(10)), Some(&[0]), (1, 0, 0)),
            (End::Pending, Some(&[0]), (0, 0, 1)),
            (End::Pending, None, (0, 0, 0)),
        ] {
            let losses = losses(&deleted(end), found, FAULT);
            let counts = (losses.back, losses.back_replicated, losses.never_deleted);
            assert_eq!(counts, expected, "{end:?} {found:?}");
            assert_eq!(losses.lost, 0);
        }
    }

    #[test]
    fn reads_may_be_stale_for_a_while() {
        let alive = life(&[(0, 1), (1, 5)], End::Never);
        let stale = |start, shown| is_stale(&alive, Some(&[0, 1]), second(start), shown);
        assert!(!stale(7, Some(&[0][..])), "just within the bound");
        assert!(stale(8, Some(&[0])));
        assert!(!stale(8, Some(&[0, 1])));
        assert!(stale(4, None), "an absence can be stale, too");
        assert!(!is_stale(&alive, Some(&[0]), second(8), Some(&[0])), "the save was lost");
    }

    #[test]
    fn deleted_sessions_may_be_seen_for_a_while() {
        let deleted = life(&[(0, 1), (1, 3)], End::Acknowledged(second(8)));
        let stale = |start, shown| is_stale(&deleted, None, second(start), shown);
        assert!(!stale(9, Some(&[0, 1][..])));
        assert!(stale(11, Some(&[0, 1])));
        assert!(stale(7, Some(&[0])), "before its end the same rule applies");
        assert!(!stale(11, None));
        assert!(!is_stale(&deleted, Some(&[0, 1]), second(11), Some(&[0, 1])), "it came back");
        assert!(!is_stale(&deleted, Some(&[0]), second(11), Some(&[0])), "with its earlier state");
    }
}
