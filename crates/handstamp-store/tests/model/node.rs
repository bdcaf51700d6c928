//! One node: its cache entry, and its calls in flight.

use crate::protocol::Protocol;

/// The result of a read. Later results are greater: the id of a deleted session is never used again.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Found {
    Revision(u8),
    Absent,
}

#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Node {
    pub(crate) entry: Option<Found>,
    pub(crate) fills: Vec<Fill>,
    pub(crate) save: Option<Save>,
    barrier: Barrier,
    pub(crate) subscription: Option<Subscription>,
    /// How many ticks ago the last fence with a reply was sent, if that is recent.
    fence: Option<u8>,
    /// The latest result that this node has served.
    served: Option<Found>,
    pub(crate) went_back: bool,
}

/// A load: its ticket, and the reply of the store, if that is in flight.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Fill {
    flushed: bool,
    pub(crate) reply: Option<Found>,
}

/// A compare-and-set: its ticket, and the reply of the store, if that is in flight.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Save {
    flushed: bool,
    pub(crate) replacing: u8,
    pub(crate) outcome: Option<Outcome>,
}

#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Outcome {
    Saved(u8),
    Rejected,
}

/// The messages received while tickets were open.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
enum Barrier {
    /// Of this revision; 0 stands for none.
    From(u8),
    Shut,
}

#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Subscription {
    /// Its first fence has a reply.
    pub(crate) live: bool,
    /// It receives nothing any more, and there is no error.
    pub(crate) silent: bool,
    /// In order of arrival.
    pub(crate) in_flight: Vec<Delivery>,
    /// How many ticks ago the fence in flight was sent.
    pub(crate) fence: Option<u8>,
}

#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Delivery {
    Invalidated(u8),
    Deleted,
    /// The reply to a fence.
    Pong,
}

impl Node {
    /// Its subscription is live, and its cache is empty.
    pub(crate) fn new() -> Self {
        Self {
            entry: None,
            fills: Vec::new(),
            save: None,
            barrier: Barrier::From(0),
            subscription: Some(Subscription { live: true, ..Subscription::default() }),
            fence: Some(0),
            served: None,
            went_back: false,
        }
    }

    /// The result of a read that does not query the store.
    pub(crate) fn served_from_cache(&self, protocol: &Protocol) -> Option<Found> {
        let trusted = if protocol.fence { self.fence.is_some() } else { self.listens() };
        self.entry.filter(|_| trusted)
    }

    /// Whether it considers its subscription live.
    pub(crate) fn listens(&self) -> bool {
        self.subscription.as_ref().is_some_and(|subscription| subscription.live)
    }

    pub(crate) fn is_silent(&self) -> bool {
        self.subscription.as_ref().is_some_and(|subscription| subscription.silent)
    }

    /// A read from the cache.
    pub(crate) fn serve(&mut self, protocol: &Protocol) {
        if let Some(found) = self.served_from_cache(protocol) {
            self.went_back |= self.served > Some(found);
            self.served = self.served.max(Some(found));
        }
    }

    pub(crate) fn begin_save(&mut self, replacing: u8) {
        self.save = Some(Save { flushed: false, replacing, outcome: None });
    }

    pub(crate) fn complete_fill(&mut self, i: usize, protocol: &Protocol) -> Option<()> {
        let Fill { flushed, reply } = self.fills.remove(i);
        let reply = reply?;
        // A rejected reply is not served: the load is repeated.
        if self.complete_ticket(reply, flushed, protocol) {
            self.served = self.served.max(Some(reply));
        }
        Some(())
    }

    pub(crate) fn complete_save(&mut self, protocol: &Protocol) -> Option<()> {
        let save = self.save?;
        match save.outcome? {
            Outcome::Saved(revision) => {
                self.invalidate(Some(revision), protocol);
                self.save = None;
                self.complete_ticket(Found::Revision(revision), save.flushed, protocol);
            }
            Outcome::Rejected => {
                self.invalidate(None, protocol);
                self.save = None;
                self.close_ticket();
            }
        }
        Some(())
    }

    pub(crate) fn deliver(&mut self, protocol: &Protocol) -> Option<()> {
        match self.subscription.as_mut()?.in_flight.remove(0) {
            Delivery::Invalidated(saved) => self.invalidate(Some(saved), protocol),
            Delivery::Deleted => self.invalidate(None, protocol),
            Delivery::Pong => self.pass_fence(protocol)?,
        }
        Some(())
    }

    /// The first fence of a subscription has a reply. Messages that came before it are applied later.
    pub(crate) fn go_live(&mut self, protocol: &Protocol) -> Option<()> {
        let subscription = self.subscription.as_mut()?;
        subscription.live = true;
        subscription.in_flight.retain(|&delivery| delivery != Delivery::Pong);
        if protocol.flush_on_resubscribe {
            self.entry = None;
            self.fills.iter_mut().for_each(|fill| fill.flushed = true);
            self.save.iter_mut().for_each(|save| save.flushed = true);
        }
        self.pass_fence(protocol)
    }

    pub(crate) fn disconnect(&mut self) {
        self.subscription = None;
        self.fence = None;
    }

    pub(crate) fn tick(&mut self, protocol: &Protocol) {
        self.fence = self.fence.map(|ticks| ticks + 1).filter(|&ticks| ticks < protocol.max_staleness);
        let in_flight = self.subscription.iter_mut().filter_map(|subscription| subscription.fence.as_mut());
        in_flight.for_each(|ticks| *ticks = protocol.max_staleness.min(*ticks + 1));
    }

    fn pass_fence(&mut self, protocol: &Protocol) -> Option<()> {
        let sent = self.subscription.as_mut()?.fence.take();
        self.fence = sent.filter(|&ticks| ticks < protocol.max_staleness);
        Some(())
    }

    /// Returns whether the ticket was valid.
    fn complete_ticket(&mut self, reply: Found, flushed: bool, protocol: &Protocol) -> bool {
        let admitted = match (self.barrier, reply) {
            (Barrier::From(0), _) => true,
            (Barrier::From(saved), Found::Revision(revision)) => revision >= saved,
            (Barrier::From(_), Found::Absent) | (Barrier::Shut, _) => false,
        };
        let has_later = protocol.later_stays && self.entry > Some(reply);
        let valid = !protocol.ticket || (admitted && !flushed && !has_later);
        if valid {
            self.entry = Some(reply);
        }
        self.close_ticket();
        valid
    }

    fn close_ticket(&mut self) {
        if self.fills.is_empty() && self.save.is_none() {
            self.barrier = Barrier::From(0);
        }
    }

    fn invalidate(&mut self, saved: Option<u8>, protocol: &Protocol) {
        self.entry = self.entry.filter(|&found| match (found, saved) {
            (Found::Revision(held), Some(saved)) => held >= saved,
            (Found::Absent, Some(_)) => protocol.later_stays,
            (_, None) => false,
        });
        if !self.fills.is_empty() || self.save.is_some() {
            self.barrier = saved.map_or(Barrier::Shut, |saved| self.barrier.max(Barrier::From(saved)));
        }
    }
}
