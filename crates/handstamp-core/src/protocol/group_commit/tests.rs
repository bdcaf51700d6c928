use super::*;

type Next = Step<u8, &'static str>;

fn group(saves: &[u8]) -> GroupCommit<u8> {
    GroupCommit { group: saves.to_vec(), alone: VecDeque::new(), attempt: 0 }
}

fn none(_: &u8) -> bool {
    false
}

fn turns(round: &mut Round<u8, u8>) -> Vec<Turn<u8, u8>> {
    std::iter::from_fn(|| round.next_turn(none)).collect()
}

#[test]
fn the_first_request_leads_and_the_next_ones_join_its_queue() {
    let mut queue = Queue::<u8, u8>::default();
    let mut first = queue.join(Queued::Save(1)).expect("there is no leader");
    assert_eq!(turns(&mut first), [Turn::Group(vec![1])]);
    for save in [2, 3] {
        assert_eq!(queue.join(Queued::Save(save)), None);
    }
    let mut second = queue.next_round().expect("requests have joined");
    assert_eq!(turns(&mut second), [Turn::Group(vec![2, 3])]);
    assert_ne!(queue, Queue::default());
    assert_eq!(queue.next_round(), None);
    assert_eq!(queue, Queue::default());
    assert!(queue.join(Queued::Save(4)).is_some(), "there is a new leader");
}

#[test]
fn an_exclusive_turn_keeps_its_place_among_saves() {
    let mut queue = Queue::default();
    let _ = queue.join(Queued::Save(0));
    for request in
        [Queued::Save(1), Queued::Save(2), Queued::Exclusive(3), Queued::Save(4), Queued::Exclusive(5)]
    {
        assert_eq!(queue.join(request), None);
    }
    let mut round = queue.next_round().expect("requests have joined");
    let expected = [Turn::Group(vec![1, 2]), Turn::Exclusive(3), Turn::Group(vec![4]), Turn::Exclusive(5)];
    assert_eq!(turns(&mut round), expected);
}

#[test]
fn an_abandoned_save_is_left_out() {
    let mut round = Round::<u8, u8>([Queued::Save(1), Queued::Save(2), Queued::Save(3)].into());
    assert_eq!(round.next_turn(|&save| save == 2), Some(Turn::Group(vec![1, 3])));
    let mut round = Round::<u8, u8>([Queued::Save(1), Queued::Exclusive(2)].into());
    assert_eq!(round.next_turn(|_| true), Some(Turn::Exclusive(2)));
}

#[test]
fn the_queue_of_a_leader_that_dies_is_handed_over() {
    let mut queue = Queue::<u8, u8>::default();
    let _ = queue.join(Queued::Save(1));
    assert_eq!(queue.join(Queued::Save(2)), None);
    assert_eq!(queue.abort(), [Queued::Save(2)]);
    assert_eq!(Queue::<u8, u8>::default().abort(), []);
}

#[test]
fn a_group_is_saved_at_once() {
    let begun: Next = GroupCommit::begin(vec![1, 2]);
    assert_eq!(begun, Step::ChooseBase(group(&[1, 2])));
    assert_eq!(group(&[1, 2]).base_chosen::<&str>(), Step::Save(group(&[1, 2])));
    let complete: Next = group(&[1, 2]).saved(Saved::Saved);
    assert_eq!(complete, Step::Complete(vec![1, 2], Completion::Saved, Rest(VecDeque::new())));
    assert_eq!(Rest::<u8>(VecDeque::new()).next::<&str>(), Step::Done);
    assert_eq!(GroupCommit::<u8>::begin::<&str>(Vec::new()), Step::Done);
}

#[test]
fn a_group_is_saved_again_after_a_conflict() {
    let reload: Next = group(&[1]).saved(Saved::Conflict);
    assert_eq!(reload, Step::Reload(group(&[1])));
    let again: Next = group(&[1]).reloaded(Ok(()));
    assert_eq!(again, Step::Save(GroupCommit { attempt: 1, ..group(&[1]) }));
}

#[test]
fn an_error_of_the_store_fails_the_whole_group() {
    let failed: Next = Step::Complete(vec![1, 2], Completion::Failed("gone"), Rest(VecDeque::new()));
    assert_eq!(group(&[1, 2]).saved(Saved::Failed("gone")), failed);
    assert_eq!(group(&[1, 2]).reloaded(Err("gone")), failed);
}

#[test]
fn a_save_whose_changes_cannot_be_made_leaves_its_group() {
    let (rejected, next) = group(&[1, 2, 3]).rejected::<&str>(1);
    assert_eq!((rejected, next), (2, Step::Save(group(&[1, 3]))));
    assert_eq!(group(&[1]).rejected::<&str>(0), (1, Step::Done));
}

#[test]
fn the_saves_of_a_group_that_cannot_be_encoded_are_saved_alone() {
    let first = GroupCommit { alone: [2, 3].into(), ..group(&[1]) };
    assert_eq!(group(&[1, 2, 3]).not_encoded("too large"), Step::ChooseBase(first.clone()));
    let failed: Next = Step::Complete(vec![1], Completion::Failed("too large"), Rest([2, 3].into()));
    assert_eq!(first.not_encoded("too large"), failed);
    let second = GroupCommit { alone: [3].into(), ..group(&[2]) };
    assert_eq!(Rest([2, 3].into()).next::<&str>(), Step::ChooseBase(second));
}
