//! Where a message has been: a user property that every dataflow adds itself to, so that none takes a message twice.

use bytes::{BufMut, Bytes, BytesMut};
use mqtt::client::MessageProperties;
use mqtt::user_properties_of;

/// The user property: identifiers of dataflows, separated by commas.
pub(crate) const HOP: &str = "causeway-hop";

/// How a user property begins on the wire.
const USER_PROPERTY: u8 = 38;
/// The longest trail that is kept; older hops go first.
const TRAIL_BYTES_MAX: usize = 4096;

/// Whether the dataflow `own` took the message before. `list` is raw properties.
pub(crate) fn has_passed(list: &[u8], own: &str) -> bool {
    user_properties_of(list).any(|(name, trail)| name == HOP && trail.split(',').any(|hop| hop == own))
}

/// The properties with `own` added to the trail.
pub(crate) fn stamp(list: &Bytes, own: &str) -> Bytes {
    if user_properties_of(list).any(|(name, _)| name == HOP) {
        return extend(list, own);
    }
    let mut stamped = BytesMut::with_capacity(list.len() + 5 + HOP.len() + own.len());
    stamped.put_slice(list);
    stamped.put_u8(USER_PROPERTY);
    for text in [HOP, own] {
        stamped.put_u16(text.len() as u16);
        stamped.put_slice(text.as_bytes());
    }
    stamped.freeze()
}

/// Brings what trails there are together as one, at the end of the properties.
fn extend(list: &Bytes, own: &str) -> Bytes {
    let mut properties = MessageProperties::decode(list);
    let mut hops: Vec<String> = Vec::new();
    properties.user.retain(|(name, trail)| {
        let is_trail = name == HOP;
        if is_trail {
            hops.extend(trail.split(',').map(str::to_owned));
        }
        !is_trail
    });
    hops.push(own.to_owned());
    let mut bytes = 0;
    let kept = hops.iter().rev().take_while(|hop| {
        bytes += hop.len() + 1;
        bytes <= TRAIL_BYTES_MAX
    });
    let kept = kept.count().max(1);
    properties.user.push((HOP.to_owned(), hops[hops.len() - kept..].join(",")));
    // What was decoded from a list can be written as one.
    properties.encode().unwrap_or_else(|_| list.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(user: &[(&str, &str)]) -> Bytes {
        let user = user.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        MessageProperties { content_type: Some("text/plain".into()), user, ..MessageProperties::default() }
            .encode()
            .unwrap()
    }

    #[test]
    fn a_trail_begins_and_grows() {
        let first = stamp(&list(&[("a", "1")]), "here/one");
        assert_eq!(first, list(&[("a", "1"), (HOP, "here/one")]));
        assert_eq!(stamp(&first, "there/two"), list(&[("a", "1"), (HOP, "here/one,there/two")]));
        assert_eq!(stamp(&Bytes::new(), "x"), {
            let user = vec![(HOP.to_owned(), "x".to_owned())];
            MessageProperties { user, ..MessageProperties::default() }.encode().unwrap()
        });
    }

    #[test]
    fn only_whole_names_have_passed() {
        let passed = list(&[("a", "1"), (HOP, "one,two"), (HOP, "three")]);
        for name in ["one", "two", "three"] {
            assert!(has_passed(&passed, name), "{name}");
        }
        for name in ["on", "one,two", "1", ""] {
            assert!(!has_passed(&passed, name), "{name}");
        }
    }

    #[test]
    fn a_trail_does_not_grow_for_ever() {
        let mut trail = Bytes::new();
        for hop in 0..5000 {
            trail = stamp(&trail, &format!("hop-{hop}"));
        }
        assert!(trail.len() < TRAIL_BYTES_MAX + 100);
        assert!(has_passed(&trail, "hop-4999") && has_passed(&trail, "hop-4900") && !has_passed(&trail, "hop-0"));
    }
}
