use super::*;

type Next = Step<u8, &'static str>;

const BASE: u8 = 1;
const CHANGED: u8 = 2;

fn created() -> Renewal<u8> {
    Renewal { base: BASE, cookie_sent: false }
}

fn sent() -> Renewal<u8> {
    Renewal { base: BASE, cookie_sent: true }
}

fn not_renewed(cause: Cause<&'static str>) -> Next {
    Step::Done(Outcome::NotRenewed(cause))
}

fn unknown(renewal: Renewal<u8>, cause: Cause<&'static str>) -> Next {
    Step::Done(Outcome::Unknown(renewal, cause))
}

#[test]
fn a_renewal_creates_the_new_record_before_it_replaces_the_old_one() {
    assert_eq!(Renewal::begin(BASE, None::<u8>), First::Create(created()));
    assert_eq!(created().created::<&str>(Created::Created, Ok(BASE)), Step::ReplaceOld(created()));
    let renewed: Next = created().replaced(Replaced::Replaced);
    assert_eq!(renewed, Step::Done(Outcome::Renewed(FollowUp::ConfirmTombstone)));
}

#[test]
fn a_renewal_erases_the_predecessor_first_and_stops_if_the_session_had_ended_there() {
    assert_eq!(Renewal::begin(BASE, Some(7)), First::ErasePredecessor(created(), 7));
    assert_eq!(created().predecessor_erased::<&str>(Ok(false)), Ok(created()));
    assert_eq!(created().predecessor_erased::<&str>(Ok(true)), Err(Cause::Gone));
    assert_eq!(created().predecessor_erased(Err("no reply")), Err(Cause::Error("no reply")));
}

#[test]
fn a_record_that_may_have_been_created_is_undone() {
    for old in [Ok(BASE), Ok(CHANGED), Err(Cause::Gone), Err(Cause::Error("load"))] {
        assert_eq!(
            created().created(Created::Unknown("no reply"), old),
            Step::UndoCreate(Cause::Error("no reply"))
        );
        assert_eq!(
            created().created(Created::NotCreated("exists"), old),
            not_renewed(Cause::Error("exists"))
        );
    }
}

#[test]
fn the_new_record_catches_up_with_a_change_of_the_old_one() {
    let catch_up: Next = Step::CatchUp(created(), CHANGED);
    assert_eq!(created().created(Created::Created, Ok(CHANGED)), catch_up);
    assert_eq!(created().replaced::<&str>(Replaced::Conflict), Step::Reload(created()));
    assert_eq!(created().reloaded(Ok(CHANGED)), catch_up);
    let replace: Next = created().caught_up(CHANGED, CaughtUp::Saved);
    assert_eq!(replace, Step::ReplaceOld(Renewal { base: CHANGED, cookie_sent: false }));
}

#[test]
fn a_failure_before_the_cookie_is_sent_undoes_the_new_record() {
    for cause in [Cause::Gone, Cause::Moved, Cause::Error("no reply")] {
        assert_eq!(created().created(Created::Created, Err(cause)), Step::UndoCreate(cause));
        assert_eq!(created().reloaded(Err(cause)), Step::UndoCreate(cause));
        assert_eq!(created().caught_up(CHANGED, CaughtUp::Failed(cause)), Step::UndoCreate(cause));
    }
    let rejected = created().replaced(Replaced::Rejected("read only"));
    assert_eq!(rejected, Step::UndoCreate(Cause::Error("read only")));
    assert_eq!(created().replaced::<&str>(Replaced::Gone), Step::UndoCreate(Cause::Gone));
    assert_eq!(created().replaced::<&str>(Replaced::Moved), Step::UndoCreate(Cause::Moved));
}

#[test]
fn a_new_record_that_is_lost_before_the_cookie_is_sent_leaves_the_session() {
    let lost: Next = created().caught_up(CHANGED, CaughtUp::Gone);
    assert_eq!(lost, Step::Done(Outcome::NewRecordLost));
}

#[test]
fn a_replacement_without_a_reply_is_retried_with_the_cookie_sent() {
    let cause = Cause::Error("no reply");
    assert_eq!(created().replaced(Replaced::Unknown("no reply")), unknown(created(), cause));
    assert_eq!(created().retry::<&str>(), Step::ReplaceOld(sent()));
    for replaced in [Replaced::Unknown("no reply"), Replaced::Rejected("no reply")] {
        assert_eq!(sent().replaced(replaced), unknown(sent(), cause));
    }
}

#[test]
fn after_the_cookie_is_sent_only_a_logout_ends_the_session() {
    assert_eq!(sent().replaced::<&str>(Replaced::Gone), Step::EndNew);
    assert_eq!(sent().reloaded::<&str>(Err(Cause::Gone)), Step::EndNew);
    assert_eq!(sent().caught_up::<&str>(CHANGED, CaughtUp::Failed(Cause::Gone)), Step::EndNew);
    for cause in [Cause::Moved, Cause::Error("no reply")] {
        assert_eq!(sent().reloaded(Err(cause)), unknown(sent(), cause));
        assert_eq!(sent().caught_up(CHANGED, CaughtUp::Failed(cause)), unknown(sent(), cause));
    }
    let logged_out: Next = sent().caught_up(CHANGED, CaughtUp::Gone);
    assert_eq!(logged_out, Step::EraseOld(EraseOld::LoggedOut));
    assert_eq!(EraseOld::LoggedOut.done(true), not_renewed(Cause::Gone));
    assert!(!EraseOld::LoggedOut.has_moved());
}

#[test]
fn a_session_that_another_request_has_moved_keeps_both_new_ids_once_the_cookie_is_sent() {
    let renewed: Next = sent().replaced(Replaced::Moved);
    assert_eq!(renewed, Step::Done(Outcome::Renewed(FollowUp::ForgetPredecessor)));
}

#[test]
fn a_session_in_use_under_the_new_id_stays() {
    for renewal in [created(), sent()] {
        let in_use: Next = renewal.caught_up(CHANGED, CaughtUp::InUse);
        assert_eq!(in_use, Step::EraseOld(EraseOld::InUse));
    }
    for (erased, follow_up) in [(true, FollowUp::ForgetPredecessor), (false, FollowUp::Nothing)] {
        let done: Next = EraseOld::InUse.done(erased);
        assert_eq!(done, Step::Done(Outcome::Renewed(follow_up)));
    }
}

#[test]
fn a_renewal_that_is_given_up_erases_the_old_record() {
    let give_up: Next = Renewal::<u8>::give_up();
    assert_eq!(give_up, Step::EraseOld(EraseOld::GivenUp));
    assert!(EraseOld::GivenUp.has_moved());
    let done: Next = EraseOld::GivenUp.done(false);
    assert_eq!(done, Step::Done(Outcome::GivenUp));
}
