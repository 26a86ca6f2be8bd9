//! Distinguished names, compared as sets of their parts.

use x509_parser::der_parser::asn1_rs::Oid;
use x509_parser::prelude::{FromDer, X509Name};

const COMMON_NAME: &str = "2.5.4.3";

/// A distinguished name without its order: what one text says in another order or spacing is the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name(Vec<Part>);

/// A relative distinguished name: attributes by object identifier, most often one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Part(Vec<(Box<str>, Box<str>)>);

impl Part {
    pub fn new(mut attributes: Vec<(Box<str>, Box<str>)>) -> Self {
        attributes.sort();
        Self(attributes)
    }
}

impl Name {
    pub fn new(mut parts: Vec<Part>) -> Self {
        parts.sort();
        Self(parts)
    }

    /// The name in a certificate, without the tag and length around it. `None` if a value is in no character set we can read.
    pub fn of_certificate(contents: &[u8]) -> Option<Self> {
        let whole = sequence(contents);
        let (rest, name) = X509Name::from_der(&whole).ok()?;
        if !rest.is_empty() {
            return None;
        }
        let parts = name.iter_rdn().map(|part| {
            let attributes = part.iter().map(|attribute| {
                let value = attribute.as_str().ok()?;
                Some((object_identifier(attribute.attr_type()), value.trim().into()))
            });
            attributes.collect::<Option<Vec<_>>>().map(Part::new)
        });
        parts.collect::<Option<Vec<_>>>().map(Self::new)
    }

    /// The common names.
    pub fn common_names(&self) -> impl Iterator<Item = &str> {
        let attributes = self.0.iter().flat_map(|part| &part.0);
        attributes.filter(|(kind, _)| **kind == *COMMON_NAME).map(|(_, value)| &**value)
    }
}

fn object_identifier(oid: &Oid<'_>) -> Box<str> {
    oid.to_id_string().into()
}

/// Puts the tag and length of a SEQUENCE around `contents`.
fn sequence(contents: &[u8]) -> Vec<u8> {
    let length = contents.len();
    let mut whole = vec![0x30];
    if length < 0x80 {
        whole.push(length as u8);
    } else {
        let bytes: Vec<u8> = length.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
        whole.push(0x80 | bytes.len() as u8);
        whole.extend(bytes);
    }
    whole.extend_from_slice(contents);
    whole
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_a_name_or_none(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Name::of_certificate(&bytes);
        }
    }
}
