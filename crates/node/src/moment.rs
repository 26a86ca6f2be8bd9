//! Moments as people and programs read them.

use std::time::SystemTime;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// RFC 3339 in UTC, to the second.
pub(crate) fn rfc3339(moment: SystemTime) -> String {
    let moment = OffsetDateTime::from(moment);
    text(moment.replace_nanosecond(0).unwrap_or(moment))
}

/// RFC 3339 in UTC, to the microsecond.
pub(crate) fn rfc3339_micros(moment: SystemTime) -> String {
    let moment = OffsetDateTime::from(moment);
    text(moment.replace_nanosecond(moment.microsecond() * 1000).unwrap_or(moment))
}

fn text(moment: OffsetDateTime) -> String {
    // Only years behind 9999 cannot be written.
    moment.format(&Rfc3339).unwrap_or_default()
}
