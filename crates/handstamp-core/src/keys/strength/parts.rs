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
    sequence(symbols, start, &mut take);
    if let Some(words) = symbols.words() {
        known_words(symbols, start, words, &mut take);
        other_word(symbols, start, &mut take);
    }
}

/// A symbol by itself. Between words the same separator again is no surprise.
fn single(symbols: &Symbols, position: usize) -> f64 {
    let alone = symbols.bits_alone(position);
    let is_separator =
        |position: &usize| symbols.ascii(*position).is_some_and(|byte| !byte.is_ascii_alphanumeric());
    if !is_separator(&position) {
        return alone;
    }
    match (0..position).rev().find(is_separator) {
        Some(last) if symbols.exact()[last] == symbols.exact()[position] => alone.min(1.0),
        _ => alone,
    }
}

/// Copies of an earlier part: the bits tell where it begins and how long it is.
fn copies(symbols: &Symbols, start: usize, take: &mut impl FnMut(Part)) {
    let folded = symbols.folded();
    let same = |from: usize| folded[from..].iter().zip(&folded[start..]).take_while(|(a, b)| a == b).count();
    let longest = (0..start).map(same).max().unwrap_or(0);
    for length in SHORTEST..=longest {
        take(Part { length, bits: log2(start) + log2(length) });
    }
}

/// Symbols that follow each other in the alphabet or on a keyboard; of bytes, in equal steps.
fn sequence(symbols: &Symbols, start: usize, take: &mut impl FnMut(Part)) {
    let folded = &symbols.folded()[start..];
    let first = symbols.bits_alone(start);
    let mut longest = |length: usize, choices: f64| {
        for length in SHORTEST..=length {
            take(Part { length, bits: first + choices + log2(length) });
        }
    };
    if !symbols.is_text() {
        longest(run(folded, |a, b| Some(b.wrapping_sub(a) & 0xff)), 8.0);
        return;
    }
    longest(run(folded, |a, b| Some(b.wrapping_sub(a)).filter(|step| step.wrapping_add(1) <= 2)), 1.5);
    for keys in KEYBOARD {
        let place = |symbol: u32| keys.bytes().position(|key| u32::from(key) == symbol);
        longest(
            run(folded, |a, b| {
                Some(place(b)?.wrapping_sub(place(a)?)).filter(|step| step.wrapping_add(1) <= 2)
            }),
            3.0,
        );
    }
}

/// How many symbols follow each other by one and the same step.
fn run<S: PartialEq>(symbols: &[u32], step: impl Fn(u32, u32) -> Option<S>) -> usize {
    let steps = symbols.windows(2).map(|pair| step(pair[0], pair[1]));
    let mut steps = steps.map_while(|step| step);
    match steps.next() {
        Some(first) => 2 + steps.take_while(|step| *step == first).count(),
        None => 1,
    }
}

/// Words from the list, the commonest of which take the least. Short ones count by themselves only: in random text they
/// occur by chance.
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
            if matches && (word.len() > 3 || run == Some(word.len())) {
                take(Part { length: word.len(), bits: log2(place + 8) + disguised });
            }
        }
    }
}

/// A word that is not on the list, from its first letter to its last. Letters next to a digit are more often random.
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

/// How many letters there are from `start` to the end of the word, if one begins there.
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

fn log2(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX)).log2()
}

/// Shorter parts cost as much as their symbols.
const SHORTEST: usize = 3;

/// As many words as in the lists that passphrases are made of: 2 to the power of 13.
const BITS_OF_A_WORD: f64 = 13.0;

/// A longer run of letters is several words without separators, or random.
const LONGEST_WORD: usize = 12;

const KEYBOARD: [&str; 5] =
    ["qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p"];
