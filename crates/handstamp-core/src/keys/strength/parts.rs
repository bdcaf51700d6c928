use super::sequences::sequences;
use super::symbols::Symbols;
use super::words::{CommonWords, is_like_a_word};

/// One part of a description.
pub(super) struct Part {
    pub(super) length: usize,
    pub(super) bits: f64,
}

/// Calls `take` for every part that can begin at `start`.
pub(super) fn parts_at(symbols: &Symbols, start: usize, mut take: impl FnMut(Part)) {
    take(Part { length: 1, bits: single(symbols, start) });
    copies(symbols, start, &mut take);
    sequences(symbols, start, &mut take);
    if let Some(words) = symbols.words() {
        known_words(symbols, start, words, &mut take);
        other_word(symbols, start, &mut take);
        year(symbols, start, &mut take);
    }
}

/// A single symbol. The same separator again adds hardly anything.
fn single(symbols: &Symbols, position: usize) -> f64 {
    let alone = symbols.bits_alone(position);
    let is_separator =
        |position: &usize| symbols.ascii(*position).is_some_and(|byte| !byte.is_ascii_alphanumeric());
    if !is_separator(&position) {
        return alone;
    }
    match (0..position).rev().find(is_separator) {
        Some(last) if symbols.exact()[last] == symbols.exact()[position] => alone.min(0.5),
        _ => alone,
    }
}

/// Copies of an earlier part: the bits give its start and its length.
fn copies(symbols: &Symbols, start: usize, take: &mut impl FnMut(Part)) {
    let folded = symbols.folded();
    let same = |from: usize| folded[from..].iter().zip(&folded[start..]).take_while(|(a, b)| a == b).count();
    let longest = (0..start).map(same).max().unwrap_or(0);
    for length in SHORTEST..=longest {
        take(Part { length, bits: log2(start) + log2(length) });
    }
}

/// Words from the list; the more common, the fewer bits. Short words among other letters take more, because they occur in random
/// text by chance.
fn known_words(symbols: &Symbols, start: usize, words: &CommonWords, take: &mut impl FnMut(Part)) {
    let Some(first) = symbols.ascii(start) else { return };
    let run = run_of_letters(symbols, start);
    for &letter in [first].iter().chain(written_as(first)) {
        for &(place, word) in words.beginning_with(letter) {
            let mut disguised = 0.0;
            let matches = word.bytes().enumerate().all(|(offset, letter)| {
                let Some(found) = symbols.ascii(start + offset) else { return false };
                if found.eq_ignore_ascii_case(&letter) {
                    return true;
                }
                disguised = 2.0;
                written_as(found).contains(&letter)
            });
            let alone = run == Some(word.len());
            if matches && (word.len() > 1 || alone) {
                let among_others = if word.len() > 3 || alone { 0.0 } else { 2.0 };
                take(Part { length: word.len(), bits: log2(place + 8) + disguised + among_others });
            }
        }
    }
}

/// A word that is not in the list, from its first letter to its last. Letters next to a digit are more often random.
fn other_word(symbols: &Symbols, start: usize, take: &mut impl FnMut(Part)) {
    let Some(length) =
        run_of_letters(symbols, start).filter(|length| (SHORTEST..=LONGEST_WORD).contains(length))
    else {
        return;
    };
    let end = start + length;
    let is_digit = |position| symbols.ascii(position).is_some_and(|byte| byte.is_ascii_digit());
    if is_digit(start.wrapping_sub(1)) || is_digit(end) {
        return;
    }
    if is_like_a_word((start..end).filter_map(|position| symbols.ascii(position))) {
        take(Part { length, bits: BITS_OF_A_WORD });
    }
}

/// A year of the 20th or 21st century: four digits between other characters.
fn year(symbols: &Symbols, start: usize, take: &mut impl FnMut(Part)) {
    let digit = |position| symbols.ascii(position).filter(u8::is_ascii_digit);
    let digits = [0, 1, 2, 3].map(|offset| digit(start + offset));
    let recent = matches!(digits, [Some(b'1'), Some(b'9'), ..] | [Some(b'2'), Some(b'0'), ..]);
    if recent && digits[3].is_some() && digit(start.wrapping_sub(1)).or(digit(start + 4)).is_none() {
        take(Part { length: 4, bits: BITS_OF_A_YEAR });
    }
}

/// The number of letters from `start` to the end of the word, if a word begins there.
fn run_of_letters(symbols: &Symbols, start: usize) -> Option<usize> {
    let ends_before = |position: usize| {
        let (Some(last), Some(next)) = (symbols.ascii(position.wrapping_sub(1)), symbols.ascii(position))
        else {
            return true;
        };
        !last.is_ascii_alphabetic()
            || !next.is_ascii_alphabetic()
            || (last.is_ascii_lowercase() && next.is_ascii_uppercase())
    };
    let begins = symbols.ascii(start).is_some_and(|byte| byte.is_ascii_alphabetic())
        && (start == 0 || ends_before(start));
    begins.then(|| {
        (start + 1..symbols.len()).find(|&position| ends_before(position)).unwrap_or(symbols.len()) - start
    })
}

/// The letters that a digit or sign stands for, as in `p4ssw0rd`.
const fn written_as(sign: u8) -> &'static [u8] {
    match sign {
        b'0' => b"o",
        b'1' => b"il",
        b'3' => b"e",
        b'4' | b'@' => b"a",
        b'5' | b'$' => b"s",
        b'7' => b"t",
        _ => b"",
    }
}

pub(super) fn log2(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX)).log2()
}

/// Shorter parts cost as much as their symbols.
pub(super) const SHORTEST: usize = 3;

/// The lists that passphrases are made from have about 2 to the power of 13 words.
const BITS_OF_A_WORD: f64 = 13.0;

/// One of a hundred years.
const BITS_OF_A_YEAR: f64 = 6.6;

/// A longer run of letters is random, or several words without separators.
const LONGEST_WORD: usize = 12;
