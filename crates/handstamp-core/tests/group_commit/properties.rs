//! What must always hold, and what must be reached for that to mean anything.

use handstamp_core::protocol::group_commit::Step;
use stateright::Property;

use crate::node::{Fault, Kind, Node, Request, Scope, Work};

pub(crate) const COMPLETED_ONCE: &str = "no request is completed twice";
pub(crate) const COMPLETE_WITHOUT_LEADER: &str = "no request waits without a leader";
pub(crate) const ONE_AT_A_TIME: &str = "one leader writes at a time, and none during an exclusive turn";
pub(crate) const IN_ORDER: &str = "requests write in the order in which they have joined";
pub(crate) const DONE_IS_WRITTEN: &str = "a request succeeds only if it has written";
pub(crate) const NO_UPDATE_IS_LOST: &str = "no update is lost, of this node or of others";
pub(crate) const ONLY_THE_FAULTY_FAIL: &str = "a request fails only by its own fault, or that of the store";

pub(crate) const SAVED_TOGETHER: &str = "saves are saved together";
pub(crate) const CONFLICT_IS_RESOLVED: &str = "a group is saved after a conflict";
pub(crate) const TURN_AMONG_SAVES: &str = "a turn is taken after a save, and a save is done after that";
pub(crate) const GROUP_IS_SAVED_ALONE: &str = "saves of a group are saved alone";
pub(crate) const GROUP_LOSES_ONE: &str = "a save fails, and the others of its group are saved together";
pub(crate) const LEADER_DIES: &str = "a leader dies, and others wait for it";

pub(crate) const ALWAYS: [&str; 7] = [
    COMPLETED_ONCE,
    COMPLETE_WITHOUT_LEADER,
    ONE_AT_A_TIME,
    IN_ORDER,
    DONE_IS_WRITTEN,
    NO_UPDATE_IS_LOST,
    ONLY_THE_FAULTY_FAIL,
];

pub(crate) fn all() -> Vec<Property<Scope>> {
    vec![
        Property::always(COMPLETED_ONCE, |_, node: &Node| !node.completed_twice),
        Property::always(COMPLETE_WITHOUT_LEADER, |_, node: &Node| {
            !node.leaders.is_empty() || !node.requests.contains(&Request::Waiting)
        }),
        Property::always(ONE_AT_A_TIME, |_, node: &Node| {
            let writes = node.leaders.iter().any(|leader| matches!(leader.work, Work::Group(_)));
            node.leaders.len() <= 1 && node.turns.len() <= 1 && (node.turns.is_empty() || !writes)
        }),
        Property::always(IN_ORDER, |_, node: &Node| node.history.is_sorted_by(|one, other| one < other)),
        Property::always(DONE_IS_WRITTEN, |_, node: &Node| {
            numbered(node).all(|(n, request)| request != Request::Done || node.history.contains(&n))
        }),
        Property::always(NO_UPDATE_IS_LOST, |_, node: &Node| {
            // The request of a turn writes until the turn ends.
            let is_kept = |n| node.has_change_of(n) || node.turns.contains(&n);
            node.has_changes_of_others() && node.history.iter().all(|&n| is_kept(n))
        }),
        Property::always(ONLY_THE_FAULTY_FAIL, |scope: &Scope, node: &Node| {
            let is_faulty = |n| matches!(scope.fault, Fault::Panics(at) | Fault::Unencodable(at) if at == n);
            numbered(node).all(|(n, request)| match request {
                Request::Failed => is_faulty(n) || node.failures > 0,
                Request::Aborted => node.deaths > 0,
                Request::Waiting | Request::Left | Request::Done => true,
            })
        }),
        Property::sometimes(SAVED_TOGETHER, |_, node: &Node| node.last_group > 1),
        Property::sometimes(CONFLICT_IS_RESOLVED, |_, node: &Node| {
            let is_again =
                |work: &Work| matches!(work, Work::Group(Step::Save(group)) if group.attempt() > 0);
            node.leaders.iter().any(|leader| is_again(&leader.work))
        }),
        Property::sometimes(TURN_AMONG_SAVES, |scope: &Scope, node: &Node| {
            let is_turn = |n: &u8| scope.requests[usize::from(*n)] == Kind::Exclusive;
            let turn = node.history.iter().position(is_turn);
            turn.is_some_and(|turn| turn > 0 && turn + 1 < node.history.len())
        }),
        Property::sometimes(GROUP_IS_SAVED_ALONE, |_, node: &Node| {
            node.last_group == 1 && node.failures == 0 && node.requests.contains(&Request::Failed)
        }),
        Property::sometimes(GROUP_LOSES_ONE, |_, node: &Node| {
            node.last_group == 2 && node.failures == 0 && node.requests.contains(&Request::Failed)
        }),
        Property::sometimes(LEADER_DIES, |_, node: &Node| {
            node.requests.iter().filter(|request| **request == Request::Aborted).count() > 1
        }),
    ]
}

fn numbered(node: &Node) -> impl Iterator<Item = (u8, Request)> {
    (0..).zip(node.requests.iter().copied())
}
