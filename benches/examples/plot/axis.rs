//! Where numbers lie along an axis, and which of them are written there.

/// From one number to another, by their logarithm or as they are.
#[derive(Clone, Copy, Debug)]
pub enum Axis {
    /// Both are more than 0.
    Logarithmic { from: f64, to: f64 },
    /// From 0.
    Linear { to: f64 },
}

impl Axis {
    /// Around all of `numbers`, which are more than 0, to whole powers of ten.
    pub fn logarithmic(numbers: impl Iterator<Item = f64> + Clone) -> Self {
        let least = numbers.clone().fold(f64::INFINITY, f64::min);
        let most = numbers.fold(0.0, f64::max);
        let from = 10f64.powf(least.log10().floor());
        let to = 10f64.powf(most.log10().ceil());
        Self::Logarithmic { from, to: if to > from { to } else { from * 10.0 } }
    }

    /// From 0 to a round number above all of `numbers`.
    pub fn linear(numbers: impl Iterator<Item = f64>) -> Self {
        let most = numbers.fold(f64::MIN_POSITIVE, f64::max);
        let step = step(most);
        Self::Linear { to: (most / step).ceil() * step }
    }

    /// Where `number` is, 0 at the beginning and 1 at the end.
    pub fn place(self, number: f64) -> f64 {
        match self {
            Self::Logarithmic { from, to } => (number / from).log10() / (to / from).log10(),
            Self::Linear { to } => number / to,
        }
    }

    /// What is written along it.
    pub fn marks(self) -> Vec<f64> {
        match self {
            Self::Logarithmic { from, to } => {
                let decades = (to / from).log10().round() as i32;
                (0..=decades).map(|decade| from * 10f64.powi(decade)).collect()
            }
            Self::Linear { to } => {
                let step = step(to);
                (0..=(to / step).round() as u32).map(|mark| f64::from(mark) * step).collect()
            }
        }
    }
}

/// A round number of which a few make `most`.
fn step(most: f64) -> f64 {
    let decade = 10f64.powf((most / 5.0).log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .map(|times| times * decade)
        .into_iter()
        .find(|step| most / step <= 6.0)
        .unwrap_or(decade * 10.0)
}

/// As it is written: 1,000 and 0.5.
pub fn text(number: f64) -> String {
    if number < 1000.0 {
        let text = format!("{number:.3}");
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithmic_axes_go_by_powers_of_ten() {
        let axis = Axis::logarithmic([16.0, 1_048_576.0].into_iter());
        assert_eq!(axis.marks().len(), 7);
        assert_eq!(axis.marks().first().map(|mark| mark.round()), Some(10.0));
        assert!((axis.place(1e7) - 1.0).abs() < 1e-9 && axis.place(10.0).abs() < 1e-9);
        assert!((axis.place(10_000.0) - 0.5).abs() < 1e-9);
        assert_eq!(Axis::logarithmic([10.0].into_iter()).marks().len(), 2);
    }

    #[test]
    fn linear_axes_begin_with_nothing_and_end_with_a_round_number() {
        let axis = Axis::linear([0.31, 1.7].into_iter());
        assert_eq!(axis.marks().iter().map(|mark| text(*mark)).collect::<Vec<_>>(), ["0", "0.5", "1", "1.5", "2"]);
        assert!((axis.place(1.0) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(["1,048,576", "999.5", "10,000"], [1_048_576.0, 999.5, 10_000.0].map(text));
    }
}
