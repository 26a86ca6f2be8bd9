//! What an unquoted YAML scalar is: null, a bool, a number or text.

use super::ScalarKind;

/// Resolves by YAML 1.2's core schema; what YAML 1.1 takes as another base or a separated number is a
/// [`ScalarKind::Number`], so that it is never taken for a different number or for text.
pub(super) fn resolve(text: &str) -> ScalarKind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return ScalarKind::Null,
        "true" | "True" | "TRUE" | "false" | "False" | "FALSE" => return ScalarKind::Bool,
        ".inf" | ".Inf" | ".INF" | "+.inf" | "-.inf" | ".nan" | ".NaN" | ".NAN" => return ScalarKind::Number,
        _ => {}
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if is_decimal(digits) {
        return ScalarKind::Integer;
    }
    match is_number(digits) {
        true => ScalarKind::Number,
        false => ScalarKind::Text,
    }
}

/// Digits without leading zeros.
pub(super) fn is_decimal(digits: &str) -> bool {
    let all = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    all && (digits == "0" || !digits.starts_with('0'))
}

/// Unsigned, by any of the ways that are not [`is_decimal`].
fn is_number(digits: &str) -> bool {
    if let Some(hex) = digits.strip_prefix("0x") {
        return !hex.is_empty() && hex.bytes().all(|b| b.is_ascii_hexdigit());
    }
    if let Some(octal) = digits.strip_prefix("0o") {
        return !octal.is_empty() && octal.bytes().all(|b| (b'0'..=b'7').contains(&b));
    }
    let starts = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let plain = digits.replace('_', "");
    // What Rust reads besides: `inf`, `nan`, which do not start so; `1.`, which YAML reads too.
    starts && plain.parse::<f64>().is_ok()
}
