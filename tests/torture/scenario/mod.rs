//! How visitors use their sessions.

mod ended;
mod tabs;
mod turns;

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use handstamp_core::id::SessionKey;
use parking_lot::Mutex;
use tokio::time::{Instant, sleep};

use crate::fleet::NODES;
use crate::history::{Body, Call, CookieNumber, History, Operation, Outcome, SetCookie};
use crate::slots::{SessionFinder, slot_of_session};
use crate::visitor::{Request, Visitor};

/// The options of all scenarios.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) visitor: Visitor,
    pub(crate) finder: SessionFinder,
    /// The time after which a change has to be visible on all nodes.
    pub(crate) bound: Duration,
    /// When scenarios end.
    pub(crate) deadline: Instant,
    /// Whether some calls are recorded without being sent.
    pub(crate) falsify: bool,
}

/// Uses the sessions of one visitor from the first request to the last logout and beyond, and returns the history.
pub(crate) async fn run(options: Options, number: usize, mut rng: Rng) -> History {
    let scenario = Arc::new(Scenario {
        username: format!("user-{number}"),
        state: Mutex::default(),
        forgets_logout: options.falsify && rng.u8(..4) == 0,
        options,
    });
    let ended =
        if rng.bool() { scenario.take_turns(&mut rng).await } else { scenario.use_tabs(&mut rng).await };
    if let Some(ended) = ended {
        scenario.check_ended(ended, &mut rng).await;
    }
    let state = std::mem::take(&mut *scenario.state.lock());
    let slots = state.cookies.iter().map(|(session, _)| slot_of_session(session)).collect();
    History { username: scenario.username.clone(), calls: state.calls, slots }
}

/// One visitor, with several actors that share a cookie jar.
struct Scenario {
    options: Options,
    username: String,
    state: Mutex<State>,
    /// Whether the logout is only recorded.
    forgets_logout: bool,
}

#[derive(Default)]
struct State {
    calls: Vec<Call>,
    /// By cookie number: the session, and the last cookie for it.
    cookies: Vec<(SessionKey, String)>,
    /// The cookie in the jar.
    jar: Option<CookieNumber>,
    /// The last cookie in the jar.
    last: CookieNumber,
    /// Whether the actors have to stop.
    stopped: bool,
}

/// The first actor. Where actors take turns, only this one logs in, renews and logs out.
const LEADER: usize = 0;

impl Scenario {
    async fn log_out(&self, cookie: CookieNumber, rng: &mut Rng) {
        while !self.request(LEADER, Operation::Logout, Some(cookie), rng).await.is_done() && !self.is_late() {
            sleep(PAUSE).await;
        }
    }

    /// Reads until a response shows whether the session exists.
    async fn read_until_known(&self, cookie: CookieNumber, rng: &mut Rng) {
        loop {
            match self.request(LEADER, Operation::Read, Some(cookie), rng).await.outcome {
                Outcome::Failed(_) | Outcome::Unknown if !self.is_late() => sleep(PAUSE).await,
                _ => return,
            }
        }
    }

    /// Sends a request to a random node, and records it.
    async fn request(
        &self,
        actor: usize,
        operation: Operation,
        cookie: Option<CookieNumber>,
        rng: &mut Rng,
    ) -> Call {
        self.request_from(rng.usize(..NODES), actor, operation, cookie, rng).await
    }

    async fn request_from(
        &self,
        node: usize,
        actor: usize,
        operation: Operation,
        cookie: Option<CookieNumber>,
        rng: &mut Rng,
    ) -> Call {
        let text = cookie.map(|number| self.state.lock().cookies[number].1.clone());
        let hold = if rng.u8(..5) == 0 { rng.u64(1..400) } else { 0 };
        let request = Request {
            actor,
            node,
            operation,
            cookie: cookie.zip(text.as_deref()),
            username: &self.username,
            hold: Duration::from_millis(hold),
        };
        let (mut call, mut set_cookie) = if self.is_to_be_falsified(operation, rng) {
            self.falsified(&request)
        } else {
            self.options.visitor.send(request).await
        };
        if self.options.falsify && operation == Operation::Read && rng.u8(..100) == 0 {
            set_cookie = SetCookie::Removes;
        }
        let set_cookie = set_cookie.map(|cookie| (self.options.finder.session(&cookie), cookie));
        let mut state = self.state.lock();
        call.end = self.options.visitor.now();
        call.set_cookie = state.take(set_cookie);
        state.calls.push(call.clone());
        call
    }

    fn is_to_be_falsified(&self, operation: Operation, rng: &mut Rng) -> bool {
        match operation {
            Operation::Visit => self.options.falsify && rng.u8(..100) == 0,
            Operation::Logout => self.forgets_logout,
            Operation::Login | Operation::Note | Operation::Read | Operation::Renew => false,
        }
    }

    /// The call of a request that is not sent.
    fn falsified(&self, request: &Request<'_>) -> (Call, SetCookie<String>) {
        let now = self.options.visitor.now();
        let call = Call {
            actor: request.actor,
            node: request.node,
            process: None,
            cookie: request.cookie.map(|(number, _)| number),
            operation: request.operation,
            start: now,
            end: now,
            outcome: Outcome::Done(Body::default()),
            set_cookie: SetCookie::Nothing,
        };
        let is_logout = request.operation == Operation::Logout;
        (call, if is_logout { SetCookie::Removes } else { SetCookie::Nothing })
    }

    fn jar(&self) -> Option<CookieNumber> {
        self.state.lock().jar
    }

    fn cookie_count(&self) -> usize {
        self.state.lock().cookies.len()
    }

    /// Whether the last fault ended so long ago that further attempts are useless.
    fn is_late(&self) -> bool {
        Instant::now() > self.options.deadline + LAST_LIMIT
    }
}

impl State {
    /// Applies a response to the jar, in the order of the recorded history.
    fn take(&mut self, set_cookie: SetCookie<(SessionKey, String)>) -> SetCookie<CookieNumber> {
        let taken = match set_cookie {
            SetCookie::Nothing => SetCookie::Nothing,
            SetCookie::Removes => SetCookie::Removes,
            SetCookie::Gives((session, cookie)) | SetCookie::Reissues((session, cookie)) => {
                match self.cookies.iter().position(|(other, _)| *other == session) {
                    Some(number) => {
                        self.cookies[number].1 = cookie;
                        SetCookie::Reissues(number)
                    }
                    None => {
                        self.cookies.push((session, cookie));
                        SetCookie::Gives(self.cookies.len() - 1)
                    }
                }
            }
        };
        match taken {
            SetCookie::Nothing => {}
            SetCookie::Removes => self.jar = None,
            SetCookie::Gives(number) | SetCookie::Reissues(number) => {
                (self.jar, self.last) = (Some(number), number);
            }
        }
        taken
    }
}

async fn pause(rng: &mut Rng) {
    sleep(Duration::from_millis(rng.u64(20..150))).await;
}

const PAUSE: Duration = Duration::from_millis(50);
const SHORT: Duration = Duration::from_millis(150);
const LAST_LIMIT: Duration = Duration::from_secs(20);
