use parking_lot::Mutex;

use crate::RedisError;

/// What the log says already of why a server cannot be reached, so that no attempt repeats it.
#[derive(Debug, Default)]
pub(crate) struct Told(Mutex<Vec<RedisError>>);

impl Told {
    /// Whether this is the first time for this cause since the server could be reached.
    pub(crate) fn is_news(&self, cause: &RedisError) -> bool {
        let mut told = self.0.lock();
        // Causes may alternate, when a refused connection is sometimes cut first: each is logged once.
        let news = told.len() < MOST && !told.contains(cause);
        if news {
            told.push(cause.clone());
        }
        news
    }

    /// The server can be reached.
    pub(crate) fn forget(&self) {
        self.0.lock().clear();
    }
}

const MOST: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_is_news_once() {
        let told = Told::default();
        assert!(told.is_news(&RedisError::Authentication) && !told.is_news(&RedisError::Authentication));
        assert!(told.is_news(&RedisError::silence()) && !told.is_news(&RedisError::Authentication));
        told.forget();
        assert!(told.is_news(&RedisError::Authentication));
        for number in 0..100 {
            told.is_news(&RedisError::Lagged(number));
        }
        assert_eq!(told.0.lock().len(), MOST);
    }
}
