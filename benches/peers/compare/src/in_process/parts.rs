use std::fmt;
use std::hint::black_box;
use std::num::NonZeroUsize;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use lru::LruCache;
use parking_lot::Mutex;
use sha2::Sha256;
use subjects::Error;

use crate::clock::now;

/// Something that every layer with signed cookies and a cache has to do for a cached read, by the usual crates and without any of the
/// code of handstamp.
pub(super) struct Part {
    pub(super) name: &'static str,
    step: Box<dyn FnMut()>,
    /// A step, by block.
    pub(super) nanoseconds: Vec<f64>,
}

/// The parts for a request with this cookie.
pub(super) fn all(cookie: &HeaderValue) -> Result<Vec<Part>, Error> {
    let mut headers = HeaderMap::new();
    for (name, value) in subjects::HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(header::COOKIE, cookie.clone());
    let (name, value) = cookie.to_str()?.split_once('=').ok_or("the cookie has no value")?;
    let (name, value) = (format!("{name}="), value.to_owned());
    let decoded = URL_SAFE_NO_PAD.decode(&value)?;
    let (message, tag) = decoded.split_at(decoded.len() - 32);
    let (message, key) = (message.to_vec(), Hmac::<Sha256>::new_from_slice(&[42; 32])?);
    // Another tag than that of the cookie: the comparison takes the same time.
    let tag = tag.to_vec();
    let sessions = NonZeroUsize::new(SESSIONS).ok_or("no sessions")?;
    let mut cache = LruCache::new(sessions);
    (0..SESSIONS).for_each(|number| {
        cache.put((number as u128).wrapping_mul(0x9E37_79B9_7F4A_7C15), Arc::new(number));
    });
    let cache = Mutex::new(cache);
    let wanted = 77_u128.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    Ok(vec![
        Part::new("find the cookie in the headers", move || {
            let cookies = black_box(&headers).get(header::COOKIE).map(HeaderValue::as_bytes);
            let mut pairs = cookies.unwrap_or_default().split(|byte| *byte == b';');
            black_box(pairs.find_map(|pair| pair.trim_ascii_start().strip_prefix(name.as_bytes())));
        }),
        Part::new("decode base64", move || {
            let mut bytes = [0; 96];
            black_box(URL_SAFE_NO_PAD.decode_slice(black_box(&value), &mut bytes)).ok();
            black_box(bytes);
        }),
        Part::new("verify the HMAC-SHA-256", move || {
            let mut mac = black_box(&key).clone();
            mac.update(black_box(&message));
            black_box(mac.verify_slice(&tag)).ok();
        }),
        Part::new("look up the session", move || {
            black_box(cache.lock().get(black_box(&wanted)).cloned());
        }),
        Part::new("read the clock", || {
            black_box(now());
        }),
    ])
}

impl Part {
    fn new(name: &'static str, step: impl FnMut() + 'static) -> Self {
        Self { name, step: Box::new(step), nanoseconds: Vec::new() }
    }

    pub(super) fn run_block(&mut self) {
        let begun = now();
        for _ in 0..STEPS {
            (self.step)();
        }
        self.nanoseconds.push(begun.elapsed().as_secs_f64() * 1e9 / f64::from(STEPS));
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part").field("name", &self.name).finish_non_exhaustive()
    }
}

const STEPS: u32 = 4_000;
/// In the cache.
const SESSIONS: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_takes_time() {
        let cookie = format!("id={}", "A".repeat(88));
        let mut parts = all(&HeaderValue::try_from(cookie).unwrap()).unwrap();
        for part in &mut parts {
            part.run_block();
            assert!(part.nanoseconds[0] > 0.0, "{}", part.name);
        }
        assert_eq!(parts.len(), 5);
    }
}
