use crate::life::Moment;

/// The longest time between the ends of two consecutive successes, the second one after `from`. Without another success, `until`
/// counts as one.
pub(crate) fn longest(successes: impl IntoIterator<Item = Moment>, from: Moment, until: Moment) -> Moment {
    let (mut last, mut longest) = (Moment::ZERO, Moment::ZERO);
    for success in successes.into_iter().filter(|success| *success <= until).chain([until]) {
        if success >= from {
            longest = longest.max(success.saturating_sub(last));
        }
        last = success;
    }
    longest
}

/// The value at this percentile.
pub(crate) fn percentile(mut values: Vec<Moment>, percent: usize) -> Moment {
    values.sort_unstable();
    let place = (values.len() * percent / 100).min(values.len().saturating_sub(1));
    values.get(place).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(successes: &[u64], from: u64, until: u64) -> u64 {
        let millis = Moment::from_millis;
        let successes = successes.iter().copied().map(millis);
        longest(successes, millis(from), millis(until)).as_millis().try_into().unwrap()
    }

    #[test]
    fn a_gap_lasts_from_one_success_to_the_next() {
        assert_eq!(check(&[100, 300, 500, 1_700, 1_900], 450, 2_000), 1_200);
        assert_eq!(
            check(&[100, 900, 1_000, 1_300], 950, 1_400),
            300,
            "a gap that ended before does not count"
        );
        assert_eq!(check(&[100, 900], 500, 950), 800, "a gap that began before counts as a whole");
    }

    #[test]
    fn a_gap_without_an_end_lasts_to_the_end() {
        assert_eq!(check(&[100, 200], 150, 5_000), 4_800);
        assert_eq!(check(&[], 100, 300), 300);
        assert_eq!(check(&[100, 9_000], 150, 300), 200);
    }

    #[test]
    fn percentiles_are_computed() {
        let values: Vec<_> = (1..=200).rev().map(Moment::from_millis).collect();
        assert_eq!(percentile(values, 99), Moment::from_millis(199));
        assert_eq!(percentile(Vec::new(), 99), Moment::ZERO);
    }
}
