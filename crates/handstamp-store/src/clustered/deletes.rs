use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use handstamp_core::id::SessionKey;
use parking_lot::Mutex;

use crate::Shard;

/// Sessions that this node has deleted. It does not serve them, whatever the store says.
///
/// A delete is *pending* until the store has confirmed it, and is sent again. Once confirmed, it
/// is remembered for half a minute, because a primary replies before its replicas know: when one of them takes its place, a session
/// that was logged out is there again. So whenever a subscription to a shard begins or ends, the recent deletes there are pending again;
/// a delete that was not undone is repeated without effect.
///
/// Each is repeated as what it was: a logout that the store has not confirmed follows a session that has moved; everything else concerns
/// one key only.
#[derive(Debug, Default)]
pub(super) struct Deletes(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    by_key: HashMap<SessionKey, Delete>,
    /// Each key once at most, and since when its delete was remembered as it was put here.
    order: VecDeque<(Instant, SessionKey)>,
    pending: usize,
}

#[derive(Debug)]
struct Delete {
    status: Status,
    /// Where it was sent to last.
    shard: Shard,
    kind: Kind,
    /// Whether a logout has not been confirmed: it is to follow the session to wherever that has moved.
    follow: bool,
    /// When it may have been done last: it is remembered from then on.
    since: Instant,
    queued: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Status {
    Confirmed,
    /// Pending because the store has not confirmed it. An attempt may still be carried out, however late.
    Unconfirmed,
    /// Pending again because it may have been undone.
    Repeated,
}

/// Why a record is deleted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// The record is not to be there any more.
    Erase,
    /// The session has moved to this key.
    Move(SessionKey),
    /// A logout.
    End,
}

/// How a delete is to be sent again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Again {
    /// Deletes the record, whose session has moved to this key, or has ended.
    Erase(Option<SessionKey>),
    /// Ends the session, wherever it has moved to.
    End,
}

/// What a node knows of a delete that it has sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Outcome {
    Deleted,
    /// The session has moved to this key.
    Moved(SessionKey),
    /// There was no such session.
    Absent,
    /// The store was not reached, refused, or did not reply: the delete may have been done or not.
    Unconfirmed,
}

impl Deletes {
    /// Remembers a delete in this shard. Returns whether there was room; where there is none, the older ones stay.
    ///
    /// Sessions that are not known to have existed get half of the room, so that cookies of dead sessions, of which a client can
    /// have any number, take no room from sessions that existed.
    pub(super) fn remember(
        &self,
        key: SessionKey,
        shard: Shard,
        kind: Kind,
        outcome: Outcome,
        existed: bool,
        now: Instant,
    ) -> bool {
        let mut state = self.0.lock();
        state.forget_before(now.checked_sub(WINDOW));
        let has_room = state.by_key.len() < if existed { MAX_LEN } else { MAX_LEN / 2 };
        match state.by_key.entry(key) {
            Entry::Vacant(_) if !has_room => return false,
            entry => {
                let (status, follow) = (Status::Confirmed, false);
                let new = Delete { status, shard, kind, follow, since: now, queued: false };
                let delete = entry.or_insert(new);
                delete.kind = delete.kind.then(match outcome {
                    Outcome::Moved(successor) => Kind::Move(successor),
                    _ => kind,
                });
                delete.since = now;
            }
        }
        state.set(&key, shard, Some(kind), outcome, now);
        true
    }

    /// What has become of a delete that was pending, and was sent to this shard again.
    pub(super) fn sent_again(&self, key: &SessionKey, shard: Shard, outcome: Outcome, now: Instant) {
        self.0.lock().set(key, shard, None, outcome, now);
    }

    /// Why this node has deleted the session, if it has, and when at the latest.
    pub(super) fn find(&self, key: &SessionKey, now: Instant) -> Option<(Kind, Instant)> {
        let mut state = self.0.lock();
        state.forget_before(now.checked_sub(WINDOW));
        state.by_key.get(key).map(|delete| (delete.kind, delete.since))
    }

    /// Whether somebody has logged out of the session, and this shard has confirmed that it was deleted.
    pub(super) fn is_confirmed(&self, key: &SessionKey, shard: Shard, now: Instant) -> bool {
        let mut state = self.0.lock();
        state.forget_before(now.checked_sub(WINDOW));
        let delete = state.by_key.get(key);
        delete.is_some_and(|delete| !delete.is_pending() && delete.kind == Kind::End && delete.shard == shard)
    }

    /// Makes a delete pending again, because it may have been undone.
    pub(super) fn repeat(&self, key: &SessionKey) {
        let mut state = self.0.lock();
        let State { by_key, pending, .. } = &mut *state;
        if let Some(delete) = by_key.get_mut(key) {
            *pending += usize::from(delete.repeat());
        }
    }

    /// Makes the recent deletes pending again that were sent to this shard, or are of keys that lie there now.
    pub(super) fn repeat_all(&self, shard: Shard, now: Instant, lies_there: impl Fn(&SessionKey) -> bool) {
        let mut state = self.0.lock();
        state.forget_before(now.checked_sub(WINDOW));
        let State { by_key, pending, .. } = &mut *state;
        let affected = by_key.iter_mut().filter(|(key, delete)| delete.shard == shard || lies_there(key));
        *pending += affected.map(|(_, delete)| usize::from(delete.repeat())).sum::<usize>();
    }

    /// The number of pending deletes.
    pub(super) fn pending_len(&self) -> usize {
        self.0.lock().pending
    }

    /// The pending deletes of some keys.
    pub(super) fn pending(&self, is_one: impl Fn(&SessionKey) -> bool) -> Vec<(SessionKey, Again)> {
        let state = self.0.lock();
        if state.pending == 0 {
            return Vec::new();
        }
        let pending = state.by_key.iter().filter(|(key, delete)| delete.is_pending() && is_one(key));
        pending.map(|(key, delete)| (*key, delete.again())).collect()
    }
}

impl State {
    fn set(&mut self, key: &SessionKey, shard: Shard, kind: Option<Kind>, outcome: Outcome, now: Instant) {
        let Some(delete) = self.by_key.get_mut(key) else { return };
        delete.shard = shard;
        // Where nothing was there, nothing can be undone, unless an earlier attempt was carried out just before.
        if outcome != Outcome::Absent || delete.status == Status::Unconfirmed {
            delete.since = now;
        }
        self.pending -= usize::from(delete.is_pending());
        delete.status = if outcome == Outcome::Unconfirmed { Status::Unconfirmed } else { Status::Confirmed };
        if kind == Some(Kind::End) {
            delete.follow = outcome == Outcome::Unconfirmed;
        }
        self.pending += usize::from(delete.is_pending());
        if !delete.is_pending() && !delete.queued {
            delete.queued = true;
            self.order.push_back((delete.since, *key));
        }
    }

    fn forget_before(&mut self, begin: Option<Instant>) {
        let Some(begin) = begin else { return };
        while let Some((when, key)) = self.order.front().copied()
            && when < begin
        {
            self.order.pop_front();
            let Entry::Occupied(mut occupied) = self.by_key.entry(key) else { continue };
            let delete = occupied.get_mut();
            delete.queued = false;
            if delete.is_pending() {
                continue;
            }
            if delete.since < begin {
                occupied.remove();
            } else {
                delete.queued = true;
                let since = delete.since;
                self.order.push_back((since, key));
            }
        }
    }
}

impl Kind {
    /// The reason that counts once there is another one: the last that tells whether the session has ended or moved.
    fn then(self, other: Self) -> Self {
        if other == Self::Erase { self } else { other }
    }
}

impl Delete {
    fn again(&self) -> Again {
        match self.kind {
            _ if self.follow => Again::End,
            // The session may have been renewed, and the visitor be logged in, under another id.
            Kind::End | Kind::Erase => Again::Erase(None),
            Kind::Move(successor) => Again::Erase(Some(successor)),
        }
    }

    fn is_pending(&self) -> bool {
        self.status != Status::Confirmed || self.follow
    }

    /// Returns whether it was not pending before.
    fn repeat(&mut self) -> bool {
        let was_pending = self.is_pending();
        if self.status == Status::Confirmed {
            self.status = Status::Repeated;
        }
        !was_pending
    }
}

/// Longer than servers take to replace one another.
const WINDOW: Duration = Duration::from_secs(30);
/// A bound on the memory, at some 2,000 logouts a second: 13 MB.
const MAX_LEN: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Shard = Shard::new(1);
    const THERE: Shard = Shard::new(2);

    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn start() -> Instant {
        // The monotonic clock may have begun less than the window ago.
        Instant::now() + WINDOW
    }

    fn key(n: u32) -> SessionKey {
        let mut bytes = [0; SessionKey::LEN];
        bytes[..4].copy_from_slice(&n.to_le_bytes());
        SessionKey::from_bytes(bytes)
    }

    fn contains(deletes: &Deletes, key: &SessionKey, now: Instant) -> bool {
        deletes.find(key, now).is_some()
    }

    fn pending(deletes: &Deletes) -> Vec<SessionKey> {
        deletes.pending(|_| true).into_iter().map(|(key, _)| key).collect()
    }

    #[test]
    fn confirmed_deletes_are_remembered_for_a_while() {
        let (start, deletes) = (start(), Deletes::default());
        let half = start + WINDOW / 2;
        assert!(deletes.remember(key(1), HERE, Kind::End, Outcome::Deleted, true, start));
        assert!(deletes.remember(key(2), HERE, Kind::End, Outcome::Absent, false, half));
        let end = start + WINDOW;
        assert!(contains(&deletes, &key(1), end) && contains(&deletes, &key(2), end));
        let later = half + WINDOW;
        assert!(!contains(&deletes, &key(1), later) && contains(&deletes, &key(2), later));
        assert!(!contains(&deletes, &key(2), later + WINDOW));
    }

    #[test]
    fn a_delete_is_pending_until_the_store_replies() {
        let (start, deletes) = (start(), Deletes::default());
        assert!(deletes.remember(key(1), HERE, Kind::End, Outcome::Unconfirmed, false, start));
        let late = start + WINDOW * 10;
        assert!(contains(&deletes, &key(1), late) && !deletes.is_confirmed(&key(1), HERE, late));
        assert_eq!((deletes.pending_len(), pending(&deletes)), (1, vec![key(1)]));
        assert!(deletes.remember(key(1), HERE, Kind::End, Outcome::Deleted, true, late));
        assert_eq!(deletes.pending_len(), 0);
        assert!(deletes.is_confirmed(&key(1), HERE, late + WINDOW));
        assert!(!contains(&deletes, &key(1), late + WINDOW * 2));
    }

    #[test]
    fn recent_deletes_are_pending_again_and_live_no_longer_for_that() {
        let (start, deletes) = (start(), Deletes::default());
        assert!(deletes.remember(key(1), HERE, Kind::End, Outcome::Deleted, true, start));
        assert!(deletes.remember(key(2), HERE, Kind::End, Outcome::Deleted, true, start));
        for n in 1..=10 {
            let now = start + WINDOW / 20 * n;
            deletes.repeat(&key(1));
            assert_eq!(pending(&deletes), [key(1)]);
            deletes.sent_again(&key(1), HERE, Outcome::Absent, now);
        }
        assert!(contains(&deletes, &key(1), start + WINDOW));
        assert!(!contains(&deletes, &key(1), start + WINDOW * 2));
        assert!(deletes.0.lock().order.is_empty());
    }

    #[test]
    fn deletes_of_a_shard_are_those_that_were_sent_there_or_lie_there() {
        let (start, deletes) = (start(), Deletes::default());
        for (n, shard) in [(1, HERE), (2, THERE), (3, THERE)] {
            assert!(deletes.remember(key(n), shard, Kind::End, Outcome::Deleted, true, start));
        }
        deletes.repeat_all(HERE, start, |other| *other == key(2));
        let pending = pending(&deletes);
        assert!(pending.len() == 2 && !pending.contains(&key(3)), "{pending:?}");
        deletes.sent_again(&key(1), THERE, Outcome::Absent, start);
        assert!(deletes.is_confirmed(&key(1), THERE, start));
        assert!(!deletes.is_confirmed(&key(1), HERE, start));
    }

    #[test]
    fn a_session_that_has_moved_is_not_taken_for_one_that_was_logged_out() {
        let (start, deletes) = (start(), Deletes::default());
        assert!(deletes.remember(key(1), HERE, Kind::Move(key(9)), Outcome::Deleted, true, start));
        deletes.repeat(&key(1));
        deletes.sent_again(&key(1), HERE, Outcome::Absent, start);
        assert!(contains(&deletes, &key(1), start) && !deletes.is_confirmed(&key(1), HERE, start));
        assert!(deletes.remember(key(1), HERE, Kind::End, Outcome::Absent, false, start));
        assert!(deletes.is_confirmed(&key(1), HERE, start));
    }

    #[test]
    fn deletes_are_repeated_as_what_they_were() {
        let (start, deletes) = (start(), Deletes::default());
        for (n, kind, outcome, again) in [
            (1, Kind::End, Outcome::Unconfirmed, Again::End),
            (2, Kind::End, Outcome::Deleted, Again::Erase(None)),
            (3, Kind::Move(key(9)), Outcome::Deleted, Again::Erase(Some(key(9)))),
            (4, Kind::Move(key(9)), Outcome::Unconfirmed, Again::Erase(Some(key(9)))),
            (5, Kind::Erase, Outcome::Unconfirmed, Again::Erase(None)),
        ] {
            assert!(deletes.remember(key(n), HERE, kind, outcome, true, start));
            deletes.repeat(&key(n));
            assert_eq!(deletes.pending(|other| *other == key(n)), [(key(n), again)]);
        }
    }

    #[test]
    fn the_last_delete_that_says_what_has_become_of_the_session_counts() {
        let (start, deletes) = (start(), Deletes::default());
        for (kind, found) in [
            (Kind::Erase, Kind::Erase),
            (Kind::Move(key(9)), Kind::Move(key(9))),
            (Kind::Erase, Kind::Move(key(9))),
            (Kind::End, Kind::End),
            (Kind::Erase, Kind::End),
            // A logout that has found that the session has moved.
            (Kind::Move(key(8)), Kind::Move(key(8))),
        ] {
            assert!(deletes.remember(key(1), HERE, kind, Outcome::Deleted, true, start));
            assert_eq!(deletes.find(&key(1), start), Some((found, start)));
        }
    }

    #[test]
    fn a_session_deleted_twice_counts_from_the_second_time() {
        let (start, deletes) = (start(), Deletes::default());
        let half = start + WINDOW / 2;
        assert!(deletes.remember(key(1), HERE, Kind::End, Outcome::Deleted, true, start));
        assert!(deletes.remember(key(1), HERE, Kind::End, Outcome::Deleted, true, half));
        assert!(contains(&deletes, &key(1), half + WINDOW));
        assert_eq!(deletes.0.lock().order.len(), 1);
    }

    #[test]
    fn a_delete_that_was_unconfirmed_counts_from_when_it_is_confirmed() {
        let (start, deletes) = (start(), Deletes::default());
        assert!(deletes.remember(key(1), HERE, Kind::End, Outcome::Unconfirmed, true, start));
        let late = start + WINDOW * 2;
        assert!(deletes.remember(key(1), HERE, Kind::End, Outcome::Absent, false, late));
        assert!(deletes.is_confirmed(&key(1), HERE, late + WINDOW));
        assert!(!contains(&deletes, &key(1), late + WINDOW * 2));
    }

    #[test]
    fn unconfirmed_deletes_leave_room_for_sessions_that_existed() {
        let (start, deletes) = (start(), Deletes::default());
        let keys = 0..MAX_LEN as u32 * 2;
        let count = keys
            .filter(|n| deletes.remember(key(*n), HERE, Kind::End, Outcome::Unconfirmed, false, start))
            .count();
        assert_eq!(count, MAX_LEN / 2);
        assert!(deletes.remember(key(u32::MAX), HERE, Kind::End, Outcome::Unconfirmed, true, start));
    }

    /// K8.2, S93
    #[test]
    fn k8_2_a_flood_displaces_no_earlier_delete() {
        let (start, deletes) = (start(), Deletes::default());
        assert!(deletes.remember(key(u32::MAX), HERE, Kind::End, Outcome::Deleted, true, start));
        let remember = |outcome, existed| {
            let keys = 0..MAX_LEN as u32 * 2;
            keys.filter(|n| deletes.remember(key(*n), HERE, Kind::End, outcome, existed, start)).count()
        };
        assert_eq!(remember(Outcome::Absent, false), MAX_LEN / 2 - 1, "sessions that existed have room left");
        assert_eq!(remember(Outcome::Deleted, true), MAX_LEN - 1, "those, and as many others");
        assert!(contains(&deletes, &key(u32::MAX), start));
        assert!(
            deletes.remember(key(0), HERE, Kind::End, Outcome::Deleted, true, start + WINDOW * 2),
            "there is room again"
        );
    }
}
