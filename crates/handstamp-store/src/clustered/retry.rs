use crate::StoreError;

/// Retries `call` once if its reply was lost, because there may be another connection by then. The second outcome counts only if it
/// `proves_first`: if it shows what the first call did.
pub(super) async fn retry_lost_reply<T, F>(
    mut call: impl FnMut() -> F,
    proves_first: impl Fn(&T) -> bool,
) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    match call().await {
        Err(lost @ (StoreError::Unavailable(_) | StoreError::TimedOut)) => match call().await {
            Ok(outcome) if proves_first(&outcome) => Ok(outcome),
            _ => Err(lost),
        },
        outcome => outcome,
    }
}
