//! The allocations that the layer adds to requests: a change that adds one has to change this table, too.

#[path = "../benches/cases/mod.rs"]
mod cases;
#[path = "../benches/cases/allocations.rs"]
mod counting;

use crate::cases::prepare;
use crate::counting::allocations;

/// By case, around a finished router and inside of it.
const ADDED: [(&str, u64, u64); 6] = [
    ("cached read", 2, 4),
    ("cookie, session not extracted", 2, 4),
    ("forged cookie, session extracted", 1, 3),
    ("no cookie, session extracted", 1, 3),
    ("no cookie, session not extracted", 2, 4),
    ("write", 23, 25),
];

#[tokio::test]
async fn the_layer_adds_these_allocations() {
    let (_node, mut routers, cases) = prepare().await;
    assert_eq!(cases.len(), ADDED.len());
    for (case, added) in cases.iter().zip(ADDED) {
        let (_, around, inside) = allocations(case, &mut routers).await;
        assert_eq!((case.name, around, inside), added);
    }
}
