use super::parts::{Part, SHORTEST, log2};
use super::symbols::Symbols;

/// Symbols in the order of the alphabet or of a keyboard, also two alternating sequences; bytes at equal distances.
pub(super) fn sequences(symbols: &Symbols, start: usize, take: &mut impl FnMut(Part)) {
    let folded = &symbols.folded()[start..];
    let first = symbols.bits_alone(start);
    let mut longest = |length: usize, bits: f64| {
        for length in SHORTEST..=length {
            take(Part { length, bits: bits + log2(length) });
        }
    };
    if !symbols.is_text() {
        longest(run(folded, |a, b| Some(b.wrapping_sub(a) & 0xff)), first + 8.0);
        return;
    }
    longest(run(folded, neighbours), first + 1.5);
    for row in KEYBOARD {
        let place = |key: u32| row.bytes().position(|byte| u32::from(byte) == key);
        let keys = &symbols.keys()[start..];
        longest(
            run(keys, |a, b| {
                Some(place(b)?.wrapping_sub(place(a)?)).filter(|step| step.wrapping_add(1) <= 2)
            }),
            first + 3.0,
        );
    }
    longest(alternating(folded), first + symbols.bits_alone(start + 1) + 3.0);
    for backwards in [false, true] {
        longest(continued(symbols.folded(), start, backwards), 1.5);
    }
}

/// The number of symbols at equal distances.
fn run<S: PartialEq>(symbols: &[u32], step: impl Fn(u32, u32) -> Option<S>) -> usize {
    let steps = symbols.windows(2).map(|pair| step(pair[0], pair[1]));
    let mut steps = steps.map_while(|step| step);
    match steps.next() {
        Some(first) => 2 + steps.take_while(|step| *step == first).count(),
        None => 1,
    }
}

/// The distance between two symbols, if it is one or zero.
fn neighbours(a: u32, b: u32) -> Option<u32> {
    Some(b.wrapping_sub(a)).filter(|step| step.wrapping_add(1) <= 2)
}

/// The number of symbols in two alternating sequences, such as `azbycx` and `112233`.
fn alternating(symbols: &[u32]) -> usize {
    let steps: Vec<_> = symbols.windows(3).map_while(|symbols| neighbours(symbols[0], symbols[2])).collect();
    let regular = steps.iter().enumerate().take_while(|(at, step)| *step == &steps[at % 2]).count();
    if regular < SHORTEST { 0 } else { regular + 2 }
}

/// The number of symbols from `start` that each continue after the previous symbol of the same kind, as in `a1b2c3` and
/// `abcd1234efgh5678`.
fn continued(symbols: &[u32], start: usize, backwards: bool) -> usize {
    let continues = |position: &usize| {
        let symbol = symbols[*position];
        let last = symbols[..*position].iter().rev().find(|last| kind(**last) == kind(symbol));
        last.is_some_and(|&last| match (kind(symbol), backwards) {
            (Kind::Sign, _) => last == symbol,
            (_, false) => follows(last, symbol),
            (_, true) => follows(symbol, last),
        })
    };
    (start..symbols.len()).take_while(continues).count()
}

/// Whether `b` is the next letter or digit after `a`; the first one follows the last.
fn follows(a: u32, b: u32) -> bool {
    let pair = [a, b].map(char::from_u32);
    b == a + 1 || WRAPS.iter().any(|&[last, first]| pair == [Some(last), Some(first)])
}

/// Sequences of hexadecimal digits wrap around after `f`.
const WRAPS: [[char; 2]; 3] = [['9', '0'], ['z', 'a'], ['f', 'a']];

#[derive(Eq, PartialEq)]
enum Kind {
    Letter,
    Digit,
    Sign,
}

fn kind(symbol: u32) -> Kind {
    match char::from_u32(symbol) {
        Some(symbol) if symbol.is_ascii_alphabetic() => Kind::Letter,
        Some(symbol) if symbol.is_ascii_digit() => Kind::Digit,
        _ => Kind::Sign,
    }
}

/// Rows, columns, alternating rows, and columns up and down.
const KEYBOARD: [&str; 15] = [
    "1234567890",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qwertzuiop",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "qazwsxedcrfvtgbyhnujmikolp",
    "1q2w3e4r5t6y7u8i9o0p",
    "q1w2e3r4t5y6u7i8o9p0",
    "qawsedrftgyhujikolp",
    "aqswdefrgthyjukilop",
    "azsxdcfvgbhnjmk",
    "zaq1xsw2cde3vfr4bgt5nhy6mju7ki8lo9p0",
    "zaq12wsxcde34rfvbgt56yhnmju78ik",
    "1qazxsw23edcvfr45tgbnhy67ujmki89olp0",
];
