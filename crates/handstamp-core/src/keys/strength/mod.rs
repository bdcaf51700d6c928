//! How hard a secret is to guess: the length in bits of its shortest description.
//!
//! A description is a list of parts: single characters, common words, other words, years, sequences such as `abcd`, `a1b2c3` or
//! `qwerty`, and copies of earlier parts. Guessing programs try short descriptions first. The estimate is low for random text,
//! and never above what its length allows; it is too high for patterns without a part of their own, such as a line of a poem.

mod parts;
mod sequences;
mod symbols;
mod words;

use zeroize::Zeroizing;

use self::parts::parts_at;
use self::symbols::Symbols;
pub(super) use self::words::common_words;

/// The estimate for a text, written by hand or generated.
pub(super) fn bits_of_text(text: &str) -> f64 {
    bits(&Symbols::of_text(text))
}

/// The estimate for decoded bytes, which may themselves be text.
pub(super) fn bits_of_bytes(bytes: &[u8]) -> f64 {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.chars().all(|letter| !letter.is_control()) => bits_of_text(text),
        _ => bits(&Symbols::of_bytes(bytes)),
    }
}

/// The bits of the shortest description: the cheapest path from the beginning to the end.
fn bits(symbols: &Symbols) -> f64 {
    let mut cheapest = Zeroizing::new(vec![f64::INFINITY; symbols.len() + 1]);
    cheapest[0] = 0.0;
    for start in 0..symbols.len() {
        let before = cheapest[start];
        parts_at(symbols, start, |part| {
            let end = start + part.length;
            cheapest[end] = cheapest[end].min(before + part.bits);
        });
    }
    cheapest[symbols.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_part_has_its_cost() {
        for (text, lowest, highest) in [
            ("", 0.0, 0.0),
            ("password", 3.0, 4.0),
            ("P4ssw0rd", 5.0, 6.0),
            // A word, and copies of it.
            ("passwordpasswordpasswordpassword", 8.0, 12.0),
            // Words that are not in the list, with and without separators.
            ("kestrel", 13.0, 13.0),
            ("kestrel-walnut-gravel", 39.0, 45.0),
            ("KestrelWalnutGravel", 39.0, 39.0),
            // Sequences.
            ("abcdefghijklmnopqrstuvwxyz", 8.0, 13.0),
            ("zyxwvutsrqponm", 8.0, 13.0),
            ("qwertzuiop", 8.0, 10.0),
            ("1qaz2wsx3edc", 8.0, 13.0),
            ("................................", 0.0, 10.0),
            // Alternating sequences, and sequences that continue after others.
            ("a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6", 8.0, 15.0),
            ("a0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5", 8.0, 15.0),
            ("z9-y8-x7-w6-v5-u4-t3-s2-r1-q0", 8.0, 20.0),
            ("abcd1234efgh5678ijkl9012mnop3456", 8.0, 20.0),
            ("azbycxdwevfugt", 8.0, 15.0),
            ("112233445566", 8.0, 15.0),
            ("1q2w3e4r5t6y7u8i9o0p", 8.0, 15.0),
            ("!QAZ@WSX#EDC", 8.0, 13.0),
            ("zaq12wsxcde34rfv", 8.0, 13.0),
            // Short words among other letters, and years.
            ("whataretheyfor", 15.0, 35.0),
            ("kestrel-2026", 20.0, 24.0),
            ("kestrel-2926", 26.0, 31.0),
            // Characters without a pattern.
            ("xkqvbz", 15.0, 16.0),
            ("7k2q9xw4", 21.0, 24.0),
        ] {
            let bits = bits_of_text(text);
            assert!((lowest..=highest).contains(&bits), "{text}: {bits}");
        }
    }

    #[test]
    fn bytes_may_be_text_or_a_sequence() {
        assert_eq!(bits_of_bytes(b"password"), bits_of_text("password"));
        assert!(bits_of_bytes(&[0, 7, 14, 21, 28, 35, 42, 49, 56, 63]) < 20.0);
        assert!(bits_of_bytes(&[0x3a, 0x91, 0xfe, 0x07].repeat(8)) < 20.0);
        assert!(bits_of_bytes(&[0x3a, 0x91, 0xfe, 0x07, 0xc2, 0x55, 0x18, 0xe9]) >= 24.0);
    }

    /// So the time is bounded for a text of any length.
    #[test]
    fn only_the_beginning_of_a_long_text_counts() {
        let long = "7k2q9xw4".repeat(1_000) + "vbzmtrjhdfgncslyp";
        assert_eq!(bits_of_text(&long), bits_of_text(&long[..256]));
    }
}
