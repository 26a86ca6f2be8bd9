//! Numbers for a person.

/// `1,234,567`.
pub(super) fn whole(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 publisher`, `2 publishers`.
pub(super) fn counted(number: u64, noun: &str) -> String {
    let plural = match (number, noun.ends_with("sh")) {
        (1, _) => "",
        (_, true) => "es",
        (_, false) => "s",
    };
    format!("{} {noun}{plural}", whole(number))
}

/// Without a fraction from 100 on.
pub(super) fn rate(number: f64) -> String {
    if number < 10.0 && number > 0.0 {
        format!("{number:.2}")
    } else if number < 100.0 {
        format!("{number:.1}")
    } else {
        whole(number.round() as u64)
    }
}

/// KiB as KiB, MiB or GiB.
pub(super) fn memory(kib: u64) -> String {
    match kib {
        0..10_240 => format!("{} KiB", whole(kib)),
        10_240..10_485_760 => format!("{} MiB", rate(kib as f64 / 1024.0)),
        _ => format!("{} GiB", rate(kib as f64 / 1_048_576.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(["0", "999", "1,000", "1,234,567"], [0, 999, 1_000, 1_234_567].map(whole));
        assert_eq!(["0.0", "0.50", "12.3", "12,346"], [0.0, 0.5, 12.34, 12_345.6].map(rate));
        assert_eq!(["1 message", "0 messages"], [1, 0].map(|number| counted(number, "message")));
        assert_eq!(counted(2, "publish"), "2 publishes");
        assert_eq!(["999 KiB", "15.6 MiB"], [999, 16_000].map(memory));
    }
}
