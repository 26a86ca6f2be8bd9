//! From bytes to text, or to the line that is none.

use super::{Fault, MAX_FILE_BYTES};

/// The text of a file, without a byte order mark.
pub(super) fn text(bytes: &[u8]) -> Result<&str, Fault> {
    let fault = |line, text: String, expected: &str| Fault { line, text, expected: expected.to_owned() };
    if bytes.len() > MAX_FILE_BYTES {
        let text = format!("has {} bytes", bytes.len());
        return Err(fault(1, text, &format!("split it; files of at most {MAX_FILE_BYTES} bytes are read")));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(fault(1, "is UTF-16".to_owned(), "save it as UTF-8"));
    }
    let text = std::str::from_utf8(bytes).map_err(|e| {
        let before = &bytes[..e.valid_up_to()];
        let byte = bytes.get(e.valid_up_to()).copied().unwrap_or_default();
        fault(line_after(before), format!("has the byte 0x{byte:02x}, which is not UTF-8"), "save it as UTF-8")
    })?;
    if let Some(at) = text.find('\0') {
        let line = line_after(&bytes[..at]);
        return Err(fault(line, "has a zero byte".to_owned(), "give text; this looks like another kind of file"));
    }
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// The line that begins after, or goes on at the end of, some bytes.
pub(super) fn line_after(before: &[u8]) -> u32 {
    let newlines = before.iter().filter(|byte| **byte == b'\n').count();
    u32::try_from(newlines).unwrap_or(u32::MAX).saturating_add(1)
}
