//! One level of a filter, in 16 bytes where it is short.

const INLINE: usize = 14;

/// Most levels are short: held in place they cost no allocation and no second cache miss when matched.
#[derive(Clone, Debug)]
pub(super) enum Level {
    Short { len: u8, bytes: [u8; INLINE] },
    Long(Box<LongLevel>),
}

#[derive(Clone, Debug)]
pub(super) struct LongLevel {
    text: Box<str>,
}

const _: () = assert!(size_of::<Level>() == 16);

impl Level {
    pub(super) const EMPTY: Self = Self::Short { len: 0, bytes: [0; INLINE] };

    pub(super) fn new(text: &str) -> Self {
        let mut bytes = [0; INLINE];
        match bytes.get_mut(..text.len()) {
            Some(room) => {
                room.copy_from_slice(text.as_bytes());
                Self::Short { len: text.len() as u8, bytes }
            }
            None => Self::Long(Box::new(LongLevel { text: text.into() })),
        }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Short { len, bytes } => &bytes[..usize::from(*len)],
            Self::Long(long) => long.text.as_bytes(),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).expect("a level is made from a text")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_levels_read_back() {
        for text in ["", "a", "äöüäöüä", "fourteen bytes", "fifteen bytes !", "a much longer level than fits"] {
            assert_eq!(Level::new(text).as_str(), text);
        }
        assert!(matches!(Level::new("fourteen bytes"), Level::Short { .. }));
        assert!(matches!(Level::new("fifteen bytes !"), Level::Long(_)));
    }
}
