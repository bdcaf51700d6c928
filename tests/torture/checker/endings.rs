use std::collections::BTreeSet;
use std::time::Duration;

use super::accounts::Accounts;
use super::lineage::Lineage;
use crate::history::{Call, CookieNumber, Moment, Operation, Outcome};

/// The calls that ended a session under a cookie, or may have: logouts, and renewals, which move it to another cookie.
///
/// A failed renewal is not among them, because it must leave the session unchanged. A failed logout is, because the node repeats it
/// until the servers have confirmed it.
///
/// A logout with an earlier cookie counts, too, because it ends the session under the cookie that it has moved to.
#[derive(Debug)]
pub(super) struct Endings {
    /// By cookie: the indexes of the calls.
    of: Vec<Vec<usize>>,
}

impl Endings {
    pub(super) fn of(calls: &[Call]) -> Self {
        let mut of = Vec::new();
        for (place, call) in calls.iter().enumerate() {
            let may_end = match call.operation {
                Operation::Logout => !call.is_rejected(),
                Operation::Renew => call.is_done() || call.is_uncertain() || call.outcome == Outcome::Unknown,
                Operation::Login | Operation::Visit | Operation::Note | Operation::Read => false,
            };
            if let (true, Some(cookie)) = (may_end, call.cookie) {
                of.resize_with(of.len().max(cookie + 1), Vec::new);
                of[cookie].push(place);
            }
        }
        Self { of }
    }

    /// The calls that ended the session under `cookie` before `moment`, or may have.
    pub(super) fn possible(
        &self,
        calls: &[Call],
        lineage: &Lineage,
        cookie: CookieNumber,
        moment: Moment,
    ) -> impl Iterator<Item = usize> {
        let born = lineage.origin(cookie).map_or(Moment::ZERO, |origin| calls[origin.call].start);
        let mut is_moving = false;
        let earlier = lineage.ancestors(cookie).flat_map(move |(ancestor, renewal)| {
            // While it is unknown whether the session has moved, calls under the previous cookie end it, too.
            is_moving |= calls[renewal].is_uncertain();
            self.of_cookie(calls, ancestor).filter(move |(place, ending)| {
                // A login after the end of a session begins another session.
                let too_early = ending.is_done() && ending.end < born;
                let reaches = ending.operation == Operation::Logout && !too_early;
                *place != renewal && (is_moving || reaches)
            })
        });
        let all = self.of_cookie(calls, cookie).chain(earlier);
        all.filter(move |(_, ending)| ending.start < moment).map(|(place, _)| place)
    }

    /// The calls that certainly ended the session under `cookie`.
    pub(super) fn certain<'h>(
        &'h self,
        calls: &'h [Call],
        lineage: &'h Lineage,
        accounts: &'h Accounts<'h>,
        cookie: CookieNumber,
    ) -> impl Iterator<Item = &'h Call> {
        let born = lineage.origin(cookie).map_or(Moment::ZERO, |origin| calls[origin.call].start);
        let moves = lineage.ancestors(cookie).take_while(move |(ancestor, renewal)| {
            calls[*renewal].is_done() && accounts.leads_to(*ancestor, cookie)
        });
        let under_earlier = moves.flat_map(move |(ancestor, renewal)| {
            // Until then, the servers certainly have the tombstone with the new key.
            let known_until = calls[renewal].start + TOMBSTONE_TTL;
            self.of_cookie(calls, ancestor).map(|(_, ending)| ending).filter(move |ending| {
                ending.operation == Operation::Logout && ending.end >= born && ending.end < known_until
            })
        });
        // While it is unknown whether a session has moved, its end under the new cookie is its end under the old one.
        let uncertain = lineage
            .cookies()
            .filter(move |(_, origin)| origin.parent == Some(cookie) && calls[origin.call].is_uncertain());
        let under_later =
            uncertain.flat_map(|(later, _)| self.of_cookie(calls, later)).map(|(_, ending)| ending);
        let own = self.of_cookie(calls, cookie).map(|(_, ending)| ending);
        own.chain(under_earlier).chain(under_later).filter(|ending| ending.is_done())
    }

    /// The number of logouts with an earlier cookie that certainly ended a session, and were followed by a response to a later cookie.
    pub(super) fn followed(&self, calls: &[Call], lineage: &Lineage, accounts: &Accounts<'_>) -> u64 {
        let mut tested = BTreeSet::new();
        for call in calls.iter().filter(|call| call.is_done() || call.is_rejected()) {
            let Some(cookie) = call.cookie else { continue };
            let earlier = self.certain(calls, lineage, accounts, cookie).filter(|ending| {
                ending.operation == Operation::Logout
                    && ending.cookie < Some(cookie)
                    && ending.end < call.start
            });
            tested.extend(earlier.map(|ending| (ending.start, ending.end)));
        }
        tested.len() as u64
    }

    /// The calls with this cookie that ended its session, or may have.
    fn of_cookie<'h>(
        &self,
        calls: &'h [Call],
        cookie: CookieNumber,
    ) -> impl Iterator<Item = (usize, &'h Call)> {
        self.of.get(cookie).into_iter().flatten().map(|&place| (place, &calls[place]))
    }
}

/// The minimum time to live of a tombstone.
pub(super) const TOMBSTONE_TTL: Duration = Duration::from_secs(30);
