//! The one MQTT 5 property that the broker itself reads in a forwarded message: the user property `$partition`.

/// Messages with the same value go to the same member of a shared group while its membership stands.
const PARTITION: &[u8] = b"$partition";

const USER_PROPERTY: u8 = 0x26;

/// The value of `$partition` in the properties of a PUBLISH as [`Message`](crate::Message) holds them; `None` when it
/// is not there.
pub fn partition_value(properties: &[u8]) -> Option<&[u8]> {
    let mut rest = properties;
    while let Some((kind, after)) = rest.split_first() {
        rest = match *kind {
            USER_PROPERTY => {
                let (name, after) = binary(after)?;
                let (value, after) = binary(after)?;
                if name == PARTITION {
                    return Some(value);
                }
                after
            }
            // Payload Format Indicator.
            0x01 => after.get(1..)?,
            // Message Expiry Interval.
            0x02 => after.get(4..)?,
            // Content Type, Response Topic, Correlation Data.
            0x03 | 0x08 | 0x09 => binary(after)?.1,
            // Topic Alias.
            0x23 => after.get(2..)?,
            // Nothing else stands in a PUBLISH but Subscription Identifiers, which are not forwarded.
            _ => return None,
        };
    }
    None
}

fn binary(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(u16::from_be_bytes(*len).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str, value: &str) -> Vec<u8> {
        let mut bytes = vec![USER_PROPERTY];
        for text in [name, value] {
            bytes.extend_from_slice(&(text.len() as u16).to_be_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes
    }

    #[test]
    fn the_value_is_found_among_other_properties() {
        let all = [&[1, 1, 3, 0, 1, b't'][..], &user("a", "b"), &[9, 0, 2, 7, 7], &user("$partition", "k")].concat();
        assert_eq!(partition_value(&all), Some(&b"k"[..]));
        assert_eq!(partition_value(&user("$partitions", "k")), None);
        assert_eq!(partition_value(&all[..all.len() - 1]), None);
        assert_eq!(partition_value(&[]), None);
    }
}
