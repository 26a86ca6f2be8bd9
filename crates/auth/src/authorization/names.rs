//! Who a rule is for, and with which client ids it lets connect.

use std::collections::BTreeMap;

use super::rules::Principals;
use super::token::{Piece, UnknownToken, fill, pieces};
use crate::Principal;

/// A text with tokens; as a client id of a Connect resource it may end in `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamePattern {
    pieces: Box<[Piece]>,
    end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Exact,
    Anything,
}

impl NamePattern {
    /// As `principals.usernames` are written: no wildcard.
    pub fn exact(text: &str) -> Result<Self, UnknownToken> {
        Ok(Self { pieces: pieces(text)?.into(), end: End::Exact })
    }

    /// As `brokerResources.clientIds` are written: a `*` at the end stands for any rest.
    pub fn with_wildcard(text: &str) -> Result<Self, UnknownToken> {
        match text.strip_suffix('*') {
            Some(front) => Ok(Self { pieces: pieces(front)?.into(), end: End::Anything }),
            None => Self::exact(text),
        }
    }

    /// Whether `name` is what the text says of this principal. A token that stands for nothing fits no name.
    pub fn fits(&self, name: &str, principal: &Principal) -> bool {
        let Some(text) = fill(&self.pieces, principal) else { return false };
        match self.end {
            End::Exact => name == text,
            End::Anything => name.starts_with(&text),
        }
    }
}

/// Who a rule is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Whom {
    usernames: Box<[NamePattern]>,
    client_ids: Box<[Box<str>]>,
    attributes: Box<[BTreeMap<Box<str>, Box<str>>]>,
}

impl Whom {
    pub fn compile(principals: &Principals) -> Result<Self, UnknownToken> {
        let usernames = principals.usernames.iter().map(|text| NamePattern::exact(text));
        let pairs = |(name, value): (&String, &String)| (name.as_str().into(), value.as_str().into());
        Ok(Self {
            usernames: usernames.collect::<Result<_, _>>()?,
            client_ids: principals.client_ids.iter().map(|id| id.as_str().into()).collect(),
            attributes: principals.attributes.iter().map(|map| map.iter().map(pairs).collect()).collect(),
        })
    }

    pub fn includes(&self, principal: &Principal) -> bool {
        let by_name = principal.username.as_deref();
        by_name.is_some_and(|name| self.usernames.iter().any(|pattern| pattern.fits(name, principal)))
            || self.client_ids.contains(&principal.client_id)
            || self.attributes.iter().any(|wanted| {
                // An entry without pairs would be everybody, which nobody means.
                !wanted.is_empty() && wanted.iter().all(|(name, value)| principal.attributes.get(name) == Some(value))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_id_may_end_in_anything() {
        let someone = Principal::declared("c", Some("u"));
        for (text, id, expected) in [
            ("u-*", "u-1", true),
            ("u-*", "u-", true),
            ("u-*", "v-1", false),
            ("*", "", true),
            ("{principal.username}*", "u7", true),
            ("{principal.username}*", "7u", false),
            ("{principal.attributes.none}*", "x", false),
            ("a*b", "a*b", true),
            ("a*b", "axb", false),
        ] {
            let pattern = NamePattern::with_wildcard(text).unwrap();
            assert_eq!(pattern.fits(id, &someone), expected, "{text} and {id}");
        }
    }

    #[test]
    fn a_rule_is_for_whoever_one_entry_fits() {
        let mut someone = Principal::declared("sensor-1", Some("sensor-1"));
        someone.attributes.insert("building".into(), "17".into());
        let map = |pairs: &[(&str, &str)]| pairs.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
        let whom = |usernames: &[&str], client_ids: &[&str], attributes: &[&[(&str, &str)]]| {
            let list = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
            let attributes = attributes.iter().map(|pairs| map(pairs)).collect();
            Whom::compile(&Principals { usernames: list(usernames), client_ids: list(client_ids), attributes }).unwrap()
        };
        for (whom, expected) in [
            (whom(&[], &[], &[]), false),
            (whom(&["sensor-1"], &[], &[]), true),
            (whom(&["Sensor-1"], &[], &[]), false),
            (whom(&["{principal.clientId}"], &[], &[]), true),
            (whom(&["other"], &["sensor-1"], &[]), true),
            (whom(&[], &[], &[&[("building", "17")]]), true),
            (whom(&[], &[], &[&[("building", "17"), ("floor", "1")]]), false),
            (whom(&[], &[], &[&[("building", "18")], &[("building", "17")]]), true),
            (whom(&[], &[], &[&[]]), false),
        ] {
            assert_eq!(whom.includes(&someone), expected, "{whom:?}");
        }
    }
}
