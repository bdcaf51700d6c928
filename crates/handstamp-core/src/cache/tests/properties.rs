use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

/// A step of a test with three sessions.
#[derive(Clone, Debug)]
enum Step {
    Begin(u8),
    Clear,
    Complete { ticket: prop::sample::Index, counter: u8 },
    Delete(u8),
    Save(u8, u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..3_u8).prop_map(Step::Begin),
        1 => Just(Step::Clear),
        4 => (any::<prop::sample::Index>(), 1..6_u8)
            .prop_map(|(ticket, counter)| Step::Complete { ticket, counter }),
        1 => (0..3_u8).prop_map(Step::Delete),
        2 => (0..3_u8, 1..6_u8).prop_map(|(n, counter)| Step::Save(n, counter)),
    ];
    prop::collection::vec(step, 0..60)
}

proptest! {
    /// After any sequence of steps, no served value is older than an invalidation that arrived since its ticket was taken.
    #[test]
    fn no_invalidated_value_is_served(steps in steps()) {
        let fixture = Fixture::new(2);
        // The lowest counter that each open ticket and each entry may have, by the messages since. `None`: none may.
        let mut tickets: Vec<(u8, Ticket<'_>, Option<u8>)> = Vec::new();
        let mut floors: HashMap<u8, Option<u8>> = HashMap::new();
        let raise = |floor: &mut Option<u8>, counter: u8| *floor = floor.map(|floor| floor.max(counter));
        for step in steps {
            match step {
                Step::Begin(n) => tickets.push((n, fixture.begin(n), Some(0))),
                Step::Clear => {
                    fixture.cache.clear();
                    floors.clear();
                    tickets.iter_mut().for_each(|(_, _, floor)| *floor = None);
                }
                Step::Complete { ticket, counter } if !tickets.is_empty() => {
                    let (n, ticket, floor) = tickets.swap_remove(ticket.index(tickets.len()));
                    if fixture.complete(ticket, counter) == FillOutcome::Fresh {
                        prop_assert!(floor.is_some_and(|floor| counter >= floor));
                        floors.insert(n, floor);
                    }
                }
                Step::Complete { .. } => {}
                Step::Delete(n) => {
                    fixture.cache.invalidate(&key(n), None);
                    floors.remove(&n);
                    tickets.iter_mut().filter(|ticket| ticket.0 == n).for_each(|(_, _, floor)| *floor = None);
                }
                Step::Save(n, counter) => {
                    fixture.cache.invalidate(&key(n), Some(revision(counter)));
                    floors.entry(n).and_modify(|floor| raise(floor, counter));
                    tickets.iter_mut().filter(|t| t.0 == n).for_each(|(_, _, floor)| raise(floor, counter));
                }
            }
            let mut present = 0;
            for n in 0..3 {
                if let Some(counter) = fixture.get(n) {
                    present += 1;
                    prop_assert!(floors[&n].is_some_and(|floor| counter >= floor));
                }
            }
            prop_assert_eq!(fixture.cache.len(), present);
            prop_assert!(present <= 2);
        }
    }
}
