//! Looking for credentials where none may be.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// What every token begins with: `{"` in base64.
const TOKEN_START: &str = "eyJ";

/// Every way in which a program may write bytes down without meaning to show them.
pub fn forms(secret: &[u8]) -> Vec<String> {
    let mut forms = Vec::new();
    forms.extend(std::str::from_utf8(secret).map(String::from));
    // Padded or not, alone or within something else that is encoded: whole groups of three bytes at each offset.
    for skipped in 0..3 {
        let rest = secret.get(skipped..).unwrap_or_default();
        let whole = &rest[..rest.len() - rest.len() % 3];
        if whole.len() >= 6 {
            forms.extend([STANDARD_NO_PAD.encode(whole), URL_SAFE_NO_PAD.encode(whole)]);
        }
    }
    forms.push(secret.iter().map(|byte| format!("{byte:02x}")).collect());
    forms.push(secret.iter().map(|byte| format!("{byte:02X}")).collect());
    // As `Debug` writes bytes.
    forms.push(secret.iter().map(u8::to_string).collect::<Vec<_>>().join(", "));
    forms
}

/// Panics where `text` shows one of the secrets in any form.
pub fn none_in(place: &str, text: &str, secrets: &[&[u8]]) {
    for secret in secrets {
        for form in forms(secret) {
            if let Some(at) = text.find(&form) {
                let start = text.floor_char_boundary(at.saturating_sub(300));
                let end = text.ceil_char_boundary((at + form.len() + 60).min(text.len()));
                panic!("{place} shows {form:?}: {}", &text[start..end]);
            }
        }
    }
    if let Some(at) = text.find(TOKEN_START) {
        let start = text.floor_char_boundary(at.saturating_sub(300));
        panic!("{place} shows a token: {}", &text[start..text.ceil_char_boundary((at + 60).min(text.len()))]);
    }
}

/// Every audit file of a data directory, in one text.
pub fn audit(data: &Path) -> String {
    let Ok(entries) = std::fs::read_dir(data.join("audit")) else { return String::new() };
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read_to_string(file).unwrap_or_default()).collect()
}
