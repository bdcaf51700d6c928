//! What must always hold, and what must be reached for that to mean anything.

use stateright::Property;

use crate::protocol::{Client, Protocol};
use crate::request::{Intent, Request, Stage, Status};
use crate::script::Script;
use crate::set::Set;
use crate::store::{Id, Slot};
use crate::world::{LastLogin, Purpose, World};

/// Under all ids of the session that the browser has been sent.
pub(crate) const LOGOUT_IS_FINAL: &str = "a session that was logged out of is gone";
pub(crate) const LOGIN_PERSISTS: &str = "no late response undoes a login";
pub(crate) const LOGOUT_PERSISTS: &str = "no late response undoes a logout";
pub(crate) const ONLY_LOGOUT_ENDS: &str = "only a logout ends a session";
pub(crate) const PLANTED_ID_GIVES_NOTHING: &str = "a planted id gives no access to the session of a login";
pub(crate) const LOGIN_IS_NEVER_REJECTED: &str = "a login is never rejected";

pub(crate) const LOGOUT_FOLLOWS: &str = "a logout follows a session to another id";
pub(crate) const LOGOUT_ENDS_PREDECESSOR: &str = "a logout finds a predecessor that is not replaced";
pub(crate) const LOGIN_LOSES_RACE: &str = "a login finds that its session has just moved";
pub(crate) const RENEWAL_CATCHES_UP: &str = "a session changes while it is renewed";
pub(crate) const LATE_CHANGE_IS_REJECTED: &str = "a late change is rejected";
pub(crate) const FAILOVER_REVIVES: &str = "a failover undoes a replacement or a delete";
pub(crate) const REPLACEMENT_IS_UNKNOWN: &str = "an old record is replaced, and its node does not know";

pub(crate) const ALWAYS: [&str; 6] = [
    LOGOUT_IS_FINAL,
    LOGIN_PERSISTS,
    LOGOUT_PERSISTS,
    ONLY_LOGOUT_ENDS,
    PLANTED_ID_GIVES_NOTHING,
    LOGIN_IS_NEVER_REJECTED,
];

pub(crate) fn all() -> Vec<Property<Protocol>> {
    vec![
        Property::always(LOGOUT_IS_FINAL, |_, world: &World| {
            logouts(world, Client::Visitor).all(|(request, first)| has_ended(world, request, first))
        }),
        Property::always(LOGIN_PERSISTS, |_, world: &World| {
            !world.in_flight().is_empty() || !should_be_logged_in(world) || is_logged_in(world)
        }),
        Property::always(LOGOUT_PERSISTS, |_, world: &World| {
            !world.in_flight().is_empty() || !should_be_logged_out(world) || !is_logged_in(world)
        }),
        Property::always(ONLY_LOGOUT_ENDS, |_, world: &World| {
            let mut ended = world.store.history.ended.iter().filter(|&id| world.sent_ids.contains(id));
            !world.repeated_delete_strayed && ended.all(|id| is_logged_out_of(world, id))
        }),
        Property::always(PLANTED_ID_GIVES_NOTHING, |_, world: &World| {
            let is_private = |id| world.store.record(id).is_some_and(|record| record.private);
            !world.attacker_has.iter().any(is_private)
        }),
        Property::always(LOGIN_IS_NEVER_REJECTED, |_, world: &World| !world.login_was_rejected),
        Property::sometimes(LOGOUT_FOLLOWS, |_, world: &World| {
            let follows = |script: Script, first| matches!(script, Script::End(_)) && script.ends() != first;
            running(world, Intent::Logout).any(|(request, script)| follows(script, request.cookie))
        }),
        Property::sometimes(LOGOUT_ENDS_PREDECESSOR, |_, world: &World| {
            let is_there = |id| world.store.record(id).is_some();
            let ends = |script| matches!(script, Script::EndBoth(both) if is_there(both.predecessor));
            running(world, Intent::Logout).any(|(_, script)| ends(script))
        }),
        Property::sometimes(LOGIN_LOSES_RACE, |_, world: &World| {
            let loses = |script| matches!(script, Script::Renew(renewing) if renewing.has_lost_race());
            running(world, Intent::Login).any(|(_, script)| loses(script))
        }),
        Property::sometimes(RENEWAL_CATCHES_UP, |_, world: &World| {
            let catches_up = |script| matches!(script, Script::Renew(renewing) if renewing.catches_up());
            running(world, Intent::Login).any(|(_, script)| catches_up(script))
        }),
        Property::sometimes(LATE_CHANGE_IS_REJECTED, |_, world: &World| {
            let is_rejected = |request: &Request| status(request) == Some(Status::Moved);
            world.requests.iter().any(|request| request.intent == Intent::Change && is_rejected(request))
        }),
        Property::sometimes(FAILOVER_REVIVES, |_, world: &World| !world.store.history.revived.is_empty()),
        Property::sometimes(REPLACEMENT_IS_UNKNOWN, |_, world: &World| {
            let is_replaced = |purpose| match purpose {
                Purpose::Settle { old, new } => {
                    matches!(world.store.load(old), Slot::Moved(to, _) if to == new)
                }
                Purpose::Delete(_) | Purpose::LogOut { .. } => false,
            };
            world.jobs.iter().any(|job| is_replaced(job.purpose))
        }),
    ]
}

/// Whether the logout with the cookie `first` has ended the session under all ids that it should have.
///
/// If the store has replied, it has done so once the response is sent. A delete that a failover has undone counts once it is
/// repeated, an unknown renewal once it is settled, and the predecessor of a record that another logout has deleted once that one has
/// deleted it, too. Exempt is a successor
///
/// - of an unknown renewal whose node has crashed,
/// - of an unknown renewal that is settled only after another renewal of the session, or after the tombstone has expired,
/// - of a renewal that comes after a failover has undone the logout, and before the logout is repeated.
fn has_ended(world: &World, logout: &Request, first: Id) -> bool {
    let settled = world.jobs.is_empty();
    match status(logout) {
        Some(Status::Ok) => {}
        Some(_) if settled => {}
        _ => return true,
    }
    let history = &world.store.history;
    let is_repeated = |id| world.jobs.iter().any(|job| job.purpose == Purpose::Delete(id));
    let is_deleted_next =
        |id| scripts(world).any(|script| matches!(script, Script::EndBoth(both) if both.is_erasing(id)));
    let should_have_ended = |id| match history.descent(id, first) {
        Some(between) => {
            !between.intersects(history.exempt) && (settled || !between.intersects(history.unlinked))
        }
        None => history.descent(first, id).is_some_and(|between| !between.intersects(history.lost)),
    };
    let is_left = |id| {
        world.store.record(id).is_some() && should_have_ended(id) && !is_repeated(id) && !is_deleted_next(id)
    };
    !world.sent_ids.iter().any(is_left)
}

/// Whether the visitor's last login has succeeded, and no logout came after it.
///
/// Exempt is what no server can order: a logout or a first visit that overlaps the login, and rightly removes or sets a cookie, too.
fn should_be_logged_in(world: &World) -> bool {
    let (begun, overlaps, id) = match world.last_login {
        LastLogin::None => return false,
        LastLogin::Earlier => (0, Set::default(), 0),
        LastLogin::Request(n, id) => (n, world.requests[usize::from(n)].overlaps, id),
    };
    let logs_out =
        |n, request: &Request| request.intent == Intent::Logout && (n >= begun || overlaps.contains(n));
    let overwrites = |n, request: &Request| {
        let is_over = |id| Some(id) == world.jar && is_logged_out_of(world, id);
        overlaps.contains(n) && (request.issued().is_some_and(is_over) || rightly_sets_cookie(world, request))
    };
    let is_attacked = logouts(world, Client::Attacker).any(|(_, first)| are_related(world, id, first));
    let ended_late = logouts(world, Client::Visitor).any(|(request, first)| {
        status(request) == Some(Status::Unavailable) && are_related(world, id, first)
    });
    !of_visitor(world).any(|(n, request)| logs_out(n, request) || overwrites(n, request))
        && !is_attacked
        && !ended_late
        && !is_lost(world, id)
}

/// Whether the visitor has logged out, and no login came after that or overlapped it.
///
/// Exempt is a cookie of another session than the logout was for: that of a request that overlaps both the logout and a login, and
/// that of a session which the logout may miss, as in [`has_ended`].
fn should_be_logged_out(world: &World) -> bool {
    let overlaps_login = |overlaps: Set| {
        of_visitor(world).any(|(n, request)| overlaps.contains(n) && request.intent == Intent::Login)
    };
    let is_of_another_session = |logout: &Request| {
        let is_separate = |id| logout.cookie.is_some_and(|first| world.store.history.are_separate(id, first));
        let sets_it = |n, request: &Request| {
            logout.overlaps.contains(n) && request.issued() == world.jar && overlaps_login(request.overlaps)
        };
        world
            .jar
            .is_some_and(|id| is_separate(id) || of_visitor(world).any(|(n, request)| sets_it(n, request)))
    };
    let counts = |n, logout: &Request| {
        let comes_later = |(other, request): (u8, &Request)| other > n && request.intent == Intent::Login;
        logout.intent == Intent::Logout
            && !of_visitor(world).any(comes_later)
            && !overlaps_login(logout.overlaps)
            && !is_of_another_session(logout)
    };
    world.jobs.is_empty() && of_visitor(world).any(|(n, request)| counts(n, request))
}

fn is_logged_in(world: &World) -> bool {
    let record = world.jar.and_then(|id| world.store.record(id));
    record.is_some_and(|record| record.subject == Some(Client::Visitor))
}

/// Whether the response sets a cookie without a login, because the request found no session or renewed one.
fn rightly_sets_cookie(world: &World, request: &Request) -> bool {
    let history = &world.store.history;
    request.intent != Intent::Login
        && request.issued().is_some_and(|id| {
            let was_lost = request.cookie.is_some_and(|cookie| history.lost.contains(cookie));
            request.had_nothing || was_lost || history.is_renewed(id)
        })
}

/// Whether a logout of the session has begun, or a failover has lost it.
fn is_logged_out_of(world: &World, id: Id) -> bool {
    let mut logouts = logouts(world, Client::Visitor).chain(logouts(world, Client::Attacker));
    logouts.any(|(_, first)| are_related(world, id, first)) || is_lost(world, id)
}

fn is_lost(world: &World, id: Id) -> bool {
    let mut lost = world.store.history.lost.iter().filter(|&lost| world.sent_ids.contains(lost));
    lost.any(|lost| are_related(world, id, lost))
}

fn are_related(world: &World, one: Id, other: Id) -> bool {
    world.store.history.are_related(one, other)
}

/// With the ids in their cookies.
fn logouts(world: &World, client: Client) -> impl Iterator<Item = (&Request, Id)> {
    let requests = world.requests.iter().filter(move |request| request.client == client);
    requests
        .filter(|request| request.intent == Intent::Logout)
        .filter_map(|request| Some((request, request.cookie?)))
}

fn of_visitor(world: &World) -> impl Iterator<Item = (u8, &Request)> {
    (0..).zip(&world.requests).filter(|(_, request)| request.client == Client::Visitor)
}

/// All that run, of requests and jobs.
fn scripts(world: &World) -> impl Iterator<Item = Script> {
    let of_requests = world.requests.iter().filter_map(|request| match request.stage {
        Stage::Running(script) => Some(script),
        Stage::Responded(_) | Stage::Done(_) => None,
    });
    of_requests.chain(world.jobs.iter().map(|job| job.script))
}

fn running(world: &World, intent: Intent) -> impl Iterator<Item = (&Request, Script)> {
    let requests = world.requests.iter().filter(move |request| request.intent == intent);
    requests.filter_map(|request| match request.stage {
        Stage::Running(script) => Some((request, script)),
        Stage::Responded(_) | Stage::Done(_) => None,
    })
}

fn status(request: &Request) -> Option<Status> {
    request.response().map(|response| response.status)
}
