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
    /// The session has moved to another id, and nobody has logged out.
    retired: bool,
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

/// What a node knows of a delete that it has sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Outcome {
    Deleted,
    /// The session has moved to another id.
    Retired,
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
                let (status, retired) = (Status::Confirmed, outcome == Outcome::Retired);
                let new = Delete { status, shard, retired, since: now, queued: false };
                let delete = entry.or_insert(new);
                (delete.retired, delete.since) = (retired, now);
            }
        }
        state.set(&key, shard, outcome, now);
        true
    }

    /// What has become of a delete that was pending, and was sent to this shard again.
    pub(super) fn sent_again(&self, key: &SessionKey, shard: Shard, outcome: Outcome, now: Instant) {
        self.0.lock().set(key, shard, outcome, now);
    }

    /// Whether this node has deleted the session.
    pub(super) fn contains(&self, key: &SessionKey, now: Instant) -> bool {
        let mut state = self.0.lock();
        state.forget_before(now.checked_sub(WINDOW));
        state.by_key.contains_key(key)
    }

    /// Whether somebody has logged out of the session, and this shard has confirmed that it was deleted.
    pub(super) fn is_confirmed(&self, key: &SessionKey, shard: Shard, now: Instant) -> bool {
        let mut state = self.0.lock();
        state.forget_before(now.checked_sub(WINDOW));
        let delete = state.by_key.get(key);
        delete.is_some_and(|delete| !delete.is_pending() && !delete.retired && delete.shard == shard)
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

    /// Which of these keys have pending deletes.
    pub(super) fn pending(&self, is_one: impl Fn(&SessionKey) -> bool) -> Vec<SessionKey> {
        let state = self.0.lock();
        if state.pending == 0 {
            return Vec::new();
        }
        let pending = state.by_key.iter().filter(|(_, delete)| delete.is_pending()).map(|(key, _)| key);
        pending.filter(|key| is_one(key)).copied().collect()
    }
}

impl State {
    fn set(&mut self, key: &SessionKey, shard: Shard, outcome: Outcome, now: Instant) {
        let Some(delete) = self.by_key.get_mut(key) else { return };
        delete.shard = shard;
        // Where nothing was there, nothing can be undone, unless an earlier attempt was carried out just before.
        if outcome != Outcome::Absent || delete.status == Status::Unconfirmed {
            delete.since = now;
        }
        self.pending -= usize::from(delete.is_pending());
        delete.status = if outcome == Outcome::Unconfirmed { Status::Unconfirmed } else { Status::Confirmed };
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

impl Delete {
    fn is_pending(&self) -> bool {
        self.status != Status::Confirmed
    }

    /// Returns whether it was not pending before.
    fn repeat(&mut self) -> bool {
        let was_confirmed = self.status == Status::Confirmed;
        if was_confirmed {
            self.status = Status::Repeated;
        }
        was_confirmed
    }
}

/// Longer than servers take to replace one another.
const WINDOW: Duration = Duration::from_secs(30);
/// A bound on the memory, at some 2,000 logouts a second: 11 MB.
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

    #[test]
    fn confirmed_deletes_are_remembered_for_a_while() {
        let (start, deletes) = (start(), Deletes::default());
        let half = start + WINDOW / 2;
        assert!(deletes.remember(key(1), HERE, Outcome::Deleted, true, start));
        assert!(deletes.remember(key(2), HERE, Outcome::Absent, false, half));
        let end = start + WINDOW;
        assert!(deletes.contains(&key(1), end) && deletes.contains(&key(2), end));
        let later = half + WINDOW;
        assert!(!deletes.contains(&key(1), later) && deletes.contains(&key(2), later));
        assert!(!deletes.contains(&key(2), later + WINDOW));
    }

    #[test]
    fn a_delete_is_pending_until_the_store_replies() {
        let (start, deletes) = (start(), Deletes::default());
        assert!(deletes.remember(key(1), HERE, Outcome::Unconfirmed, false, start));
        let late = start + WINDOW * 10;
        assert!(deletes.contains(&key(1), late) && !deletes.is_confirmed(&key(1), HERE, late));
        assert_eq!((deletes.pending_len(), deletes.pending(|_| true)), (1, vec![key(1)]));
        deletes.sent_again(&key(1), HERE, Outcome::Deleted, late);
        assert_eq!(deletes.pending_len(), 0);
        assert!(deletes.is_confirmed(&key(1), HERE, late + WINDOW));
        assert!(!deletes.contains(&key(1), late + WINDOW * 2));
    }

    #[test]
    fn recent_deletes_are_pending_again_and_live_no_longer_for_that() {
        let (start, deletes) = (start(), Deletes::default());
        assert!(deletes.remember(key(1), HERE, Outcome::Deleted, true, start));
        assert!(deletes.remember(key(2), HERE, Outcome::Deleted, true, start));
        for n in 1..=10 {
            let now = start + WINDOW / 20 * n;
            deletes.repeat(&key(1));
            assert_eq!(deletes.pending(|_| true), [key(1)]);
            deletes.sent_again(&key(1), HERE, Outcome::Absent, now);
        }
        assert!(deletes.contains(&key(1), start + WINDOW));
        assert!(!deletes.contains(&key(1), start + WINDOW * 2));
        assert!(deletes.0.lock().order.is_empty());
    }

    #[test]
    fn deletes_of_a_shard_are_those_that_were_sent_there_or_lie_there() {
        let (start, deletes) = (start(), Deletes::default());
        for (n, shard) in [(1, HERE), (2, THERE), (3, THERE)] {
            assert!(deletes.remember(key(n), shard, Outcome::Deleted, true, start));
        }
        deletes.repeat_all(HERE, start, |other| *other == key(2));
        let pending = deletes.pending(|_| true);
        assert!(pending.len() == 2 && !pending.contains(&key(3)), "{pending:?}");
        deletes.sent_again(&key(1), THERE, Outcome::Absent, start);
        assert!(deletes.is_confirmed(&key(1), THERE, start));
        assert!(!deletes.is_confirmed(&key(1), HERE, start));
    }

    #[test]
    fn a_session_that_has_moved_is_not_taken_for_one_that_was_logged_out() {
        let (start, deletes) = (start(), Deletes::default());
        assert!(deletes.remember(key(1), HERE, Outcome::Retired, true, start));
        deletes.repeat(&key(1));
        deletes.sent_again(&key(1), HERE, Outcome::Absent, start);
        assert!(deletes.contains(&key(1), start) && !deletes.is_confirmed(&key(1), HERE, start));
        assert!(deletes.remember(key(1), HERE, Outcome::Absent, false, start));
        assert!(deletes.is_confirmed(&key(1), HERE, start));
    }

    #[test]
    fn a_session_deleted_twice_counts_from_the_second_time() {
        let (start, deletes) = (start(), Deletes::default());
        let half = start + WINDOW / 2;
        assert!(deletes.remember(key(1), HERE, Outcome::Deleted, true, start));
        assert!(deletes.remember(key(1), HERE, Outcome::Deleted, true, half));
        assert!(deletes.contains(&key(1), half + WINDOW));
        assert_eq!(deletes.0.lock().order.len(), 1);
    }

    #[test]
    fn a_delete_that_was_unconfirmed_counts_from_when_it_is_confirmed() {
        let (start, deletes) = (start(), Deletes::default());
        assert!(deletes.remember(key(1), HERE, Outcome::Unconfirmed, true, start));
        let late = start + WINDOW * 2;
        deletes.sent_again(&key(1), HERE, Outcome::Absent, late);
        assert!(deletes.is_confirmed(&key(1), HERE, late + WINDOW));
        assert!(!deletes.contains(&key(1), late + WINDOW * 2));
    }

    #[test]
    fn unconfirmed_deletes_leave_room_for_sessions_that_existed() {
        let (start, deletes) = (start(), Deletes::default());
        let keys = 0..MAX_LEN as u32 * 2;
        let count =
            keys.filter(|n| deletes.remember(key(*n), HERE, Outcome::Unconfirmed, false, start)).count();
        assert_eq!(count, MAX_LEN / 2);
        assert!(deletes.remember(key(u32::MAX), HERE, Outcome::Unconfirmed, true, start));
    }

    /// K8.2, S93
    #[test]
    fn k8_2_a_flood_displaces_no_earlier_delete() {
        let (start, deletes) = (start(), Deletes::default());
        assert!(deletes.remember(key(u32::MAX), HERE, Outcome::Deleted, true, start));
        let remember = |outcome, existed| {
            let keys = 0..MAX_LEN as u32 * 2;
            keys.filter(|n| deletes.remember(key(*n), HERE, outcome, existed, start)).count()
        };
        assert_eq!(remember(Outcome::Absent, false), MAX_LEN / 2 - 1, "sessions that existed have room left");
        assert_eq!(remember(Outcome::Deleted, true), MAX_LEN - 1, "those, and as many others");
        assert!(deletes.contains(&key(u32::MAX), start));
        assert!(
            deletes.remember(key(0), HERE, Outcome::Deleted, true, start + WINDOW * 2),
            "there is room again"
        );
    }
}
