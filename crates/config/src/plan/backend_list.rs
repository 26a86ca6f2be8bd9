//! `--backends`: `NAME=HOST:PORT`, by commas, with a range in braces for many that are called alike.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::cluster::ordinal;
use crate::format::{ServerAddress, is_member};
use crate::reading::Reading;
use crate::{BackendAddress, Given};

/// 16 partitions of 5 copies are on so many at the most.
const MOST: usize = 80;
/// Of what is wrong, as much is shown.
const SHOWN_CHARACTERS: usize = 120;

const ITEM: &str = "give NAME=HOST:PORT, such as backend-0=10.0.0.7:7883";
const RANGE: &str = "give a range as {0..2}, the same in name and host";

/// The backends, by their numbers; `None` if something is wrong with them, which is then a problem.
pub(super) fn read(given: &Given, reading: &mut Reading) -> Option<Vec<BackendAddress>> {
    let mut backends = Vec::new();
    let mut is_sound = true;
    for item in given.text.split(',') {
        let item = item.trim();
        match expanded(item) {
            Ok(more) => backends.extend(more),
            Err(expected) => {
                is_sound = false;
                refuse(given, item, expected, reading);
            }
        }
        if backends.len() > MOST {
            reading.refuse(&shortened(given, &given.text), format!("give {MOST} backends at most"));
            return None;
        }
    }
    (is_sound && are_in_order(given, &backends, reading)).then_some(backends)
}

/// What an item stands for.
fn expanded(item: &str) -> Result<Vec<BackendAddress>, String> {
    let (name, address) = item.split_once('=').ok_or(ITEM)?;
    let backend = |name: String, address: &str| {
        if !is_member(&name) || ordinal(&name).is_none() {
            return Err(
                "give small letters, digits, - and . for its name, with a number at its end: backend-0".to_owned()
            );
        }
        let address = ServerAddress::parse(address).filter(|address| address.path.is_none()).ok_or(ITEM)?;
        Ok(BackendAddress { name, host: address.host, port: address.port })
    };
    let Some((text, numbers)) = range(name)? else {
        return match address.contains(['{', '}']) {
            true => Err(RANGE.to_owned()),
            false => Ok(vec![backend(name.to_owned(), address)?]),
        };
    };
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let alike = name.matches(text).count() == 1 && host.contains(text);
    let others = [name, address].iter().any(|part| part.replace(text, "").contains(['{', '}']));
    if !alike || others {
        return Err(RANGE.to_owned());
    }
    numbers
        .map(|number| {
            let number = number.to_string();
            backend(name.replace(text, &number), &address.replace(text, &number))
        })
        .collect()
}

/// The first range in a text, as it is written, and the numbers that it stands for.
fn range(text: &str) -> Result<Option<(&str, RangeInclusive<u16>)>, String> {
    let Some(start) = text.find('{') else { return Ok(None) };
    let end = text[start..].find('}').ok_or(RANGE)? + start;
    let number = |digits: &str| match digits.len() == 1 || !digits.starts_with('0') {
        true if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse::<u16>().ok(),
        _ => None,
    };
    let (first, last) = text[start + 1..end].split_once("..").ok_or(RANGE)?;
    let (first, last) = number(first).zip(number(last)).ok_or(RANGE)?;
    match first <= last && usize::from(last - first) < MOST {
        true => Ok(Some((&text[start..=end], first..=last))),
        false => Err(format!("give a range that goes up, over {MOST} numbers at most")),
    }
}

/// A backend's number is its place, and where its partitions are follows from that.
fn are_in_order(given: &Given, backends: &[BackendAddress], reading: &mut Reading) -> bool {
    let mut taken = BTreeMap::new();
    for (place, backend) in backends.iter().enumerate() {
        let BackendAddress { name, .. } = backend;
        if ordinal(name).map(usize::from) != Some(place) {
            let expected =
                format!("give the backends by their numbers, without a gap: here the one that ends in -{place}");
            refuse(given, name, expected, reading);
            return false;
        }
        if let Some(other) = taken.insert((&backend.host, backend.port), name) {
            refuse(given, &format!("{name}={backend}"), format!("{other} has this address; give another"), reading);
            return false;
        }
    }
    true
}

fn refuse(given: &Given, text: &str, expected: String, reading: &mut Reading) {
    reading.refuse(&shortened(given, text), expected);
}

fn shortened(given: &Given, text: &str) -> Given {
    let text: String = text.chars().take(SHOWN_CHARACTERS).collect();
    Given { place: given.place.clone(), text: if text.is_empty() { "(nothing)".to_owned() } else { text } }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(text: &str) -> Given {
        Given::flag("--backends", text.to_owned())
    }

    fn good(text: &str) -> Vec<String> {
        let mut reading = Reading::default();
        let backends = read(&given(text), &mut reading).unwrap_or_default();
        assert!(reading.is_sound(), "{}", reading.problems());
        backends.iter().map(|backend| format!("{} {backend}", backend.name)).collect()
    }

    fn bad(text: &str) -> String {
        let mut reading = Reading::default();
        assert_eq!(read(&given(text), &mut reading), None, "{text}");
        reading.problems().to_string()
    }

    #[test]
    fn lists_and_ranges_say_the_same() {
        let all = ["backend-0 a-0.b:7883", "backend-1 a-1.b:7883", "backend-2 a-2.b:7883"];
        assert_eq!(good("backend-0=a-0.b:7883,backend-1=a-1.b:7883, backend-2=A-2.b:7883"), all);
        assert_eq!(good("backend-{0..2}=a-{0..2}.b:7883"), all);
        assert_eq!(good("backend-0=a-0.b:7883,backend-{1..2}=a-{1..2}.b:7883"), all);
        assert_eq!(good("x-0=[::1]:1,y-1=10.0.0.1:65535"), ["x-0 [::1]:1", "y-1 10.0.0.1:65535"]);
        assert_eq!(good("b-{0..0}=h{0..0}:1"), ["b-0 h0:1"]);
        assert_eq!(good("b-{0..79}=h{0..79}:1").len(), 80);
        assert_eq!(good("b-{0..1}=p-{0..1}.s-{0..1}:1"), ["b-0 p-0.s-0:1", "b-1 p-1.s-1:1"]);
    }

    #[test]
    fn what_is_wrong_is_told_item_by_item() {
        assert_eq!(
            bad("backend-0,backend-1=h,backend=h:1"),
            "--backends backend-0: give NAME=HOST:PORT, such as backend-0=10.0.0.7:7883\n\
             --backends backend-1=h: give NAME=HOST:PORT, such as backend-0=10.0.0.7:7883\n\
             --backends backend=h:1: give small letters, digits, - and . for its name, with a number at its end: backend-0"
        );
        assert_eq!(bad(""), format!("--backends (nothing): {ITEM}"));
        assert_eq!(bad("b-0=h:1,"), format!("--backends (nothing): {ITEM}"));
        for text in ["b-0=h:0", "b-0=h:1/x", "b-0=h:70000", "b-0=:1", "b-0=http://h:1", "B-0=h:1", "b-00=h:1", "=h:1"] {
            assert!(bad(text).starts_with(&format!("--backends {text}: give ")), "{text}");
        }
        for text in [
            "b-0=h{0..1}:1",
            "b-{0..1}=h:1",
            "b-{0..1}=h{0..2}:1",
            "b-{0..1}=h{0..1}:{1..2}",
            "b-{0..1}=h:{0..1}",
            "b-{0..1}-{0..1}=h{0..1}:1",
            "b-{0..1=h{0..1:1",
            "b-{0-1}=h{0-1}:1",
            "b-{..1}=h{..1}:1",
            "b-{00..1}=h{00..1}:1",
            "b-{+0..1}=h{+0..1}:1",
        ] {
            assert_eq!(bad(text), format!("--backends {text}: {RANGE}"));
        }
        for text in ["b-{1..0}=h{1..0}:1", "b-{0..80}=h{0..80}:1", "b-{0..65535}=h{0..65535}:1"] {
            assert!(bad(text).contains("a range that goes up, over 80 numbers at most"), "{text}");
        }
        let many: Vec<String> = (0..81).map(|n| format!("b-{n}=h{n}:1")).collect();
        assert!(bad(&many.join(",")).ends_with("give 80 backends at most"));
    }

    #[test]
    fn numbers_are_places_and_addresses_are_not_shared() {
        let expected = "give the backends by their numbers, without a gap: here the one that ends in -0";
        assert_eq!(bad("b-1=h:1,b-0=h:2"), format!("--backends b-1: {expected}"));
        assert!(bad("b-0=h:1,b-2=h:2").contains("here the one that ends in -1"));
        assert!(bad("b-{1..2}=h{1..2}:2").contains("ends in -0"));
        assert_eq!(bad("b-0=h:1,b-1=H:1"), "--backends b-1=h:1: b-0 has this address; give another");
    }
}
