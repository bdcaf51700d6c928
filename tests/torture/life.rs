use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use parking_lot::Mutex;
use tokio::time::{Instant, sleep};

use crate::fleet::NODES;
use crate::history::{Answer, Call, History, Label, Operation, Outcome};
use crate::slots::Finder;
use crate::visitor::{Request, Visitor};

/// How the lives of sessions are led.
#[derive(Clone, Debug)]
pub(crate) struct Habits {
    pub(crate) visitor: Visitor,
    pub(crate) finder: Finder,
    /// After this, what has happened is seen everywhere.
    pub(crate) bound: Duration,
    /// No life goes on for longer than this.
    pub(crate) deadline: Instant,
    /// Whether now and then something is recorded that was never asked for.
    pub(crate) falsify: bool,
}

/// Leads one session from its login over its logout to its oblivion, by several actors, and returns its history.
pub(crate) async fn lead(habits: Habits, number: usize, mut rng: Rng) -> History {
    let life = Arc::new(Life {
        username: format!("user-{number}"),
        state: Mutex::default(),
        forgets_logout: habits.falsify && rng.u8(..4) == 0,
        habits,
    });
    if life.log_in(&mut rng).await {
        let actors = rng.usize(1..4);
        let tasks: Vec<_> =
            (1..=actors).map(|actor| tokio::spawn(life.clone().act(actor, rng.fork()))).collect();
        life.rule(&mut rng).await;
        let busy_to_the_end = rng.bool();
        if !busy_to_the_end {
            life.stop();
            for task in &tasks {
                while !task.is_finished() {
                    sleep(PAUSE).await;
                }
            }
            // What was acknowledged must be there now, whoever is asked.
            sleep(life.habits.bound + SHORT).await;
            life.read_until_told(life.current(), &mut rng).await;
        }
        life.log_out(life.current(), &mut rng).await;
        sleep(SHORT).await;
        life.stop();
        for task in tasks {
            task.await.expect("an actor does not panic");
        }
        life.haunt(&mut rng).await;
    }
    let state = std::mem::take(&mut *life.state.lock());
    let slots = state.cookies.iter().map(|cookie| life.habits.finder.slot(cookie)).collect();
    History { username: life.username.clone(), calls: state.calls, slots }
}

struct Life {
    habits: Habits,
    username: String,
    state: Mutex<State>,
    /// Whether the logout is only recorded.
    forgets_logout: bool,
}

#[derive(Default)]
struct State {
    calls: Vec<Call>,
    /// By label.
    cookies: Vec<String>,
    current: Label,
    /// Whether the actors are to stop.
    stopped: bool,
}

/// The first of the actors alone logs in, renews and logs out.
const RULER: usize = 0;
/// From this number on they look at ended sessions.
const HAUNTERS: usize = 10;

impl Life {
    async fn log_in(&self, rng: &mut Rng) -> bool {
        while Instant::now() < self.habits.deadline {
            if self.ask(RULER, Operation::Login, None, rng).await.is_done() {
                return true;
            }
            sleep(PAUSE).await;
        }
        false
    }

    /// Reads and changes the session, until told to stop.
    async fn act(self: Arc<Self>, actor: usize, mut rng: Rng) {
        while !self.state.lock().stopped {
            self.use_once(actor, &mut rng).await;
            pause(&mut rng).await;
        }
    }

    /// The same, with renewals in between, for some seconds, or until the session is no more.
    async fn rule(&self, rng: &mut Rng) {
        let end = Instant::now() + Duration::from_millis(rng.u64(2_000..15_000));
        while Instant::now() < end.min(self.habits.deadline) {
            let go_on = match rng.u8(..20) {
                0 => self.renew(rng).await,
                1 if rng.bool() => self.renew_twice(rng).await,
                _ => !matches!(self.use_once(RULER, rng).await, Outcome::Refused),
            };
            if !go_on {
                return;
            }
            pause(rng).await;
        }
    }

    async fn use_once(&self, actor: usize, rng: &mut Rng) -> Outcome {
        let current = self.current();
        match rng.u8(..10) {
            0..5 => self.ask(actor, Operation::Visit, Some(current), rng).await,
            // An earlier cookie, too, is looked at now and then, though it may be refused.
            5 if current > 0 => {
                self.ask(actor, Operation::Read, Some(rng.usize(..current)), rng).await;
                Outcome::Unknown
            }
            _ => self.ask(actor, Operation::Read, Some(current), rng).await,
        }
    }

    /// Returns whether the session certainly lives on.
    async fn renew(&self, rng: &mut Rng) -> bool {
        let old = self.current();
        match self.ask(RULER, Operation::Renew, Some(old), rng).await {
            Outcome::Done(Answer { cookie: Some(new), .. }) => {
                self.state.lock().current = new;
                true
            }
            // It was not done, says the node.
            Outcome::Failed(_) => true,
            Outcome::Uncertain(new) => {
                self.state.lock().current = new;
                false
            }
            Outcome::Done(_) | Outcome::Refused | Outcome::Unknown => false,
        }
    }

    /// Renews one cookie twice at the same time, and goes on with the session that has the data. The other one, if
    /// there is one, is ended. Returns whether the session certainly lives on.
    async fn renew_twice(&self, rng: &mut Rng) -> bool {
        let old = Some(self.current());
        let mut other_rng = rng.fork();
        let (one, other) = tokio::join!(
            self.ask(RULER, Operation::Renew, old, rng),
            self.ask(RULER, Operation::Renew, old, &mut other_rng)
        );
        let mut best = None;
        for outcome in [&one, &other] {
            if let Outcome::Done(Answer { cookie: Some(new), .. }) = outcome {
                let visits = self.read_until_told(*new, rng).await;
                if let Some((second, _)) = best.filter(|&(_, most)| visits <= most) {
                    self.state.lock().current = second;
                    self.log_out(*new, rng).await;
                } else {
                    if let Some((worse, _)) = best {
                        self.log_out(worse, rng).await;
                    }
                    self.state.lock().current = *new;
                    best = Some((*new, visits));
                }
            }
        }
        let uncertain = [&one, &other].into_iter().find_map(|outcome| match outcome {
            Outcome::Uncertain(new) => Some(*new),
            _ => None,
        });
        if let (None, Some(new)) = (best, uncertain) {
            self.state.lock().current = new;
        }
        best.is_some() && uncertain.is_none() && ![one, other].contains(&Outcome::Unknown)
    }

    async fn log_out(&self, cookie: Label, rng: &mut Rng) {
        while !self.ask(RULER, Operation::Logout, Some(cookie), rng).await.is_done() && !self.is_late() {
            sleep(PAUSE).await;
        }
    }

    /// Asks until the session is shown or refused. Returns its updates.
    async fn read_until_told(&self, cookie: Label, rng: &mut Rng) -> u64 {
        loop {
            match self.ask(RULER, Operation::Read, Some(cookie), rng).await {
                Outcome::Done(answer) => return answer.visits.unwrap_or_default(),
                Outcome::Failed(_) | Outcome::Unknown if !self.is_late() => sleep(PAUSE).await,
                _ => return 0,
            }
        }
    }

    /// Presents the cookies of the ended session again and again, everywhere: it must not come back.
    async fn haunt(&self, rng: &mut Rng) {
        let ended = self.current();
        let end = Instant::now() + self.habits.bound + rng.u32(1..20) * SHORT;
        tokio::join!(
            self.haunt_node(0, ended, end, rng.fork()),
            self.haunt_node(1, ended, end, rng.fork()),
            self.haunt_node(2, ended, end, rng.fork())
        );
        if let Outcome::Done(Answer { cookie: Some(new), .. }) =
            self.ask(RULER, Operation::Renew, Some(ended), rng).await
        {
            self.read_until_told(new, rng).await;
            self.log_out(new, rng).await;
        }
    }

    /// One actor for each node, so that one which stands still is being asked the moment it goes on.
    async fn haunt_node(&self, node: usize, ended: Label, end: Instant, mut rng: Rng) {
        while Instant::now() < end {
            let cookie = if rng.bool() { ended } else { rng.usize(..=ended) };
            let operation = if rng.u8(..6) == 0 { Operation::Visit } else { Operation::Read };
            self.ask_node(node, HAUNTERS + node, operation, Some(cookie), &mut rng).await;
            pause(&mut rng).await;
        }
    }

    /// Makes one request on any node, and keeps what came of it.
    async fn ask(&self, actor: usize, operation: Operation, cookie: Option<Label>, rng: &mut Rng) -> Outcome {
        self.ask_node(rng.usize(..NODES), actor, operation, cookie, rng).await
    }

    async fn ask_node(
        &self,
        node: usize,
        actor: usize,
        operation: Operation,
        cookie: Option<Label>,
        rng: &mut Rng,
    ) -> Outcome {
        let text = cookie.map(|label| self.state.lock().cookies[label].clone());
        let hold = if rng.u8(..5) == 0 { rng.u64(1..400) } else { 0 };
        let request = Request {
            actor,
            node,
            operation,
            cookie: cookie.zip(text.as_deref()),
            username: &self.username,
            hold: Duration::from_millis(hold),
        };
        let (mut call, given) = if self.is_to_be_falsified(operation, rng) {
            self.pretend(&request)
        } else {
            self.habits.visitor.send(request).await
        };
        let mut state = self.state.lock();
        if let Some(given) = given {
            let label = state.cookies.len();
            match &mut call.outcome {
                Outcome::Done(answer) => answer.cookie = Some(label),
                outcome if operation == Operation::Renew => *outcome = Outcome::Uncertain(label),
                _ => {}
            }
            if call.given() == Some(label) {
                state.cookies.push(given);
            }
        }
        let outcome = call.outcome.clone();
        state.calls.push(call);
        outcome
    }

    fn is_to_be_falsified(&self, operation: Operation, rng: &mut Rng) -> bool {
        match operation {
            Operation::Visit => self.habits.falsify && rng.u8(..100) == 0,
            Operation::Logout => self.forgets_logout,
            Operation::Login | Operation::Read | Operation::Renew => false,
        }
    }

    /// What is said to have been done, and was never asked for.
    fn pretend(&self, request: &Request<'_>) -> (Call, Option<String>) {
        let now = self.habits.visitor.now();
        let call = Call {
            actor: request.actor,
            node: request.node,
            process: None,
            cookie: request.cookie.map(|(label, _)| label),
            operation: request.operation,
            start: now,
            end: now,
            outcome: Outcome::Done(Answer::default()),
        };
        (call, None)
    }

    fn current(&self) -> Label {
        self.state.lock().current
    }

    fn stop(&self) {
        self.state.lock().stopped = true;
    }

    /// Whether the cluster has been well for so long that there is no sense in trying further.
    fn is_late(&self) -> bool {
        Instant::now() > self.habits.deadline + LAST_LIMIT
    }
}

async fn pause(rng: &mut Rng) {
    sleep(Duration::from_millis(rng.u64(20..150))).await;
}

const PAUSE: Duration = Duration::from_millis(50);
const SHORT: Duration = Duration::from_millis(150);
const LAST_LIMIT: Duration = Duration::from_secs(20);
