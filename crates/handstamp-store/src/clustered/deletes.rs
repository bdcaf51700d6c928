use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use handstamp_core::id::SessionKey;
use parking_lot::Mutex;

/// Sessions that this node has deleted, and serves no more, whatever the store says.
///
/// A delete is *pending* until the store has acknowledged it, and is sent again. Once acknowledged, it
/// is remembered for half a minute, because a primary replies before its replicas know: when one of them takes its place, a session
/// that was logged out is there again. So whenever a subscription to a shard begins, the recent deletes there are pending again;
/// a delete that was not undone is repeated without effect.
#[derive(Debug, Default)]
pub(super) struct Deletes(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    by_key: HashMap<SessionKey, Delete>,
    /// Each key once at most: the time after which it may be forgotten.
    order: VecDeque<(Instant, SessionKey)>,
    pending: usize,
}

#[derive(Debug)]
struct Delete {
    pending: bool,
    since: Instant,
    queued: bool,
}

/// The reply of the store to a delete.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Reply {
    Deleted,
    /// There was no such session.
    Absent,
    /// No reply arrived: the delete may have been done or not.
    Lost,
}

impl Deletes {
    /// Remembers a delete. Returns whether there was room; where there is none, the older ones stay.
    ///
    /// Absent sessions get half of the room, so that cookies of dead sessions, of which a client can have any number, keep no
    /// session of anybody else out.
    pub(super) fn remember(&self, key: SessionKey, reply: Reply, now: Instant) -> bool {
        let mut state = self.0.lock();
        state.forget_before(now.checked_sub(WINDOW));
        let room = if reply == Reply::Absent { MAX_LEN / 2 } else { MAX_LEN };
        let has_room = state.by_key.len() < room;
        match state.by_key.entry(key) {
            Entry::Vacant(_) if !has_room => return false,
            Entry::Vacant(vacant) => _ = vacant.insert(Delete { pending: false, since: now, queued: false }),
            Entry::Occupied(_) => {}
        }
        state.set(&key, reply, now);
        true
    }

    /// The reply to a delete that was pending.
    pub(super) fn replied(&self, key: &SessionKey, reply: Reply, now: Instant) {
        self.0.lock().set(key, reply, now);
    }

    /// Whether this node has deleted the session.
    pub(super) fn contains(&self, key: &SessionKey, now: Instant) -> bool {
        let mut state = self.0.lock();
        state.forget_before(now.checked_sub(WINDOW));
        state.by_key.contains_key(key)
    }

    /// Whether this node has deleted the session, and the store has acknowledged it.
    pub(super) fn is_acknowledged(&self, key: &SessionKey, now: Instant) -> bool {
        let mut state = self.0.lock();
        state.forget_before(now.checked_sub(WINDOW));
        state.by_key.get(key).is_some_and(|delete| !delete.pending)
    }

    /// Makes recent deletes of these keys pending again, because they may have been undone.
    pub(super) fn make_pending(&self, now: Instant, is_one: impl Fn(&SessionKey) -> bool) {
        let mut state = self.0.lock();
        state.forget_before(now.checked_sub(WINDOW));
        let State { by_key, pending, .. } = &mut *state;
        for (_, delete) in by_key.iter_mut().filter(|(key, delete)| !delete.pending && is_one(key)) {
            delete.pending = true;
            *pending += 1;
        }
    }

    /// The number of deletes that the store has not acknowledged.
    pub(super) fn pending_len(&self) -> usize {
        self.0.lock().pending
    }

    /// Which of these keys have pending deletes.
    pub(super) fn pending(&self, is_one: impl Fn(&SessionKey) -> bool) -> Vec<SessionKey> {
        let state = self.0.lock();
        if state.pending == 0 {
            return Vec::new();
        }
        let pending = state.by_key.iter().filter(|(_, delete)| delete.pending).map(|(key, _)| key);
        pending.filter(|key| is_one(key)).copied().collect()
    }
}

impl State {
    fn set(&mut self, key: &SessionKey, reply: Reply, now: Instant) {
        let Some(delete) = self.by_key.get_mut(key) else { return };
        let pending = reply == Reply::Lost;
        self.pending = self.pending + usize::from(pending) - usize::from(delete.pending);
        delete.pending = pending;
        // Where nothing was there, nothing can be undone.
        if reply == Reply::Deleted {
            delete.since = now;
        }
        if !pending && !delete.queued {
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
            if delete.pending {
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

/// Longer than servers take to replace one another.
const WINDOW: Duration = Duration::from_secs(30);
/// A bound on the memory, at some 2,000 logouts a second; 8 MB.
const MAX_LEN: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

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
    fn acknowledged_deletes_are_remembered_for_a_while() {
        let (start, deletes) = (start(), Deletes::default());
        let half = start + WINDOW / 2;
        assert!(deletes.remember(key(1), Reply::Deleted, start));
        assert!(deletes.remember(key(2), Reply::Absent, half));
        let end = start + WINDOW;
        assert!(deletes.contains(&key(1), end) && deletes.contains(&key(2), end));
        let later = half + WINDOW;
        assert!(!deletes.contains(&key(1), later) && deletes.contains(&key(2), later));
        assert!(!deletes.contains(&key(2), later + WINDOW));
    }

    #[test]
    fn a_delete_is_pending_until_the_store_replies() {
        let (start, deletes) = (start(), Deletes::default());
        assert!(deletes.remember(key(1), Reply::Lost, start));
        let late = start + WINDOW * 10;
        assert!(deletes.contains(&key(1), late) && !deletes.is_acknowledged(&key(1), late));
        assert_eq!((deletes.pending_len(), deletes.pending(|_| true)), (1, vec![key(1)]));
        deletes.replied(&key(1), Reply::Deleted, late);
        assert_eq!(deletes.pending_len(), 0);
        assert!(deletes.is_acknowledged(&key(1), late + WINDOW));
        assert!(!deletes.contains(&key(1), late + WINDOW * 2));
    }

    #[test]
    fn recent_deletes_are_pending_again_and_live_no_longer_for_that() {
        let (start, deletes) = (start(), Deletes::default());
        assert!(deletes.remember(key(1), Reply::Deleted, start));
        assert!(deletes.remember(key(2), Reply::Deleted, start));
        for n in 1..=10 {
            let now = start + WINDOW / 20 * n;
            deletes.make_pending(now, |other| *other == key(1));
            assert_eq!(deletes.pending(|_| true), [key(1)]);
            deletes.replied(&key(1), Reply::Absent, now);
        }
        assert!(deletes.contains(&key(1), start + WINDOW));
        assert!(!deletes.contains(&key(1), start + WINDOW * 2));
        assert!(deletes.0.lock().order.is_empty());
    }

    #[test]
    fn a_session_deleted_twice_counts_from_the_second_time() {
        let (start, deletes) = (start(), Deletes::default());
        let half = start + WINDOW / 2;
        assert!(deletes.remember(key(1), Reply::Deleted, start));
        assert!(deletes.remember(key(1), Reply::Deleted, half));
        assert!(deletes.contains(&key(1), half + WINDOW));
        assert_eq!(deletes.0.lock().order.len(), 1);
    }

    /// K8.2, S93
    #[test]
    fn k8_2_a_flood_displaces_no_earlier_delete() {
        let (start, deletes) = (start(), Deletes::default());
        assert!(deletes.remember(key(u32::MAX), Reply::Deleted, start));
        let remember = |reply| {
            let keys = 0..MAX_LEN as u32 * 2;
            keys.filter(|n| deletes.remember(key(*n), reply, start)).count()
        };
        assert_eq!(remember(Reply::Absent), MAX_LEN / 2 - 1, "sessions that were there have room left");
        assert_eq!(remember(Reply::Deleted), MAX_LEN - 1, "those, and as many others");
        assert!(deletes.contains(&key(u32::MAX), start));
        assert!(deletes.remember(key(0), Reply::Deleted, start + WINDOW * 2), "there is room again");
    }
}
