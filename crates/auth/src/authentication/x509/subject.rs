//! Subjects as people write them: `CN = Contoso Root CA Cert, OU = Engineering, C = US`.

use super::names::{Name, Part};

/// Names of attributes, in any case, and what they stand for.
const KINDS: &[(&str, &str)] = &[
    ("CN", "2.5.4.3"),
    ("SN", "2.5.4.4"),
    ("serialNumber", "2.5.4.5"),
    ("C", "2.5.4.6"),
    ("L", "2.5.4.7"),
    ("ST", "2.5.4.8"),
    ("S", "2.5.4.8"),
    ("street", "2.5.4.9"),
    ("O", "2.5.4.10"),
    ("OU", "2.5.4.11"),
    ("title", "2.5.4.12"),
    ("postalCode", "2.5.4.17"),
    ("name", "2.5.4.41"),
    ("GN", "2.5.4.42"),
    ("givenName", "2.5.4.42"),
    ("initials", "2.5.4.43"),
    ("dnQualifier", "2.5.4.46"),
    ("UID", "0.9.2342.19200300.100.1.1"),
    ("DC", "0.9.2342.19200300.100.1.25"),
    ("emailAddress", "1.2.840.113549.1.9.1"),
    ("E", "1.2.840.113549.1.9.1"),
];

/// Why a text is no subject.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubjectError {
    #[error("it is empty; a subject is like `CN = Contoso Root CA Cert, OU = Engineering, C = US`")]
    Empty,
    #[error("{0:?} has no `=`; a comma inside a value is written \\,")]
    NoValue(String),
    #[error(
        "{0:?} is no attribute of a subject; known are CN, OU, O, C, L, ST, DC, UID and such, or a number like 2.5.4.3"
    )]
    Kind(String),
    #[error("{0:?} ends in the middle of an escape or a quotation")]
    Unfinished(String),
    #[error("{0:?} is not UTF-8 once its escapes are taken away")]
    NotText(String),
    #[error("{0:?} is in hexadecimal form, which is not read; write the value as text")]
    Hexadecimal(String),
}

/// Reads a subject: RFC 4514, with spaces where people put them, quotations (RFC 2253), and `/` for nothing.
pub(super) fn parse(text: &str) -> Result<Name, SubjectError> {
    if text.trim().is_empty() {
        return Err(SubjectError::Empty);
    }
    let mut parts = Vec::new();
    for part in split(text, &[',', ';'])? {
        let attributes = split(part, &['+'])?.into_iter().map(attribute);
        parts.push(Part::new(attributes.collect::<Result<_, _>>()?));
    }
    Ok(Name::new(parts))
}

/// Cuts at separators that are neither escaped nor quoted.
fn split<'t>(text: &'t str, separators: &[char]) -> Result<Vec<&'t str>, SubjectError> {
    let mut pieces = Vec::new();
    let (mut start, mut quoted, mut escaped) = (0, false, false);
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            other if !quoted && separators.contains(&other) => {
                pieces.push(&text[start..at]);
                start = at + other.len_utf8();
            }
            _ => {}
        }
    }
    if quoted || escaped {
        return Err(SubjectError::Unfinished(text.to_owned()));
    }
    pieces.push(&text[start..]);
    Ok(pieces)
}

fn attribute(text: &str) -> Result<(Box<str>, Box<str>), SubjectError> {
    let (kind, value) = text.split_once('=').ok_or_else(|| SubjectError::NoValue(text.trim().to_owned()))?;
    let kind = kind.trim();
    let known = KINDS.iter().find(|(name, _)| name.eq_ignore_ascii_case(kind)).map(|(_, number)| *number);
    let is_number =
        kind.contains('.') && kind.split('.').all(|arc| !arc.is_empty() && arc.bytes().all(|b| b.is_ascii_digit()));
    let number = known.or(is_number.then_some(kind)).ok_or_else(|| SubjectError::Kind(kind.to_owned()))?;
    if value.trim_start().starts_with('#') {
        return Err(SubjectError::Hexadecimal(text.trim().to_owned()));
    }
    let value = unescaped(value).ok_or_else(|| SubjectError::NotText(text.trim().to_owned()))?;
    Ok((number.into(), value.into()))
}

/// Takes away escapes, quotation marks and the spaces around, as names in certificates are compared without them.
fn unescaped(value: &str) -> Option<String> {
    let mut bytes: Vec<u8> = Vec::new();
    let mut rest = value.chars();
    while let Some(character) = rest.next() {
        match character {
            '"' => {}
            '\\' => bytes.extend(escape(&mut rest)?),
            other => bytes.extend(other.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
    String::from_utf8(bytes).ok().map(|text| text.trim().to_owned())
}

/// After a backslash: two hexadecimal digits are a byte, anything else is itself.
fn escape(rest: &mut std::str::Chars<'_>) -> Option<Vec<u8>> {
    let first = rest.next()?;
    let second = rest.clone().next();
    if let (Some(high), Some(low)) = (first.to_digit(16), second.and_then(|second| second.to_digit(16))) {
        rest.next();
        return Some(vec![(high * 16 + low) as u8]);
    }
    Some(first.to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn order_spaces_and_case_of_kinds_do_not_matter() {
        let expected = parse("CN = Contoso Root CA Cert, OU = Engineering, C = US").unwrap();
        for text in [
            "CN=Contoso Root CA Cert,OU=Engineering,C=US",
            "C=US, OU=Engineering, CN=Contoso Root CA Cert",
            "c = US; ou = Engineering; cn = Contoso Root CA Cert",
            "2.5.4.3=Contoso Root CA Cert, OU=\"Engineering\", C=\\55\\53",
        ] {
            assert_eq!(parse(text).unwrap(), expected, "{text}");
        }
        for text in [
            "CN = contoso root ca cert, OU = Engineering, C = US",
            "CN = Contoso Root CA Cert, OU = Engineering",
            "CN = Contoso Root CA Cert, OU = Engineering, C = US, C = US",
            "CN = Contoso Root CA Cert + OU = Engineering, C = US",
            "CN = Contoso  Root CA Cert, OU = Engineering, C = US",
        ] {
            assert_ne!(parse(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn escapes_and_quotations_are_the_values_own() {
        let plain = |value: &str| Name::new(vec![Part::new(vec![("2.5.4.10".into(), value.into())])]);
        for (text, value) in [
            (r"O=Sue\, Grabbit and Runn", "Sue, Grabbit and Runn"),
            (r#"O="Sue, Grabbit and Runn""#, "Sue, Grabbit and Runn"),
            (r"O=a\+b\=c\\d\;e\<f", r"a+b=c\d;e<f"),
            (r"O=Lu\C4\8Di\C4\87", "Lučić"),
            (r"O=a=b", "a=b"),
            (r"O=\#x", "#x"),
            ("O=", ""),
        ] {
            assert_eq!(parse(text).unwrap(), plain(value), "{text}");
        }
    }

    #[test]
    fn what_is_no_subject_is_named() {
        let error = |text: &str| parse(text).unwrap_err();
        assert_eq!(error(" "), SubjectError::Empty);
        assert_eq!(error("CN=a,b"), SubjectError::NoValue("b".to_owned()));
        assert_eq!(error("CN=a,"), SubjectError::NoValue(String::new()));
        assert_eq!(error("/C=US/CN=a"), SubjectError::Kind("/C".to_owned()));
        assert!(matches!(error("CN=\"a"), SubjectError::Unfinished(_)));
        assert!(matches!(error("CN=a\\"), SubjectError::Unfinished(_)));
        assert!(matches!(error("CN=\\ff"), SubjectError::NotText(_)));
        assert!(matches!(error("CN=#0403"), SubjectError::Hexadecimal(_)));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,60}") {
            let _ = parse(&text);
        }

        #[test]
        fn any_subject_is_read_or_refused(text in "(CN|O|2.5|x)[ =,;+\\\\\"#a0-9é]{0,40}") {
            let _ = parse(&text);
        }
    }
}
