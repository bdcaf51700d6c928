use super::*;

const HERE: Shard = Shard::new(1);
const THERE: Shard = Shard::new(2);

#[expect(clippy::disallowed_methods, reason = "the tests start at any instant")]
fn start() -> Instant {
    // The monotonic clock may have begun less than the window ago.
    Instant::now() + WINDOW
}

fn key(n: u32) -> SessionKey {
    let mut bytes = [0; SessionKey::LEN];
    bytes[..4].copy_from_slice(&n.to_le_bytes());
    SessionKey::from_bytes(bytes)
}

fn contains(deletes: &Deletes, key: &SessionKey, now: Instant) -> bool {
    deletes.find(key, now).is_some()
}

fn pending(deletes: &Deletes) -> Vec<SessionKey> {
    deletes.pending(|_| true).into_iter().map(|(key, _)| key).collect()
}

#[test]
fn confirmed_deletes_are_remembered_for_the_window() {
    let (start, deletes) = (start(), Deletes::default());
    let half = start + WINDOW / 2;
    assert!(deletes.remember(key(1), HERE, Reason::End, Outcome::Deleted, true, start));
    assert!(deletes.remember(key(2), HERE, Reason::End, Outcome::Absent, false, half));
    let end = start + WINDOW;
    assert!(contains(&deletes, &key(1), end) && contains(&deletes, &key(2), end));
    let later = half + WINDOW;
    assert!(!contains(&deletes, &key(1), later) && contains(&deletes, &key(2), later));
    assert!(!contains(&deletes, &key(2), later + WINDOW));
}

#[test]
fn a_delete_is_pending_until_the_store_replies() {
    let (start, deletes) = (start(), Deletes::default());
    assert!(deletes.remember(key(1), HERE, Reason::End, Outcome::Unconfirmed, false, start));
    let late = start + WINDOW * 10;
    assert!(contains(&deletes, &key(1), late) && !deletes.is_confirmed(&key(1), HERE, late));
    assert_eq!((deletes.pending_len(), pending(&deletes)), (1, vec![key(1)]));
    assert!(deletes.remember(key(1), HERE, Reason::End, Outcome::Deleted, true, late));
    assert_eq!(deletes.pending_len(), 0);
    assert!(deletes.is_confirmed(&key(1), HERE, late + WINDOW));
    assert!(!contains(&deletes, &key(1), late + WINDOW * 2));
}

#[test]
fn a_repeated_delete_is_not_remembered_for_longer() {
    let (start, deletes) = (start(), Deletes::default());
    assert!(deletes.remember(key(1), HERE, Reason::End, Outcome::Deleted, true, start));
    assert!(deletes.remember(key(2), HERE, Reason::End, Outcome::Deleted, true, start));
    for n in 1..=10 {
        let now = start + WINDOW / 20 * n;
        deletes.repeat(&key(1));
        assert_eq!(pending(&deletes), [key(1)]);
        deletes.repeated(&key(1), HERE, Outcome::Absent, now);
    }
    assert!(contains(&deletes, &key(1), start + WINDOW));
    assert!(!contains(&deletes, &key(1), start + WINDOW * 2));
    assert!(deletes.0.lock().order.is_empty());
}

#[test]
fn deletes_of_a_shard_were_sent_to_it_or_have_keys_in_it() {
    let (start, deletes) = (start(), Deletes::default());
    for (n, shard) in [(1, HERE), (2, THERE), (3, THERE)] {
        assert!(deletes.remember(key(n), shard, Reason::End, Outcome::Deleted, true, start));
    }
    deletes.repeat_all(HERE, start, |other| *other == key(2));
    let pending = pending(&deletes);
    assert!(pending.len() == 2 && !pending.contains(&key(3)), "{pending:?}");
    deletes.repeated(&key(1), THERE, Outcome::Absent, start);
    assert!(deletes.is_confirmed(&key(1), THERE, start));
    assert!(!deletes.is_confirmed(&key(1), HERE, start));
}

#[test]
fn a_moved_session_is_not_mistaken_for_an_ended_one() {
    let (start, deletes) = (start(), Deletes::default());
    assert!(deletes.remember(key(1), HERE, Reason::Move(key(9)), Outcome::Deleted, true, start));
    deletes.repeat(&key(1));
    deletes.repeated(&key(1), HERE, Outcome::Absent, start);
    assert!(contains(&deletes, &key(1), start) && !deletes.is_confirmed(&key(1), HERE, start));
    assert!(deletes.remember(key(1), HERE, Reason::End, Outcome::Absent, false, start));
    assert!(deletes.is_confirmed(&key(1), HERE, start));
}

#[test]
fn a_repeated_delete_keeps_its_kind() {
    let (start, deletes) = (start(), Deletes::default());
    for (n, reason, outcome, repeat) in [
        (1, Reason::End, Outcome::Unconfirmed, Repeat::End),
        (2, Reason::End, Outcome::Deleted, Repeat::Erase(None)),
        (3, Reason::Move(key(9)), Outcome::Deleted, Repeat::Erase(Some(key(9)))),
        (4, Reason::Move(key(9)), Outcome::Unconfirmed, Repeat::Erase(Some(key(9)))),
        (5, Reason::Erase, Outcome::Unconfirmed, Repeat::Erase(None)),
    ] {
        assert!(deletes.remember(key(n), HERE, reason, outcome, true, start));
        deletes.repeat(&key(n));
        assert_eq!(deletes.pending(|other| *other == key(n)), [(key(n), repeat)]);
    }
}

#[test]
fn the_last_reason_that_says_ended_or_moved_counts() {
    let (start, deletes) = (start(), Deletes::default());
    for (reason, found) in [
        (Reason::Erase, Reason::Erase),
        (Reason::Move(key(9)), Reason::Move(key(9))),
        (Reason::Erase, Reason::Move(key(9))),
        (Reason::End, Reason::End),
        (Reason::Erase, Reason::End),
        // A logout that has found that the session has moved.
        (Reason::Move(key(8)), Reason::Move(key(8))),
    ] {
        assert!(deletes.remember(key(1), HERE, reason, Outcome::Deleted, true, start));
        assert_eq!(deletes.find(&key(1), start), Some((found, start)));
    }
}

#[test]
fn a_session_that_is_deleted_twice_is_remembered_from_the_second_time() {
    let (start, deletes) = (start(), Deletes::default());
    let half = start + WINDOW / 2;
    assert!(deletes.remember(key(1), HERE, Reason::End, Outcome::Deleted, true, start));
    assert!(deletes.remember(key(1), HERE, Reason::End, Outcome::Deleted, true, half));
    assert!(contains(&deletes, &key(1), half + WINDOW));
    assert_eq!(deletes.0.lock().order.len(), 1);
}

#[test]
fn an_unconfirmed_delete_is_remembered_from_its_confirmation() {
    let (start, deletes) = (start(), Deletes::default());
    assert!(deletes.remember(key(1), HERE, Reason::End, Outcome::Unconfirmed, true, start));
    let late = start + WINDOW * 2;
    assert!(deletes.remember(key(1), HERE, Reason::End, Outcome::Absent, false, late));
    assert!(deletes.is_confirmed(&key(1), HERE, late + WINDOW));
    assert!(!contains(&deletes, &key(1), late + WINDOW * 2));
}

#[test]
fn unconfirmed_deletes_leave_room_for_sessions_that_existed() {
    let (start, deletes) = (start(), Deletes::default());
    let keys = 0..MAX_LEN as u32 * 2;
    let count = keys
        .filter(|n| deletes.remember(key(*n), HERE, Reason::End, Outcome::Unconfirmed, false, start))
        .count();
    assert_eq!(count, MAX_LEN / 2);
    assert!(deletes.remember(key(u32::MAX), HERE, Reason::End, Outcome::Unconfirmed, true, start));
}

/// K8.2, S93
#[test]
fn k8_2_a_flood_displaces_no_earlier_delete() {
    let (start, deletes) = (start(), Deletes::default());
    assert!(deletes.remember(key(u32::MAX), HERE, Reason::End, Outcome::Deleted, true, start));
    let remember = |outcome, existed| {
        let keys = 0..MAX_LEN as u32 * 2;
        keys.filter(|n| deletes.remember(key(*n), HERE, Reason::End, outcome, existed, start)).count()
    };
    assert_eq!(remember(Outcome::Absent, false), MAX_LEN / 2 - 1, "sessions that existed have room left");
    assert_eq!(remember(Outcome::Deleted, true), MAX_LEN - 1, "those, and as many others");
    assert!(contains(&deletes, &key(u32::MAX), start));
    assert!(
        deletes.remember(key(0), HERE, Reason::End, Outcome::Deleted, true, start + WINDOW * 2),
        "there is room again"
    );
}
