//! A length of time as a person writes it.

use std::time::Duration;

/// The longest, a year: longer waits overflow timers and are a slip of the hand.
const MAX: Duration = Duration::from_secs(365 * 86_400);

/// Reads `10`, `1.5` (seconds), `500ms`, `10s`, `2m`, `1h`.
///
/// # Errors
/// Anything else, what is negative, and more than a year.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "s" => 1.0,
        "ms" => 0.001,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(expected()),
    };
    let number: f64 = digits.parse().map_err(|_| expected())?;
    let span = Duration::try_from_secs_f64(number * unit).map_err(|_| expected())?;
    if span > MAX { Err(expected()) } else { Ok(span) }
}

fn expected() -> String {
    "expected a time such as 10s, 1.5s, 500ms, 2m or 1h".to_owned()
}

/// A time for a person: three digits and the unit that keeps them short.
pub(super) fn show(nanoseconds: u64) -> String {
    let ns = nanoseconds as f64;
    let (value, unit) = match nanoseconds {
        0..999_500 => (ns / 1e3, "µs"),
        999_500..999_500_000 => (ns / 1e6, "ms"),
        _ => (ns / 1e9, "s"),
    };
    let decimals = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.decimals$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read() {
        assert_eq!(parse("10"), Ok(Duration::from_secs(10)));
        assert_eq!(parse("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(parse("1h"), Ok(Duration::from_secs(3600)));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "s", "-1", "1d", "1 s", "nan", "inf", "1e300", "9000h"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_are_shown_with_three_digits() {
        assert_eq!(show(950), "0.95 µs");
        assert_eq!(show(53_000), "53.0 µs");
        assert_eq!(show(453_000), "453 µs");
        assert_eq!(show(999_900), "1.00 ms");
        assert_eq!(show(1_234_000), "1.23 ms");
        assert_eq!(show(12_340_000_000), "12.3 s");
    }
}
