use std::collections::HashSet;

use zeroize::Zeroizing;

use super::words::CommonWords;

/// A secret as a list of symbols: characters of a text, or bytes.
pub(super) struct Symbols {
    /// Code points, or bytes.
    exact: Zeroizing<Vec<u32>>,
    /// The same in lower case.
    folded: Zeroizing<Vec<u32>>,
    /// The keys of a keyboard that type them.
    keys: Zeroizing<Vec<u32>>,
    /// The words that a text may contain; none for bytes.
    words: Option<CommonWords>,
    /// Bits of a symbol outside of any pattern: log2 of the number of different symbols in the secret.
    bits_each: f64,
}

impl Symbols {
    /// The symbols of a text, or of its beginning if it is long.
    pub(super) fn of_text(text: &str) -> Self {
        let exact = text.chars().take(LONGEST).map(u32::from);
        let folded = text.chars().take(LONGEST).map(|letter| u32::from(letter.to_ascii_lowercase()));
        Self::new(exact.collect(), folded.collect(), Some(CommonWords::new()))
    }

    /// The symbols of bytes, or of their beginning if there are many.
    pub(super) fn of_bytes(bytes: &[u8]) -> Self {
        let exact: Vec<_> = bytes.iter().take(LONGEST).map(|&byte| u32::from(byte)).collect();
        Self::new(exact.clone(), exact, None)
    }

    pub(super) fn len(&self) -> usize {
        self.exact.len()
    }

    pub(super) fn exact(&self) -> &[u32] {
        &self.exact
    }

    pub(super) fn folded(&self) -> &[u32] {
        &self.folded
    }

    pub(super) fn keys(&self) -> &[u32] {
        &self.keys
    }

    pub(super) fn words(&self) -> Option<&CommonWords> {
        self.words.as_ref()
    }

    pub(super) fn is_text(&self) -> bool {
        self.words.is_some()
    }

    /// The ASCII character at `position` of a text.
    pub(super) fn ascii(&self, position: usize) -> Option<u8> {
        let symbol = *self.exact.get(position).filter(|_| self.is_text())?;
        u8::try_from(symbol).ok().filter(u8::is_ascii)
    }

    /// The bits of the symbol at `position` outside of any pattern.
    pub(super) fn bits_alone(&self, position: usize) -> f64 {
        let limit = match self.ascii(position) {
            Some(digit) if digit.is_ascii_digit() => 10_f64.log2(),
            _ => f64::INFINITY,
        };
        self.bits_each.min(limit)
    }

    fn new(exact: Vec<u32>, folded: Vec<u32>, words: Option<CommonWords>) -> Self {
        let distinct = exact.iter().collect::<HashSet<_>>().len();
        let bits_each = f64::from(u32::try_from(distinct).unwrap_or(u32::MAX)).log2();
        let keys = Zeroizing::new(folded.iter().copied().map(key_of).collect());
        Self { exact: Zeroizing::new(exact), folded: Zeroizing::new(folded), keys, words, bits_each }
    }
}

/// The digit on the same key as a sign, on most `qwerty` keyboards.
fn key_of(symbol: u32) -> u32 {
    const SIGNS: &str = ")!@#$%^&*(";
    let digit = SIGNS.chars().zip('0'..='9').find(|(sign, _)| u32::from(*sign) == symbol);
    digit.map_or(symbol, |(_, digit)| u32::from(digit))
}

/// A longer secret is judged by its beginning, so that the time is bounded.
const LONGEST: usize = 256;
