use std::time::Duration;

use fastrand::Rng;

use super::fault::Target;
use super::picker::FaultPicker;
use super::{Fault, Kind};

const KINDS: [Kind; 6] = [
    Kind::KillNode,
    Kind::StopNode,
    Kind::KillServer,
    Kind::StopPrimaryBriefly,
    Kind::BlockLink,
    Kind::CutLink,
];

fn picker() -> FaultPicker {
    FaultPicker {
        kinds: KINDS.into(),
        remaining: Vec::new(),
        longest_suspension: Duration::from_millis(700),
        links: true,
    }
}

#[test]
fn every_kind_is_picked_once_before_any_is_picked_again() {
    let (mut picker, mut rng) = (picker(), Rng::with_seed(7));
    for _ in 0..3 {
        let mut picked: Vec<_> = KINDS.map(|_| picker.pick(&mut rng).kind).into();
        picked.sort_unstable();
        assert_eq!(picked, KINDS);
    }
}

#[test]
fn brief_suspensions_cause_no_failover() {
    let (mut picker, mut rng) = (picker(), Rng::with_seed(7));
    for _ in 0..50 {
        let fault = picker.pick(&mut rng);
        assert!(
            fault.kind != Kind::StopPrimaryBriefly || fault.duration <= picker.longest_suspension,
            "{fault:?}"
        );
    }
}

#[test]
fn the_same_seed_makes_the_same_choices() {
    let choices = |seed| {
        let (mut picker, mut rng) = (picker(), Rng::with_seed(seed));
        (0..50).map(|_| format!("{:?}", picker.pick(&mut rng))).collect::<Vec<_>>()
    };
    assert_eq!(choices(1), choices(1));
    assert_ne!(choices(1), choices(2));
}

#[test]
fn faults_of_the_same_target_are_not_combined() {
    let fault =
        |kind, target| Fault { kind, number: 1, duration: Duration::ZERO, delay: Duration::ZERO, target };
    let killed = fault(Kind::KillServer, Target::Servers);
    assert!(!killed.can_combine_with(&fault(Kind::StopServer, Target::Servers)));
    assert!(!killed.can_combine_with(&fault(Kind::FullBuffers, Target::Link(1))));
    assert!(killed.can_combine_with(&fault(Kind::BlockLink, Target::Link(1))));
    assert!(
        !fault(Kind::CutLink, Target::Link(1)).can_combine_with(&fault(Kind::BlockLink, Target::Link(1)))
    );
    assert!(fault(Kind::CutLink, Target::Link(1)).can_combine_with(&fault(Kind::BlockLink, Target::Link(2))));
    let rotated = fault(Kind::RotateSecret, Target::AllNodes);
    assert!(rotated.can_combine_with(&killed));
    assert!(!rotated.can_combine_with(&fault(Kind::KillNode, Target::Node(1))));
    assert!(!fault(Kind::KillNode, Target::Node(1)).can_combine_with(&rotated));
    assert!(
        !fault(Kind::KillNode, Target::Node(1)).can_combine_with(&fault(Kind::StopNode, Target::Node(1)))
    );
}
