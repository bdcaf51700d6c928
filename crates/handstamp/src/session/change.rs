use std::panic::{AssertUnwindSafe, catch_unwind};

/// A change that a handler made, kept so that it can be made again.
pub(super) type Change<T> = Box<dyn Fn(&mut T) + Send>;

/// A change panicked. What it was made on is in a state that nobody can vouch for.
pub(super) struct Panicked;

/// Makes all changes on `data`, in order.
pub(super) fn apply<T>(changes: &[Change<T>], data: &mut T) -> Result<(), Panicked> {
    // Whoever hears of a panic throws `data` away.
    catch_unwind(AssertUnwindSafe(|| changes.iter().for_each(|change| change(data)))).map_err(|_| Panicked)
}
