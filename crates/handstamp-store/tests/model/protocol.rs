//! The store, and the steps of the store and the nodes.

use stateright::{Model, Property};

use crate::node::{Delivery, Fill, Found, Node, Outcome, Subscription};
use crate::properties;

/// Which mechanisms there are, and how much happens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Protocol {
    /// A fill whose ticket was invalidated is not cached.
    pub(crate) ticket: bool,
    /// A save replaces the revision that it names, or nothing.
    pub(crate) revision_check: bool,
    /// The cache is fresh if the last fence with a reply was sent recently. Without this rule: as long as no disconnect is detected.
    pub(crate) fence: bool,
    /// A subscription begins with an empty cache, and and invalidates earlier tickets.
    pub(crate) flush_on_resubscribe: bool,
    /// Neither an older reply nor the message of an older save replaces a later one.
    pub(crate) later_stays: bool,

    pub(crate) nodes: usize,
    /// Whether there are other nodes, which only save.
    pub(crate) saves_elsewhere: bool,
    /// The number of loads that a node may have in flight.
    pub(crate) fills: usize,
    pub(crate) revisions: u8,
    /// Subscriptions that break or fall silent.
    pub(crate) gaps: u8,
    /// In ticks.
    pub(crate) max_staleness: u8,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Cluster {
    pub(crate) store: Store,
    pub(crate) nodes: Vec<Node>,
    /// How many more gaps there may be.
    pub(crate) gaps: u8,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Store {
    pub(crate) record: Found,
    pub(crate) deleted: bool,
    /// For each revision so far, how many ticks ago it was replaced.
    outdated_for: Vec<u8>,
}

/// The first number is that of the node. A node's number may change from state to state.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    BeginFill(usize),
    ReplyToFill(usize, usize),
    CompleteFill(usize, usize),
    BeginSave(usize),
    ExecuteSave(usize),
    CompleteSave(usize),
    SaveElsewhere,
    Delete,
    Deliver(usize),
    SendFence(usize),
    GoLive(usize),
    Disconnect(usize),
    FallSilent(usize),
    Subscribe(usize),
    Tick,
}

impl Model for Protocol {
    type State = Cluster;
    type Action = Step;

    fn init_states(&self) -> Vec<Cluster> {
        let store = Store { record: Found::Revision(1), deleted: false, outdated_for: vec![0] };
        vec![Cluster { store, nodes: vec![Node::new(); self.nodes], gaps: self.gaps }]
    }

    fn actions(&self, cluster: &Cluster, steps: &mut Vec<Step>) {
        steps.push(Step::Tick);
        let exists = cluster.store.record != Found::Absent;
        let may_save = exists && cluster.store.last_revision() < self.revisions;
        if exists && !cluster.store.deleted {
            steps.push(Step::Delete);
        }
        if may_save && self.saves_elsewhere {
            steps.push(Step::SaveElsewhere);
        }
        for (n, node) in cluster.nodes.iter().enumerate() {
            if node.fills.len() < self.fills {
                steps.push(Step::BeginFill(n));
            }
            steps.extend(node.fills.iter().enumerate().map(|(i, fill)| match fill.reply {
                None => Step::ReplyToFill(n, i),
                Some(_) => Step::CompleteFill(n, i),
            }));
            match node.save {
                None if may_save => steps.push(Step::BeginSave(n)),
                None => {}
                Some(save) if save.outcome.is_none() => steps.push(Step::ExecuteSave(n)),
                Some(_) => steps.push(Step::CompleteSave(n)),
            }
            match &node.subscription {
                None => steps.push(Step::Subscribe(n)),
                Some(subscription) => subscription.steps(n, cluster.gaps, steps),
            }
        }
    }

    fn next_state(&self, cluster: &Cluster, step: Step) -> Option<Cluster> {
        let mut next = cluster.clone();
        next.take(step, self)?;
        for node in &mut next.nodes {
            node.serve(self);
            // The order of loads and of nodes has no meaning: this leads to fewer states.
            node.fills.sort();
        }
        next.nodes.sort();
        (next != *cluster).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}

impl Subscription {
    fn steps(&self, n: usize, gaps: u8, steps: &mut Vec<Step>) {
        // A silent subscription that breaks is no second gap.
        if self.silent || gaps > 0 {
            steps.push(Step::Disconnect(n));
        }
        if !self.silent && gaps > 0 {
            steps.push(Step::FallSilent(n));
        }
        if !self.silent && self.fence.is_none() {
            steps.push(Step::SendFence(n));
        }
        if self.live && !self.in_flight.is_empty() {
            steps.push(Step::Deliver(n));
        }
        if !self.live && self.in_flight.contains(&Delivery::Pong) {
            steps.push(Step::GoLive(n));
        }
    }
}

impl Cluster {
    /// `None` if the step is not possible.
    fn take(&mut self, step: Step, protocol: &Protocol) -> Option<()> {
        let Self { store, nodes, gaps } = self;
        match step {
            Step::BeginFill(n) => nodes[n].fills.push(Fill::default()),
            Step::ReplyToFill(n, i) => nodes[n].fills[i].reply = Some(store.record),
            Step::CompleteFill(n, i) => nodes[n].complete_fill(i, protocol)?,
            Step::BeginSave(n) => nodes[n].begin_save(store.last_revision()),
            Step::ExecuteSave(n) => {
                let replacing = nodes[n].save?.replacing;
                let outcome = self.save(replacing, protocol);
                self.nodes[n].save.as_mut()?.outcome = Some(outcome);
            }
            Step::CompleteSave(n) => nodes[n].complete_save(protocol)?,
            Step::SaveElsewhere => {
                let replacing = store.last_revision();
                self.save(replacing, protocol);
            }
            Step::Delete => {
                (store.record, store.deleted) = (Found::Absent, true);
                self.publish(Delivery::Deleted);
            }
            Step::Deliver(n) => nodes[n].deliver(protocol)?,
            Step::SendFence(n) => {
                let subscription = nodes[n].subscription.as_mut()?;
                subscription.fence = Some(0);
                subscription.in_flight.push(Delivery::Pong);
            }
            Step::GoLive(n) => nodes[n].go_live(protocol)?,
            Step::Disconnect(n) => {
                *gaps -= u8::from(!nodes[n].is_silent());
                nodes[n].disconnect();
            }
            Step::FallSilent(n) => {
                *gaps -= 1;
                nodes[n].subscription.as_mut()?.silent = true;
            }
            Step::Subscribe(n) => nodes[n].subscription = Some(Subscription::default()),
            Step::Tick => {
                store.tick(protocol);
                nodes.iter_mut().for_each(|node| node.tick(protocol));
            }
        }
        Some(())
    }

    /// Compares, sets and publishes in one step, as the script does.
    fn save(&mut self, replacing: u8, protocol: &Protocol) -> Outcome {
        let found = if protocol.revision_check { self.store.record } else { Found::Revision(replacing) };
        let beyond_scope = self.store.last_revision() == protocol.revisions;
        if found != Found::Revision(replacing) || beyond_scope {
            return Outcome::Rejected;
        }
        self.store.outdated_for.push(0);
        let saved = self.store.last_revision();
        self.store.record = Found::Revision(saved);
        self.publish(Delivery::Invalidated(saved));
        Outcome::Saved(saved)
    }

    fn publish(&mut self, message: Delivery) {
        let subscriptions = self.nodes.iter_mut().filter_map(|node| node.subscription.as_mut());
        for subscription in subscriptions.filter(|subscription| !subscription.silent) {
            subscription.in_flight.push(message);
        }
    }
}

impl Store {
    /// How many ticks ago this was replaced, up to the bound.
    pub(crate) fn outdated_for(&self, found: Found) -> u8 {
        match found {
            Found::Revision(revision) => self.outdated_for[usize::from(revision) - 1],
            Found::Absent => 0,
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "there are two or three")]
    fn last_revision(&self) -> u8 {
        self.outdated_for.len() as u8
    }

    fn tick(&mut self, protocol: &Protocol) {
        for (revision, ticks) in (1..).zip(&mut self.outdated_for) {
            if self.record != Found::Revision(revision) {
                *ticks = protocol.max_staleness.min(*ticks + 1);
            }
        }
    }
}
