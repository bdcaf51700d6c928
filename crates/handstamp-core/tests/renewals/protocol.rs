//! The rules of the protocol, the size of the model, and the steps.

use stateright::{Model, Property};

use crate::properties;
use crate::request::{Intent, Stage};
use crate::script::{Part, Reply, Script};
use crate::store::Id;
use crate::world::{Job, Purpose, World};

#[derive(Clone, Copy, Debug)]
pub(crate) struct Protocol {
    /// A renewal leaves a tombstone under the old id, which names the new one.
    pub(crate) renewals_leave_tombstones: bool,
    /// A delete leaves a tombstone.
    pub(crate) deletes_leave_tombstones: bool,
    /// A logout follows tombstones.
    pub(crate) end_follows: bool,
    /// Other deletes do not follow tombstones.
    pub(crate) only_end_follows: bool,
    /// How a replacement is repeated after a failover.
    pub(crate) replacement_is_repeated: RepeatedAs,
    /// A logout that the store has confirmed does not follow tombstones when it is repeated after a failover.
    pub(crate) confirmed_end_is_repeated_as_erase: bool,
    /// A delete is repeated as well if a failover comes before its node remembers the outcome.
    pub(crate) late_outcome_is_repeated: bool,
    /// For which unknown replacements a tombstone is kept longer than 30 s.
    pub(crate) tombstone_outlives: Outlives,
    /// A record names the id that it was renewed from, until the record there is known to be replaced.
    pub(crate) record_names_predecessor: bool,
    /// A renewal first erases the predecessor that the old record names.
    pub(crate) renewal_erases_predecessor: bool,
    /// A renewal is given up if that predecessor turns out to have been logged out of.
    pub(crate) renewal_stops_if_ended: bool,
    /// A repeated or late replacement that finds the session ended also ends the successor.
    pub(crate) late_replacement_ends_successor: bool,
    /// A renewal keeps the old record if the new one disappears before its id was sent to the browser.
    pub(crate) lost_successor_keeps_session: bool,
    /// Only a login creates a session where another has moved or ended recently.
    pub(crate) late_changes_are_rejected: bool,
    /// Only a logout removes the cookie.
    pub(crate) only_logout_removes_cookie: bool,
    pub(crate) login_on_moved: LoginOnMoved,
    /// A logout that fails is retried from the id where it failed. Otherwise it is retried from the first id.
    pub(crate) failed_end_resumes: bool,

    pub(crate) starts: &'static [Start],
    /// The kinds of requests that the visitor makes.
    pub(crate) intents: &'static [Intent],
    /// The number of requests of the visitor.
    pub(crate) requests: usize,
    /// The number of requests of the attacker.
    pub(crate) attacks: usize,
    /// The store can reject a step in place of a lost reply. Then no node takes a step once more: if the second attempt is rejected, the first
    /// one may have been done, so that counts as no reply.
    pub(crate) rejects: bool,
    /// The number of replies that are lost.
    pub(crate) faults: u8,
    pub(crate) failover: bool,
}

#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Client {
    Visitor,
    Attacker,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Start {
    NoSession,
    /// The visitor has the id of an anonymous session, which the attacker has planted.
    Planted,
    LoggedIn,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum RepeatedAs {
    Replacement,
    Erase,
    End,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Outlives {
    None,
    /// The one that wrote it.
    ItsOwnReplacement,
    /// All of that id.
    AnyReplacement,
}

/// What a login does if its session has moved.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum LoginOnMoved {
    CreatesSession,
    Follows,
    IsRejected,
}

/// Requests and jobs are identified by index. The index of a job can change from state to state.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    Begin(Client, Intent, Option<Id>),
    Run(usize, Part, Reply),
    /// The step is taken, the reply is lost, and the node takes the step once more.
    Retry(usize, Part),
    /// The response arrives at the client.
    Deliver(usize),
    RunJob(usize, Part, Reply),
    /// A node has retried a replacement for 20 s.
    GiveUp(usize),
    /// A node that retries a replacement crashes.
    Crash(usize),
    /// A tombstone expires.
    Expire(Id),
    /// The last writes are lost; if there are none, the nodes have only subscribed again.
    FailOver(usize),
}

impl Model for Protocol {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        self.starts.iter().map(|&start| World::new(start, self)).collect()
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        self.begin(world, steps);
        for (n, request) in world.requests.iter().enumerate() {
            match request.stage {
                Stage::Running(script) => run(n, &script, world.faults, self.rejects, steps),
                Stage::Responded(_) => steps.push(Step::Deliver(n)),
                Stage::Done(_) => {}
            }
        }
        for (j, job) in world.jobs.iter().enumerate() {
            run_job(j, job, world.faults, self.rejects, steps);
        }
        steps.extend(world.store.ids().filter(|&id| world.may_expire(id, self)).map(Step::Expire));
        if let Some(losable) = world.store.losable() {
            steps.extend((0..=losable).map(Step::FailOver));
        }
    }

    fn next_state(&self, world: &World, step: Step) -> Option<World> {
        let mut next = world.clone();
        next.take(step, self)?;
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}

impl Protocol {
    fn begin(&self, world: &World, steps: &mut Vec<Step>) {
        let begun = |client| world.requests.iter().filter(|request| request.client == client).count();
        if begun(Client::Visitor) < self.requests {
            // Without a cookie there is nothing to read, to renew or to end.
            let has_effect = |intent| world.jar.is_some() || matches!(intent, Intent::Change | Intent::Login);
            let intents = self.intents.iter().filter(|&&intent| has_effect(intent));
            steps.extend(intents.map(|&intent| Step::Begin(Client::Visitor, intent, world.jar)));
        }
        if begun(Client::Attacker) < self.attacks {
            for id in world.attacker_has.iter() {
                let begin = |intent| Step::Begin(Client::Attacker, intent, Some(id));
                steps.extend([Intent::Login, Intent::Logout].map(begin));
            }
        }
    }
}

impl World {
    /// `None` if the step is not possible.
    fn take(&mut self, step: Step, protocol: &Protocol) -> Option<()> {
        match step {
            Step::Begin(client, intent, cookie) => self.begin(client, intent, cookie),
            Step::Run(n, part, reply) => {
                self.faults -= u8::from(reply != Reply::Received);
                self.run(n, part, reply, protocol)?;
            }
            Step::Retry(n, part) => {
                self.faults -= 1;
                self.retry(n, part, protocol)?;
            }
            Step::Deliver(n) => self.deliver(n)?,
            Step::RunJob(j, part, reply) => {
                self.faults -= u8::from(reply != Reply::Received);
                self.run_job(j, part, reply, protocol);
            }
            Step::GiveUp(j) => self.give_up(j, protocol),
            Step::Crash(j) => self.crash(j),
            Step::Expire(id) => self.expire(id),
            Step::FailOver(lost) => self.fail_over(lost, protocol),
        }
        Some(())
    }
}

fn run(n: usize, script: &Script, faults: u8, rejects: bool, steps: &mut Vec<Step>) {
    for part in script.parts() {
        steps.push(Step::Run(n, part, Reply::Received));
        if faults > 0 {
            steps.push(Step::Run(n, part, Reply::NotRun));
            steps.extend(script.writes(part).then_some(Step::Run(n, part, Reply::Lost)));
            steps.extend((!rejects && script.can_be_retried(part)).then_some(Step::Retry(n, part)));
            let is_rejected = rejects && script.can_be_rejected(part);
            steps.extend(is_rejected.then_some(Step::Run(n, part, Reply::Rejected)));
        }
    }
}

/// A step that is not taken leaves the job as it is, so it needs no transition.
fn run_job(j: usize, job: &Job, faults: u8, rejects: bool, steps: &mut Vec<Step>) {
    for part in job.script.parts() {
        steps.push(Step::RunJob(j, part, Reply::Received));
        if faults > 0 && job.script.writes(part) {
            steps.push(Step::RunJob(j, part, Reply::Lost));
            let is_rejected = rejects && job.script.can_be_rejected(part);
            steps.extend(is_rejected.then_some(Step::RunJob(j, part, Reply::Rejected)));
        }
    }
    if let Purpose::Settle { .. } = job.purpose {
        let retries = matches!(job.script, Script::Renew(renewing) if renewing.can_be_given_up());
        steps.extend(retries.then_some(Step::GiveUp(j)));
        steps.push(Step::Crash(j));
    }
}
