//! How the requests of a node that write to the same session take turns.
//!
//! The first request leads the [`Queue`] of a session; later requests join the queue while it is at the store. The leader works in
//! rounds, in the order in which the requests have joined: consecutive saves are one group and are saved at once; an exclusive turn
//! belongs to one request alone. When a round is over, the next one has the requests that have joined since.
//!
//! A group becomes one record, which replaces the base:
//!
//! | Step | Outcome | Next |
//! |---|---|---|
//! | `ChooseBase` | | `Save` |
//! | `Save` | saved, or the store failed | `Complete` |
//! | | conflict | `Reload` |
//! | | the changes of one save cannot be made | complete that one, then `Save` the others |
//! | | the result cannot be encoded, and the group has several saves | `ChooseBase` for each of them alone, in order |
//! | | the result cannot be encoded | `Complete` |
//! | `Reload` | loaded | `Save` |
//! | | error | `Complete` |
//! | `Complete` | | `ChooseBase` for the next save that is saved alone, if there is one |

use std::collections::VecDeque;

/// The requests of a node that write to one session, without the round of the leader. `S` is a save, `X` a request for an
/// exclusive turn.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Queue<S, X> {
    /// `None` if there is no leader.
    queued: Option<Vec<Queued<S, X>>>,
}

/// A request that wants to write.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Queued<S, X> {
    /// Together with the saves before and after it.
    Save(S),
    /// While no other request on this node writes.
    Exclusive(X),
}

/// The requests that a leader serves, in order.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Round<S, X>(VecDeque<Queued<S, X>>);

/// The next part of a round.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Turn<S, X> {
    /// These are saved together: see [`GroupCommit::begin`].
    Group(Vec<S>),
    /// This request writes alone.
    Exclusive(X),
}

impl<S, X> Queue<S, X> {
    /// Returns the round to lead if there is no leader: the caller is the leader from now on.
    pub fn join(&mut self, request: Queued<S, X>) -> Option<Round<S, X>> {
        match &mut self.queued {
            Some(queued) => {
                queued.push(request);
                None
            }
            None => {
                self.queued = Some(Vec::new());
                Some(Round(VecDeque::from([request])))
            }
        }
    }

    /// Returns the next round of the leader. `None` if no request has joined: then there is no leader any more.
    pub fn next_round(&mut self) -> Option<Round<S, X>> {
        let joined = self.queued.as_mut().map(std::mem::take).filter(|joined| !joined.is_empty());
        if joined.is_none() {
            self.queued = None;
        }
        joined.map(|joined| Round(joined.into()))
    }

    /// The leader has died. Returns the requests that have waited for it.
    #[must_use]
    pub fn abort(self) -> Vec<Queued<S, X>> {
        self.queued.unwrap_or_default()
    }
}

impl<S, X> Round<S, X> {
    /// The next turn. Saves that are `abandoned`, because their requests do not wait any more, are left out.
    pub fn next_turn(&mut self, abandoned: impl Fn(&S) -> bool) -> Option<Turn<S, X>> {
        let mut group = Vec::with_capacity(self.0.len());
        while let Some(request) = self.0.pop_front() {
            match request {
                Queued::Save(save) if abandoned(&save) => {}
                Queued::Save(save) => group.push(save),
                Queued::Exclusive(request) if group.is_empty() => return Some(Turn::Exclusive(request)),
                exclusive @ Queued::Exclusive(_) => {
                    self.0.push_front(exclusive);
                    break;
                }
            }
        }
        (!group.is_empty()).then_some(Turn::Group(group))
    }
}

impl<S, X> Default for Queue<S, X> {
    fn default() -> Self {
        Self { queued: None }
    }
}

/// Saves on their way to the store.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct GroupCommit<S> {
    /// Never empty.
    group: Vec<S>,
    /// The saves that are saved alone after that.
    alone: VecDeque<S>,
    attempt: u32,
}

/// The next step.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[must_use]
pub enum Step<S, E> {
    /// Choose the newest record that is known as the base: then [`GroupCommit::base_chosen`].
    ChooseBase(GroupCommit<S>),
    /// Make the changes of all saves on the base, and replace that with the result, if the store has not changed it: then
    /// [`GroupCommit::saved`], [`GroupCommit::rejected`] or [`GroupCommit::not_encoded`].
    Save(GroupCommit<S>),
    /// Load the record, which is the base from now on: then [`GroupCommit::reloaded`].
    Reload(GroupCommit<S>),
    /// Complete these saves: then [`Rest::next`].
    Complete(Vec<S>, Completion<E>, Rest<S>),
    /// Nothing.
    Done,
}

/// The outcome of a group of saves.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Completion<E> {
    /// All of them are saved.
    Saved,
    /// None of them is.
    Failed(E),
}

/// The outcome of [`Step::Save`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Saved<E> {
    /// All of them are saved.
    Saved,
    /// The record has changed since it was loaded.
    Conflict,
    /// None of them is saved.
    Failed(E),
}

/// The saves that are left when others are complete.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Rest<S>(VecDeque<S>);

impl<S> GroupCommit<S> {
    /// Begins with saves, in order.
    pub fn begin<E>(group: Vec<S>) -> Step<S, E> {
        Self::next(group, VecDeque::new())
    }

    /// The saves, in order.
    #[must_use]
    pub fn saves(&self) -> &[S] {
        &self.group
    }

    /// The number of conflicts so far.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// After [`Step::ChooseBase`].
    pub fn base_chosen<E>(self) -> Step<S, E> {
        Step::Save(self)
    }

    /// After [`Step::Save`], if the changes of the save at this position cannot be made: nothing was saved. Returns that save, which has
    /// to be completed.
    pub fn rejected<E>(mut self, position: usize) -> (S, Step<S, E>) {
        let rejected = self.group.remove(position);
        let next = if self.group.is_empty() { Rest(self.alone).next() } else { Step::Save(self) };
        (rejected, next)
    }

    /// After [`Step::Save`], if the changes were made, but the result cannot be encoded: nothing was saved.
    pub fn not_encoded<E>(self, error: E) -> Step<S, E> {
        if self.group.len() == 1 {
            return self.complete(Completion::Failed(error));
        }
        // One of them is at fault, and only that one is to fail.
        Rest(self.group.into_iter().chain(self.alone).collect()).next()
    }

    /// After [`Step::Save`].
    pub fn saved<E>(self, saved: Saved<E>) -> Step<S, E> {
        match saved {
            Saved::Saved => self.complete(Completion::Saved),
            Saved::Conflict => Step::Reload(self),
            Saved::Failed(error) => self.complete(Completion::Failed(error)),
        }
    }

    /// After [`Step::Reload`].
    pub fn reloaded<E>(self, reloaded: Result<(), E>) -> Step<S, E> {
        match reloaded {
            Ok(()) => Step::Save(Self { attempt: self.attempt.saturating_add(1), ..self }),
            Err(error) => self.complete(Completion::Failed(error)),
        }
    }

    fn complete<E>(self, completion: Completion<E>) -> Step<S, E> {
        Step::Complete(self.group, completion, Rest(self.alone))
    }

    fn next<E>(group: Vec<S>, alone: VecDeque<S>) -> Step<S, E> {
        if group.is_empty() { Step::Done } else { Step::ChooseBase(Self { group, alone, attempt: 0 }) }
    }
}

impl<S> Rest<S> {
    /// The first step for the saves that are left.
    pub fn next<E>(mut self) -> Step<S, E> {
        let group = self.0.pop_front().into_iter().collect();
        GroupCommit::next(group, self.0)
    }
}

#[cfg(test)]
mod tests;
