/// With three digits at least, and a separator of thousands.
pub(super) fn rounded(value: f64) -> String {
    let step = 10_f64.powf((value.abs().max(1.0).log10().floor() - 2.0).max(0.0));
    let rounded = (value / step).round() * step;
    let digits = format!("{:.0}", rounded.abs());
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    if rounded < 0.0 { format!("-{text}") } else { text }
}

/// With three digits, also below 100.
pub(super) fn decimal(value: f64) -> String {
    match value.abs() {
        size if size < 10.0 => format!("{value:.2}"),
        size if size < 100.0 => format!("{value:.1}"),
        _ => rounded(value),
    }
}

/// Two values, as the bounds of a range.
pub(super) fn range(low: f64, high: f64) -> String {
    format!("{} to {}", rounded(low), rounded(high))
}

pub(super) fn decimal_range(low: f64, high: f64) -> String {
    format!("{} to {}", decimal(low), decimal(high))
}

pub(super) fn percent(share: f64) -> String {
    format!("{:.0}%", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_are_kept() {
        assert_eq!([0.4, 7.0, 1_234.0, -98_765.0].map(rounded), ["0", "7", "1,230", "-98,800"]);
        assert_eq!([0.4, -12.34, 1_234.0].map(decimal), ["0.40", "-12.3", "1,230"]);
        assert_eq!(range(1_000_000.0, 2_345_678.0), "1,000,000 to 2,350,000");
    }
}
