/// A quantile of the values, between 0 and 1; of none, it is zero.
pub(crate) fn quantile(values: &[f64], quantile: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values.get((last as f64 * quantile).round() as usize).copied().unwrap_or_default()
}

pub(crate) fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

pub(crate) fn lowest(values: &[f64]) -> f64 {
    quantile(values, 0.0)
}

pub(crate) fn highest(values: &[f64]) -> f64 {
    quantile(values, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_in_order() {
        let values = [3.0, 1.0, 2.0, 5.0, 4.0];
        assert_eq!([0.0, 0.25, 0.5, 1.0].map(|at| quantile(&values, at)), [1.0, 2.0, 3.0, 5.0]);
        assert_eq!(median(&[]), 0.0);
    }
}
