//! Durations as Go writes them, of hours, minutes and seconds.

use std::borrow::Cow;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// `240h`, `45m`, `1h30m`, `1.5h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct GoDuration(Duration);

/// 100 years: beyond it the end of a certificate could not be written down.
const MAX: Duration = Duration::from_secs(876_000 * 3600);
/// Digits before or after a point: more than [`MAX`] needs, few enough for no number to overflow.
const MAX_DIGITS: usize = 12;
const NANOS_PER_SECOND: u128 = 1_000_000_000;

impl GoDuration {
    /// `None` for other texts, a duration without unit among them, and for more than 876000h.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut rest = text;
        let mut nanos: u128 = 0;
        while !rest.is_empty() {
            let end = rest.find(|c: char| c.is_ascii_alphabetic())?;
            let (number, after) = rest.split_at(end);
            let unit: u128 = match after.as_bytes().first()? {
                b'h' => 3600,
                b'm' => 60,
                b's' => 1,
                _ => return None,
            };
            nanos += amount(number, unit)?;
            rest = &after[1..];
        }
        let duration = Duration::new(u64::try_from(nanos / NANOS_PER_SECOND).ok()?, (nanos % NANOS_PER_SECOND) as u32);
        (!text.is_empty() && duration <= MAX).then_some(Self(duration))
    }

    pub(crate) fn get(self) -> Duration {
        self.0
    }
}

/// Nanoseconds in `number` times so many seconds.
fn amount(number: &str, seconds: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.len() <= MAX_DIGITS && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || whole.len() + fraction.len() == 0 {
        return None;
    }
    let value = |text: &str| if text.is_empty() { Some(0) } else { text.parse::<u128>().ok() };
    let scale = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    Some((value(whole)? * scale + value(fraction)?) * seconds * NANOS_PER_SECOND / scale)
}

/// A duration as resources write one: `240h`, `45m`, `1h30m`. `None` for other texts, and for more than 876000h.
pub fn duration(text: &str) -> Option<Duration> {
    GoDuration::parse(text).map(GoDuration::get)
}

/// A duration as [`GoDuration`] reads it, in whole units: `1h30m`.
pub(crate) fn shown(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let parts = [(seconds / 3600, 'h'), (seconds / 60 % 60, 'm'), (seconds % 60, 's')];
    let text: String = parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect();
    if text.is_empty() { "0s".to_owned() } else { text }
}

impl TryFrom<String> for GoDuration {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("no duration")
    }
}

impl JsonSchema for GoDuration {
    fn schema_name() -> Cow<'static, str> {
        "GoDuration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "go-duration" })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{GoDuration, shown};

    #[test]
    fn hours_minutes_and_seconds_add_up() {
        for (text, seconds) in [
            ("240h", 864_000),
            ("45m", 2700),
            ("90s", 90),
            ("1h30m", 5400),
            ("1.5h", 5400),
            (".5m", 30),
            ("1h1h", 7200),
            ("0s", 0),
            ("876000h", 3_153_600_000),
        ] {
            assert_eq!(GoDuration::parse(text).unwrap().get(), Duration::from_secs(seconds), "{text}");
        }
        assert_eq!(GoDuration::parse("0.25s").unwrap().get(), Duration::from_millis(250));
    }

    #[test]
    fn other_texts_are_none() {
        for text in
            ["", "240", "h", "-1h", "+1h", "1d", "1H", "1 h", "1ms", "1..5h", "876001h", "9999999999999h", "1h ", "١h"]
        {
            assert_eq!(GoDuration::parse(text), None, "{text}");
        }
    }

    #[test]
    fn is_shown_as_it_would_be_written() {
        for text in ["240h", "1h30m", "45m", "1s", "0s"] {
            assert_eq!(shown(GoDuration::parse(text).unwrap().get()), text);
        }
    }
}
