use super::*;

#[test]
fn a_session_that_was_not_used_is_evicted() {
    let fixture = Fixture::new(3);
    for n in [1, 2, 3] {
        fixture.put(n, n);
    }
    assert_eq!(fixture.get(1), Some(1));
    fixture.put(4, 4);
    assert_eq!(fixture.get(2), None, "2 was not used");
    assert_eq!((fixture.get(1), fixture.get(3), fixture.get(4)), (Some(1), Some(3), Some(4)));
    assert_eq!(fixture.cache.len(), 3);
    assert_eq!(fixture.cache.stats().evictions, 1);
}

#[test]
fn the_limit_holds_over_all_stripes() {
    let cache = Cache::new(sessions(1_000));
    let freshness = cache.new_freshness(start(), FOR_EVER);
    for n in 0..5_000_u64 {
        put(&cache, &freshness, nth_key(n), SIZE);
    }
    assert!((900..=1_000).contains(&cache.len()), "{}", cache.len());
}

#[test]
fn without_capacity_nothing_is_cached() {
    let fixture = Fixture::new(0);
    fixture.put(1, 1);
    assert_eq!(fixture.get(1), None);
    assert!(fixture.cache.is_empty());
    assert_eq!(fixture.cache.stats().evictions, 0);
}

type Cache = LocalCache<Versioned<u8>, ()>;

#[track_caller]
fn put(cache: &Cache, freshness: &Arc<Freshness>, key: SessionKey, size: usize) {
    let session = Versioned::new(key, revision(1), 1);
    let outcome = cache.begin_fill(&key, freshness).complete(session, size, for_a_minute(start()));
    assert_eq!(outcome, FillOutcome::Fresh);
}

fn nth_key(n: u64) -> SessionKey {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    SessionKey::from_bytes(bytes)
}

/// K8.1
#[test]
fn k8_1_the_limit_in_bytes_holds_for_all_sizes() {
    const BYTES: usize = 64 << 20;
    let cache = Cache::new(Capacity { entries: 1_000_000, bytes: BYTES });
    let freshness = cache.new_freshness(start(), FOR_EVER);
    for n in 0..5_000_u64 {
        let size = if n % 2 == 0 { 100_000 } else { 500 };
        put(&cache, &freshness, nth_key(n), size);
        assert!(cache.stats().bytes <= BYTES);
    }
    assert!(cache.stats().bytes > BYTES / 10 * 9, "{:?}", cache.stats());
    for n in 0..5_000_u64 {
        cache.invalidate(&nth_key(n), None);
    }
    assert_eq!((cache.stats().bytes, cache.len()), (0, 0));
}

/// K8.1
#[test]
fn k8_1_a_session_larger_than_the_cache_is_not_cached_and_evicts_nothing() {
    let cache = Cache::new(Capacity { entries: 10, bytes: 2_500 });
    let (freshness, now) = (cache.new_freshness(start(), FOR_EVER), start());
    freshness.record_fence(now);
    for (n, size) in [(1, 1_000), (2, 1_000), (3, 3_000)] {
        put(&cache, &freshness, key(n), size);
    }
    let is_cached = |n| cache.get(&key(n), now).is_some();
    assert_eq!([1, 2, 3].map(is_cached), [true, true, false]);
    put(&cache, &freshness, key(1), 3_000);
    assert_eq!([1, 2].map(is_cached), [false, true], "the smaller revision was replaced");
    assert_eq!(cache.stats().bytes, 1_000);
}

/// K8.3
#[test]
fn k8_3_absences_evict_no_session() {
    let fixture = Fixture::new(10);
    for n in 0..10 {
        fixture.put(n, 1);
    }
    for n in 100..200 {
        fixture.put_absence(n);
    }
    assert!((0..10).all(|n| fixture.get(n) == Some(1)));
    assert_eq!(fixture.get(199), Some(0), "the latest absences are cached");
    assert_eq!(fixture.get(100), None);
    assert_eq!((fixture.cache.len(), fixture.cache.stats().bytes), (10, 10 * SIZE));
}
