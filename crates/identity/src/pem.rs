//! Writing PEM, and words for what is wrong with it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::pem::Error;
use zeroize::Zeroizing;

const LINE: usize = 64;

/// `der` as a PEM section.
pub(crate) fn encode(label: &str, der: &[u8]) -> String {
    let encoded = Zeroizing::new(STANDARD.encode(der));
    // Made in one piece: a text that grows leaves copies of a key behind.
    let mut text = String::with_capacity(encoded.len() + encoded.len() / LINE + 2 * label.len() + 64);
    text.extend(["-----BEGIN ", label, "-----\n"]);
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE));
        text.extend([line, "\n"]);
        rest = after;
    }
    text.extend(["-----END ", label, "-----\n"]);
    text
}

/// What is wrong with a PEM text, without showing any of it.
pub(crate) fn described(error: &Error) -> String {
    match error {
        Error::MissingSectionEnd { .. } => "a section has no END line".to_owned(),
        Error::IllegalSectionStart { .. } => "a BEGIN line is damaged".to_owned(),
        Error::Base64Decode(_) => "a section is not base64".to_owned(),
        Error::NoItemsFound => "there is none in it".to_owned(),
        other => other.to_string(),
    }
}
