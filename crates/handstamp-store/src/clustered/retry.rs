use crate::StoreError;

/// What `call` returns, or what it returns the second time if the first answer was lost: there may be another connection
/// by then. If the second does not tell what became of the first, that is unknown, and an error.
pub(super) async fn again_if_lost<T, F>(
    mut call: impl FnMut() -> F,
    tells: impl Fn(&T) -> bool,
) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    match call().await {
        Err(lost @ (StoreError::Unavailable(_) | StoreError::TimedOut)) => match call().await {
            Ok(outcome) if tells(&outcome) => Ok(outcome),
            _ => Err(lost),
        },
        outcome => outcome,
    }
}
