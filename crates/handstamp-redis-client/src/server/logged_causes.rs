use parking_lot::Mutex;

use crate::RedisError;

/// The causes of failed connections that were logged since the server was last reached, so that attempts do not repeat them.
#[derive(Debug, Default)]
pub(crate) struct LoggedCauses(Mutex<Vec<RedisError>>);

impl LoggedCauses {
    /// Whether this cause is new since the server was last reached.
    pub(crate) fn is_new(&self, cause: &RedisError) -> bool {
        let mut logged = self.0.lock();
        // Causes may alternate, when a rejected connection is sometimes cut first: each is logged once.
        let new = logged.len() < MAX_CAUSES && !logged.contains(cause);
        if new {
            logged.push(cause.clone());
        }
        new
    }

    /// The server was reached.
    pub(crate) fn clear(&self) {
        self.0.lock().clear();
    }
}

const MAX_CAUSES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_is_new_once() {
        let causes = LoggedCauses::default();
        assert!(causes.is_new(&RedisError::Authentication) && !causes.is_new(&RedisError::Authentication));
        assert!(causes.is_new(&RedisError::unresponsive()) && !causes.is_new(&RedisError::Authentication));
        causes.clear();
        assert!(causes.is_new(&RedisError::Authentication));
        for number in 0..100 {
            causes.is_new(&RedisError::Lagged(number));
        }
        assert_eq!(causes.0.lock().len(), MAX_CAUSES);
    }
}
