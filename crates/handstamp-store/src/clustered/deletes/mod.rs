#[cfg(test)]
mod tests;

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use handstamp_core::cache::BuildHash64;
use handstamp_core::id::SessionKey;
use parking_lot::Mutex;

use crate::Shard;

/// The sessions that this node has deleted. It does not serve them, whatever the store returns.
///
/// A delete is *pending*, and is repeated, until the store has confirmed it. A confirmed delete is remembered for 30 seconds, because a
/// primary replies before its replicas have the delete: if one of them takes over, the deleted session is there again. Whenever a
/// subscription to a shard begins or ends, the recent deletes of the shard become pending again. Repeating a delete that was not undone has
/// no effect.
///
/// A delete is repeated as what it was: an unconfirmed logout follows a session that has moved; any other delete concerns one key only.
#[derive(Debug, Default)]
pub(super) struct Deletes(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    by_key: HashMap<SessionKey, Delete, BuildHash64>,
    /// The keys, each at most once, with the time of their deletes when they were added here.
    order: VecDeque<(Instant, SessionKey)>,
    pending: usize,
}

#[derive(Debug)]
struct Delete {
    status: Status,
    /// The shard that it was last sent to.
    shard: Shard,
    reason: Reason,
    /// Whether this is an unconfirmed logout, which follows a session that has moved.
    follow: bool,
    /// When it may have been carried out last.
    since: Instant,
    queued: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Status {
    Confirmed,
    /// Pending, because the store has not confirmed it. The store may carry it out at any time.
    Unconfirmed,
    /// Pending again, because a failover may have undone it.
    Repeated,
}

/// Why this node has deleted a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Reason {
    /// The record is not needed any more.
    Erase,
    /// The session has moved to this key.
    Move(SessionKey),
    /// A logout.
    End,
}

/// How to repeat a delete.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Repeat {
    /// Delete the record. Its session has moved to this key, or has ended.
    Erase(Option<SessionKey>),
    /// End the session, also where it has moved to.
    End,
}

/// The outcome of a delete.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Outcome {
    Deleted,
    /// The session has moved to this key.
    Moved(SessionKey),
    /// There was no such session.
    Absent,
    /// The store was not reached, rejected the delete, or did not reply: it may have been carried out or not.
    Unconfirmed,
}

impl Deletes {
    /// Remembers a delete that was sent to this shard. Returns whether there was room; if not, the older deletes stay.
    ///
    /// Sessions that are not known to have existed get half of the room. A client can have any number of cookies of sessions that ended
    /// long ago; they must not displace deletes of sessions that existed.
    pub(super) fn remember(
        &self,
        key: SessionKey,
        shard: Shard,
        reason: Reason,
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
                let new = Delete { status, shard, reason, follow, since: now, queued: false };
                let delete = entry.or_insert(new);
                delete.reason = delete.reason.then(match outcome {
                    Outcome::Moved(successor) => Reason::Move(successor),
                    _ => reason,
                });
                delete.since = now;
            }
        }
        state.set(&key, shard, Some(reason), outcome, now);
        true
    }

    /// Records the outcome of a pending delete that was sent to this shard again.
    pub(super) fn repeated(&self, key: &SessionKey, shard: Shard, outcome: Outcome, now: Instant) {
        self.0.lock().set(key, shard, None, outcome, now);
    }

    /// Why, and when at the latest, this node has deleted the session.
    pub(super) fn find(&self, key: &SessionKey, now: Instant) -> Option<(Reason, Instant)> {
        let mut state = self.0.lock();
        state.forget_before(now.checked_sub(WINDOW));
        state.by_key.get(key).map(|delete| (delete.reason, delete.since))
    }

    /// Whether the session was ended by a logout, and this shard has confirmed the delete.
    pub(super) fn is_confirmed(&self, key: &SessionKey, shard: Shard, now: Instant) -> bool {
        let mut state = self.0.lock();
        state.forget_before(now.checked_sub(WINDOW));
        let delete = state.by_key.get(key);
        delete.is_some_and(|delete| {
            !delete.is_pending() && delete.reason == Reason::End && delete.shard == shard
        })
    }

    /// Makes a delete pending again.
    pub(super) fn repeat(&self, key: &SessionKey) {
        let mut state = self.0.lock();
        let State { by_key, pending, .. } = &mut *state;
        if let Some(delete) = by_key.get_mut(key) {
            *pending += usize::from(delete.repeat());
        }
    }

    /// Makes the recent deletes pending again that were sent to this shard, or whose keys are in it now.
    pub(super) fn repeat_all(&self, shard: Shard, now: Instant, is_in_shard: impl Fn(&SessionKey) -> bool) {
        let mut state = self.0.lock();
        state.forget_before(now.checked_sub(WINDOW));
        let State { by_key, pending, .. } = &mut *state;
        let affected = by_key.iter_mut().filter(|(key, delete)| delete.shard == shard || is_in_shard(key));
        *pending += affected.map(|(_, delete)| usize::from(delete.repeat())).sum::<usize>();
    }

    /// The number of pending deletes.
    pub(super) fn pending_len(&self) -> usize {
        self.0.lock().pending
    }

    /// The pending deletes of the keys that `filter` selects.
    pub(super) fn pending(&self, filter: impl Fn(&SessionKey) -> bool) -> Vec<(SessionKey, Repeat)> {
        let state = self.0.lock();
        if state.pending == 0 {
            return Vec::new();
        }
        let pending = state.by_key.iter().filter(|(key, delete)| delete.is_pending() && filter(key));
        pending.map(|(key, delete)| (*key, delete.how_to_repeat())).collect()
    }
}

impl State {
    fn set(
        &mut self,
        key: &SessionKey,
        shard: Shard,
        reason: Option<Reason>,
        outcome: Outcome,
        now: Instant,
    ) {
        let Some(delete) = self.by_key.get_mut(key) else { return };
        delete.shard = shard;
        // An absent session cannot come back, unless an earlier attempt had just deleted it.
        if outcome != Outcome::Absent || delete.status == Status::Unconfirmed {
            delete.since = now;
        }
        self.pending -= usize::from(delete.is_pending());
        delete.status = if outcome == Outcome::Unconfirmed { Status::Unconfirmed } else { Status::Confirmed };
        if reason == Some(Reason::End) {
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

impl Reason {
    /// The reason after another delete: the last one that says whether the session has ended or moved.
    fn then(self, other: Self) -> Self {
        if other == Self::Erase { self } else { other }
    }
}

impl Delete {
    fn how_to_repeat(&self) -> Repeat {
        match self.reason {
            _ if self.follow => Repeat::End,
            // It must not follow the session: the visitor may have logged in again since.
            Reason::End | Reason::Erase => Repeat::Erase(None),
            Reason::Move(successor) => Repeat::Erase(Some(successor)),
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

/// Longer than a failover takes.
const WINDOW: Duration = Duration::from_secs(30);
/// Limits the memory to 13 MB: enough for 2,000 logouts a second.
const MAX_LEN: usize = 65_536;
