//! What a token says of whom it is for.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value};

/// The claims of a token.
#[derive(Clone, PartialEq)]
pub(crate) struct Claims(pub Map<String, Value>);

/// Which claims become what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mapping {
    pub username: Box<str>,
    /// Attribute name -> claim.
    pub attributes: BTreeMap<Box<str>, Box<str>>,
}

impl Claims {
    /// The value at a path of names with dots between. Names may hold dots themselves, as `kubernetes.io` does: of two ways
    /// to read a path, the one with the longer first name is taken.
    pub fn at(&self, path: &str) -> Option<&Value> {
        at(&self.0, path)
    }

    /// A text, number or truth value as text; lists and objects are no values of an attribute.
    pub fn text(&self, path: &str) -> Option<String> {
        match self.at(path)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(truth) => Some(truth.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// A claim that must be text.
    pub fn string(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// `aud`: one text or several.
    pub fn audiences(&self) -> impl Iterator<Item = &str> {
        let listed = match self.0.get("aud") {
            Some(Value::Array(several)) => several.as_slice(),
            Some(one) => std::slice::from_ref(one),
            None => &[],
        };
        listed.iter().filter_map(Value::as_str).filter(|audience| !audience.is_empty())
    }

    /// Seconds since 1970, whole or not. `Err` if it is there and no such time.
    pub fn time(&self, name: &str) -> Result<Option<SystemTime>, ()> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let seconds = value.as_f64().filter(|seconds| seconds.is_finite() && *seconds >= 0.0).ok_or(())?;
        let since = Duration::try_from_secs_f64(seconds.floor()).map_err(|_| ())?;
        SystemTime::UNIX_EPOCH.checked_add(since).map(Some).ok_or(())
    }
}

fn at<'v>(object: &'v Map<String, Value>, path: &str) -> Option<&'v Value> {
    if let Some(value) = object.get(path) {
        return Some(value);
    }
    path.rmatch_indices('.').find_map(|(dot, _)| {
        let inner = object.get(&path[..dot])?.as_object()?;
        at(inner, &path[dot + 1..])
    })
}

impl Mapping {
    /// The username, which must be text and not empty.
    pub fn username(&self, claims: &Claims) -> Option<Box<str>> {
        let text = claims.at(&self.username)?.as_str()?;
        (!text.is_empty()).then(|| text.into())
    }

    /// The attributes whose claims are there.
    pub fn attributes(&self, claims: &Claims) -> BTreeMap<Box<str>, Box<str>> {
        let found = self.attributes.iter().filter_map(|(name, path)| Some((name.clone(), claims.text(path)?.into())));
        found.collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn claims(value: Value) -> Claims {
        Claims(value.as_object().unwrap().clone())
    }

    #[test]
    fn a_path_reaches_names_with_dots() {
        let claims = claims(json!({
            "kubernetes.io": { "namespace": "shop", "serviceaccount": { "name": "till" }, "a.b": 1 },
            "https://example.com/role": "admin", "n": 7, "t": true, "l": ["x"],
        }));
        for (path, expected) in [
            ("kubernetes.io.namespace", Some("shop")),
            ("kubernetes.io.serviceaccount.name", Some("till")),
            ("kubernetes.io.a.b", Some("1")),
            ("https://example.com/role", Some("admin")),
            ("n", Some("7")),
            ("t", Some("true")),
            ("l", None),
            ("kubernetes.io", None),
            ("kubernetes.io.none", None),
            ("", None),
            (".", None),
        ] {
            assert_eq!(claims.text(path).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn audiences_are_one_or_several() {
        let of = |value: Value| claims(json!({ "aud": value })).audiences().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(of(json!("a")), ["a"]);
        assert_eq!(of(json!(["a", 1, "b"])), ["a", "b"]);
        assert!(of(json!("")).is_empty() && of(json!(7)).is_empty() && of(Value::Null).is_empty());
    }

    #[test]
    fn a_time_is_a_number_of_seconds() {
        let of = |value: Value| claims(json!({ "exp": value })).time("exp");
        let at = |seconds| Ok(Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)));
        assert_eq!(of(json!(10)), at(10));
        assert_eq!(of(json!(10.9)), at(10));
        for wrong in [json!("10"), json!(-1), json!(1e300), Value::Null] {
            assert_eq!(of(wrong.clone()), Err(()), "{wrong}");
        }
        assert_eq!(claims(json!({})).time("exp"), Ok(None));
    }

    proptest! {
        #[test]
        fn any_path_leads_somewhere_or_nowhere(path in "[a.]{0,20}") {
            let _ = claims(json!({ "a": { "a.a": { "": 1 }, "": { "a": 2 } } })).text(&path);
        }
    }
}
