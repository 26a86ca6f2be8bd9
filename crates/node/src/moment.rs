//! Moments as people and programs read them.

use std::time::SystemTime;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// RFC 3339 in UTC, to the second.
pub(crate) fn rfc3339(moment: SystemTime) -> String {
    let moment = utc(moment);
    text(moment.replace_nanosecond(0).unwrap_or(moment))
}

/// RFC 3339 in UTC, to the microsecond.
pub(crate) fn rfc3339_micros(moment: SystemTime) -> String {
    let moment = utc(moment);
    text(moment.replace_nanosecond(moment.microsecond() * 1000).unwrap_or(moment))
}

/// What is behind the year 9999, the last that can be written, is told as its end.
fn utc(moment: SystemTime) -> OffsetDateTime {
    const LAST_SECOND: u64 = 253_402_300_799;
    let since = moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let seconds = since.as_secs().min(LAST_SECOND) as i64;
    let moment = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    moment.replace_nanosecond(since.subsec_nanos()).unwrap_or(moment)
}

fn text(moment: OffsetDateTime) -> String {
    moment.format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn moments_that_no_calendar_has_are_told_as_its_last() {
        for (seconds, told) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_795_000_000, "2026-11-18T11:06:40Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
            (253_402_300_800, "9999-12-31T23:59:59Z"),
            (i64::MAX as u64, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(rfc3339(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)), told);
        }
    }
}
