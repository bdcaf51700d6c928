//! The node: its queue, its leaders, and the steps that they take.

use handstamp_core::protocol::group_commit::{
    Completion, GroupCommit, Queue, Queued, Round, Saved, Step, Turn,
};
use stateright::{Model, Property};

use crate::properties;

/// The size of the model, what goes wrong in it, and the rules that can be left out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope {
    pub(crate) requests: &'static [Kind],
    pub(crate) fault: Fault,
    /// How many failures of the store there are.
    pub(crate) failures: u8,
    /// How many saves of other nodes there are.
    pub(crate) others: u8,
    /// How many requests stop waiting.
    pub(crate) leaves: u8,
    /// How many leaders die.
    pub(crate) deaths: u8,
    /// The requests in the queue of a leader that dies fail.
    pub(crate) abort_fails_queue: bool,
    /// A leader waits for the end of an exclusive turn.
    pub(crate) turn_is_awaited: bool,
    /// The queue of a session remembers that it has a leader.
    pub(crate) queue_is_kept: bool,
    /// After a conflict, the changes are made on the record that is there then.
    pub(crate) conflict_is_reloaded: bool,
    /// The saves of a group that cannot be encoded are saved alone.
    pub(crate) group_is_split: bool,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Kind {
    Save,
    Exclusive,
}

/// What is wrong with one of the requests.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    None,
    /// Its changes panic when they are made again.
    Panics(u8),
    /// Its changes lead to data that cannot be encoded.
    Unencodable(u8),
}

#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) struct Node {
    queue: Queue<u8, u8>,
    pub(crate) record: Record,
    /// The record as each request has read it.
    origins: Vec<Record>,
    pub(crate) others: u8,
    pub(crate) leaders: Vec<Leader>,
    /// The requests that have joined.
    pub(crate) requests: Vec<Request>,
    /// The requests that hold an exclusive turn.
    pub(crate) turns: Vec<u8>,
    /// Saves that were done and turns that were taken, in order.
    pub(crate) history: Vec<u8>,
    /// The size of the last group that was saved.
    pub(crate) last_group: usize,
    pub(crate) completed_twice: bool,
    pub(crate) failures: u8,
    leaves: u8,
    pub(crate) deaths: u8,
}

/// The record in the store.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) struct Record {
    revision: u8,
    /// The changes of requests, as bits, and above them those of other nodes.
    changes: u16,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Request {
    Waiting,
    /// It does not wait any more, and is complete for the node.
    Left,
    Done,
    Failed,
    Aborted,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Leader {
    round: Round<u8, u8>,
    pub(crate) work: Work,
    /// The newest record that it knows.
    newest: Option<Record>,
    /// The record that the changes are made on.
    base: Record,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Work {
    NextTurn,
    Group(Step<u8, Failed>),
    /// Waits for the end of the turn of this request.
    Turn(u8),
}

/// The store has failed, or a save is at fault.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Failed;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Action {
    /// The next request joins.
    Join,
    Leave(u8),
    /// A leader takes its next step.
    Lead(usize),
    /// Another node saves.
    Other,
    /// The store fails.
    Fail(usize),
    EndTurn(u8),
    Die(usize),
}

impl Model for Scope {
    type State = Node;
    type Action = Action;

    fn init_states(&self) -> Vec<Node> {
        vec![Node::default()]
    }

    fn actions(&self, node: &Node, actions: &mut Vec<Action>) {
        if node.requests.len() < self.requests.len() {
            actions.push(Action::Join);
        }
        if node.leaves < self.leaves {
            let waiting = (0..).zip(&node.requests).filter(|(_, request)| **request == Request::Waiting);
            actions.extend(waiting.map(|(n, _)| Action::Leave(n)));
        }
        if node.others < self.others {
            actions.push(Action::Other);
        }
        actions.extend(node.turns.iter().map(|&n| Action::EndTurn(n)));
        for (l, leader) in node.leaders.iter().enumerate() {
            let is_blocked = matches!(leader.work, Work::Turn(n) if node.turns.contains(&n));
            if !is_blocked || !self.turn_is_awaited {
                actions.push(Action::Lead(l));
            }
            let is_at_store = matches!(leader.work, Work::Group(Step::Save(_) | Step::Reload(_)));
            if node.failures < self.failures && is_at_store {
                actions.push(Action::Fail(l));
            }
            // While it waits for the end of a turn, it runs no code that could panic.
            if node.deaths < self.deaths && !matches!(leader.work, Work::Turn(_)) {
                actions.push(Action::Die(l));
            }
        }
    }

    fn next_state(&self, node: &Node, action: Action) -> Option<Node> {
        let mut next = node.clone();
        match action {
            Action::Join => next.join(self.requests[next.requests.len()]),
            Action::Leave(n) => {
                next.leaves += 1;
                next.requests[usize::from(n)] = Request::Left;
            }
            Action::Lead(l) => next.lead(l, self),
            Action::Other => {
                next.record = next.record.with(1 << (FIRST_OTHER + next.others));
                next.others += 1;
            }
            Action::Fail(l) => {
                next.failures += 1;
                next.leaders[l].work = Work::Group(match next.leaders[l].work.clone() {
                    Work::Group(Step::Save(group)) => group.saved(Saved::Failed(Failed)),
                    Work::Group(Step::Reload(group)) => group.reloaded(Err(Failed)),
                    _ => return None,
                });
            }
            Action::EndTurn(n) => {
                next.record = next.record.with(1 << n);
                next.turns.retain(|&turn| turn != n);
            }
            Action::Die(l) => next.die(l, self),
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}

impl Node {
    fn join(&mut self, kind: Kind) {
        let n = number(self.requests.len());
        self.requests.push(Request::Waiting);
        self.origins.push(self.record);
        let round = self.queue.join(match kind {
            Kind::Save => Queued::Save(n),
            Kind::Exclusive => Queued::Exclusive(n),
        });
        self.leaders.extend(round.map(Leader::new));
    }

    fn lead(&mut self, l: usize, scope: &Scope) {
        let requests = self.requests.clone();
        let leader = &mut self.leaders[l];
        let work = match std::mem::replace(&mut leader.work, Work::NextTurn) {
            Work::NextTurn => {
                let abandoned = |&n: &u8| requests[usize::from(n)] == Request::Left;
                match leader.round.next_turn(abandoned) {
                    Some(Turn::Group(saves)) => Work::Group(GroupCommit::begin(saves)),
                    Some(Turn::Exclusive(n)) if abandoned(&n) => Work::NextTurn,
                    Some(Turn::Exclusive(n)) => {
                        self.complete(n, Request::Done);
                        self.history.push(n);
                        self.turns.push(n);
                        Work::Turn(n)
                    }
                    None => return self.next_round(l, scope),
                }
            }
            Work::Turn(_) => {
                leader.newest = None;
                Work::NextTurn
            }
            Work::Group(Step::Done) => Work::NextTurn,
            Work::Group(step) => Work::Group(self.take_step(l, step, scope)),
        };
        self.leaders[l].work = work;
    }

    fn take_step(&mut self, l: usize, step: Step<u8, Failed>, scope: &Scope) -> Step<u8, Failed> {
        match step {
            Step::ChooseBase(group) => {
                let origins = group.saves().iter().map(|&save| self.origins[usize::from(save)]);
                let newest = self.leaders[l].newest.into_iter().chain(origins);
                let base = newest.max_by_key(|record| record.revision);
                self.leaders[l].base = base.unwrap_or_else(|| unreachable!("a group has saves"));
                group.base_chosen()
            }
            Step::Save(group) => self.save(l, group, scope),
            Step::Reload(group) => {
                let changes = self.leaders[l].base.changes;
                let fresh =
                    if scope.conflict_is_reloaded { self.record } else { Record { changes, ..self.record } };
                self.leaders[l].base = fresh;
                self.leaders[l].newest = Some(fresh);
                group.reloaded(Ok(()))
            }
            Step::Complete(saves, completion, rest) => {
                let done = completion == Completion::Saved;
                for save in saves {
                    self.complete(save, if done { Request::Done } else { Request::Failed });
                }
                rest.next()
            }
            Step::Done => Step::Done,
        }
    }

    fn save(&mut self, l: usize, group: GroupCommit<u8>, scope: &Scope) -> Step<u8, Failed> {
        let position = |n| group.saves().iter().position(|&save| save == n);
        match scope.fault {
            Fault::Panics(n) => {
                if let Some(position) = position(n) {
                    let (rejected, next) = group.rejected(position);
                    self.complete(rejected, Request::Failed);
                    return next;
                }
            }
            Fault::Unencodable(n) if position(n).is_some() && scope.group_is_split => {
                return group.not_encoded(Failed);
            }
            Fault::Unencodable(n) if position(n).is_some() => return group.saved(Saved::Failed(Failed)),
            Fault::None | Fault::Unencodable(_) => {}
        }
        if self.leaders[l].base.revision != self.record.revision {
            return group.saved(Saved::Conflict);
        }
        let changes = group.saves().iter().fold(0, |changes, save| changes | 1 << save);
        self.record = self.leaders[l].base.with(changes);
        self.leaders[l].newest = Some(self.record);
        self.history.extend(group.saves());
        self.last_group = group.saves().len();
        group.saved(Saved::Saved)
    }

    fn next_round(&mut self, l: usize, scope: &Scope) {
        let next = self.queue.next_round();
        if !scope.queue_is_kept {
            self.queue = Queue::default();
        }
        match next {
            Some(round) => self.leaders[l].round = round,
            None => drop(self.leaders.remove(l)),
        }
    }

    /// All that the leader has in hand is dropped.
    fn die(&mut self, l: usize, scope: &Scope) {
        self.deaths += 1;
        let mut leader = self.leaders.remove(l);
        let mut dropped = Vec::new();
        if let Work::Group(step) = leader.work {
            drop_saves(step, &mut dropped);
        }
        while let Some(turn) = leader.round.next_turn(|_| false) {
            match turn {
                Turn::Group(saves) => dropped.extend(saves),
                Turn::Exclusive(n) => dropped.push(n),
            }
        }
        let aborted = std::mem::take(&mut self.queue).abort();
        if scope.abort_fails_queue {
            dropped.extend(aborted.into_iter().map(|queued| match queued {
                Queued::Save(n) | Queued::Exclusive(n) => n,
            }));
        }
        for n in dropped {
            self.complete(n, Request::Aborted);
        }
    }

    /// Whether the record has the changes of this request.
    pub(crate) fn has_change_of(&self, n: u8) -> bool {
        self.record.changes & 1 << n != 0
    }

    pub(crate) fn has_changes_of_others(&self) -> bool {
        (0..self.others).all(|other| self.has_change_of(FIRST_OTHER + other))
    }

    fn complete(&mut self, n: u8, outcome: Request) {
        let request = &mut self.requests[usize::from(n)];
        match request {
            Request::Waiting => *request = outcome,
            Request::Left => {}
            Request::Done | Request::Failed | Request::Aborted => self.completed_twice = true,
        }
    }
}

impl Record {
    /// The next record, with these changes too.
    fn with(self, changes: u16) -> Self {
        Self { revision: self.revision + 1, changes: self.changes | changes }
    }
}

impl Leader {
    fn new(round: Round<u8, u8>) -> Self {
        Self { round, work: Work::NextTurn, newest: None, base: Record::default() }
    }
}

/// Collects the saves that are not complete.
fn drop_saves(step: Step<u8, Failed>, dropped: &mut Vec<u8>) {
    let mut step = step;
    loop {
        step = match step {
            Step::ChooseBase(group) | Step::Save(group) | Step::Reload(group) => {
                group.saved(Saved::Failed(Failed))
            }
            Step::Complete(saves, _, rest) => {
                dropped.extend(saves);
                rest.next()
            }
            Step::Done => return,
        };
    }
}

#[expect(clippy::cast_possible_truncation, reason = "there is a handful of requests")]
fn number(n: usize) -> u8 {
    n as u8
}

/// The bit of the first change of another node.
const FIRST_OTHER: u8 = 8;
