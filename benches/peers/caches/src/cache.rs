use std::sync::Arc;
use std::time::{Duration, Instant};

use handstamp_core::cache::{Capacity, Expiry, Found, Freshness, LocalCache, Versioned};
use handstamp_core::id::SessionKey;
use handstamp_core::record::Revision;
use parking_lot::Mutex;

/// A session without data: what it takes beside its place in the cache is the same in every cache.
pub(crate) type Session = Arc<Versioned<()>>;

/// A cache of sessions with room for a number of entries.
pub(crate) trait Cache: Sync {
    fn get(&self, key: &SessionKey) -> Option<Session>;

    fn insert(&self, session: Session);
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Handstamp,
    Lru,
    Moka,
    QuickCache,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Handstamp, Self::Lru, Self::Moka, Self::QuickCache];

    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Handstamp => "handstamp",
            Self::Lru => "lru 0.19 in a mutex",
            Self::Moka => "moka 0.12",
            Self::QuickCache => "quick_cache 0.6",
        }
    }

    pub(crate) fn with_room_for(self, entries: usize) -> Box<dyn Cache> {
        match self {
            Self::Handstamp => Box::new(Handstamp::new(entries)),
            Self::Lru => Box::new(Mutex::new(Lru { entries: lru::LruCache::unbounded(), limit: entries })),
            Self::Moka => Box::new(moka::sync::Cache::new(entries as u64)),
            Self::QuickCache => Box::new(quick_cache::sync::Cache::new(entries)),
        }
    }
}

struct Handstamp {
    cache: LocalCache<Session, ()>,
    freshness: Arc<Freshness>,
    now: Instant,
}

impl Handstamp {
    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn new(entries: usize) -> Self {
        let (cache, now) = (LocalCache::new(Capacity { entries, bytes: 1 << 40 }), Instant::now());
        let freshness = cache.new_freshness(now, DAY);
        freshness.record_fence(now);
        Self { cache, freshness, now }
    }
}

impl Cache for Handstamp {
    fn get(&self, key: &SessionKey) -> Option<Session> {
        match self.cache.get(key, self.now)? {
            Found::Session(session) => Some(session),
            Found::Absence(()) => None,
        }
    }

    fn insert(&self, session: Session) {
        let (key, expiry) = (session.key, Expiry { fresh_until: self.now + DAY, session_ends: self.now + DAY });
        let _ = self.cache.begin_fill(&key, &self.freshness).complete(session, 1, expiry);
    }
}

/// It is not filled to its capacity at once, as it would be with a bound of its own.
struct Lru {
    entries: lru::LruCache<SessionKey, Session>,
    limit: usize,
}

impl Cache for Mutex<Lru> {
    fn get(&self, key: &SessionKey) -> Option<Session> {
        self.lock().entries.get(key).cloned()
    }

    fn insert(&self, session: Session) {
        let mut lru = self.lock();
        lru.entries.put(session.key, session);
        if lru.entries.len() > lru.limit {
            lru.entries.pop_lru();
        }
    }
}

impl Cache for moka::sync::Cache<SessionKey, Session> {
    fn get(&self, key: &SessionKey) -> Option<Session> {
        self.get(key)
    }

    fn insert(&self, session: Session) {
        self.insert(session.key, session);
        // Otherwise it may exceed its limit, and evict what it should keep.
        self.run_pending_tasks();
    }
}

impl Cache for quick_cache::sync::Cache<SessionKey, Session> {
    fn get(&self, key: &SessionKey) -> Option<Session> {
        self.get(key)
    }

    fn insert(&self, session: Session) {
        self.insert(session.key, session);
    }
}

/// The session of a number.
pub(crate) fn session(number: u64) -> Session {
    Arc::new(Versioned::new(key(number), Revision::from_bytes([1; Revision::LEN]), ()))
}

/// As even as a hash.
pub(crate) fn key(number: u64) -> SessionKey {
    let mut random = fastrand::Rng::with_seed(number);
    let mut bytes = [0; SessionKey::LEN];
    random.fill(&mut bytes);
    SessionKey::from_bytes(bytes)
}

const DAY: Duration = Duration::from_secs(86_400);
