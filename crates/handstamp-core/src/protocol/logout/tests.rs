use super::*;

type Next = Step<u8, &'static str>;

fn logout() -> Logout<u8, &'static str> {
    Logout { key: 0, known_successor: None, moves: 0, first_error: None }
}

fn unknown(_: &u8) -> Option<u8> {
    None
}

#[test]
fn a_logout_deletes_the_record() {
    assert_eq!(Logout::begin(0, None), Step::Delete(logout()));
    for (deleted, outcome) in [
        (Deleted::Deleted, EndOutcome::Ended),
        (Deleted::HadEnded, EndOutcome::HadEnded),
        (Deleted::Absent, EndOutcome::Absent),
    ] {
        assert_eq!(logout().deleted(Ok(deleted)), Found::Ended(Ended::Yes(outcome)));
        assert_eq!(logout().next(Ended::Yes(outcome), unknown), Step::Done(Ok(outcome)));
    }
}

#[test]
fn a_logout_deletes_the_predecessor_that_a_record_names() {
    assert_eq!(logout().deleted(Ok(Deleted::OutOfScope(Some(1)))), Found::Predecessor(Some(1)));
    let ended = logout().both_deleted(Ok(()), Ok(Deleted::Deleted));
    assert_eq!(ended, Ended::Yes(EndOutcome::Ended));
    for (predecessor, record) in [(Err("no reply"), Ok(Deleted::Deleted)), (Ok(()), Err("no reply"))] {
        assert_eq!(logout().both_deleted(predecessor, record), Ended::Unconfirmed("no reply"));
    }
}

#[test]
fn a_logout_follows_tombstones() {
    assert_eq!(logout().deleted(Ok(Deleted::Moved(1))), Found::Ended(Ended::Moved(1)));
    let next = logout().next(Ended::Moved(1), |_| Some(2));
    assert_eq!(next, Step::Delete(Logout { key: 1, known_successor: Some(2), moves: 1, ..logout() }));
}

#[test]
fn a_logout_follows_a_move_that_only_this_node_remembers() {
    let logout = Logout { known_successor: Some(1), ..logout() };
    for deleted in [Deleted::Deleted, Deleted::HadEnded, Deleted::Absent] {
        assert_eq!(logout.deleted(Ok(deleted)), Found::Ended(Ended::Moved(1)));
    }
    assert_eq!(logout.deleted(Ok(Deleted::Moved(2))), Found::Ended(Ended::Moved(2)), "the tombstone counts");
}

#[test]
fn an_error_is_reported_although_the_logout_succeeds_elsewhere() {
    let first = Logout { known_successor: Some(1), ..logout() };
    let next = first.next(Ended::Unconfirmed("no reply"), unknown);
    let second = Logout { key: 1, moves: 1, first_error: Some("no reply"), ..logout() };
    assert_eq!(next, Step::Delete(second));
    let failed: Next = Step::Done(Err(EndError::Store("no reply")));
    assert_eq!(second.next(Ended::Yes(EndOutcome::Ended), unknown), failed);
    assert_eq!(second.next(Ended::Unconfirmed("another"), unknown), failed);
}

#[test]
fn a_logout_without_a_reply_fails() {
    let failed: Next = Step::Done(Err(EndError::Store("no reply")));
    assert_eq!(logout().next(Ended::Unconfirmed("no reply"), unknown), failed);
}

#[test]
fn a_logout_does_not_follow_a_session_for_ever() {
    let mut step: Next = Logout::begin(0, None);
    let mut deletes = 0;
    while let Step::Delete(logout) = step {
        deletes += 1;
        step = logout.next(Ended::Moved(logout.key() + 1), unknown);
    }
    assert_eq!((step, deletes), (Step::Done(Err(EndError::MovedTooOften)), MAX_MOVES + 1));
}

#[test]
fn a_logout_that_has_found_a_moved_session_under_its_old_key_ends_the_successor() {
    assert_eq!(erase_next(true, Some(1)), Some(1));
    assert_eq!(erase_next(false, Some(1)), None);
    assert_eq!(erase_next::<u8>(true, None), None);
}
