//! Payload sizes: one, several in turn, or any of a range.

/// The largest payload: what fits the largest packet beside the longest topic and 1,000 user properties.
pub(super) const MAX_SIZE: u32 = 268_000_000;

/// How many bytes each payload has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sizes {
    Fixed(u32),
    /// In turn; at least two.
    List(Vec<u32>),
    /// Spread evenly over first to last, both included, and the same in every run.
    Range {
        first: u32,
        last: u32,
    },
}

impl Sizes {
    /// Reads `64`, `64,256,1024` or `64-1024`.
    ///
    /// # Errors
    /// Anything else, a range that ends before it begins, more than `MAX_SIZE`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if let Some((first, last)) = text.split_once('-') {
            let (first, last) = (size(first)?, size(last)?);
            return match first.cmp(&last) {
                std::cmp::Ordering::Less => Ok(Self::Range { first, last }),
                std::cmp::Ordering::Equal => Ok(Self::Fixed(first)),
                std::cmp::Ordering::Greater => Err(format!("{first} is more than {last}")),
            };
        }
        let mut list = text.split(',').map(size).collect::<Result<Vec<_>, _>>()?;
        Ok(if list.len() == 1 { Self::Fixed(list.remove(0)) } else { Self::List(list) })
    }

    /// The size of message `sequence` of `stream`.
    #[inline]
    pub(super) fn of(&self, stream: u32, sequence: u64) -> u32 {
        match self {
            Self::Fixed(size) => *size,
            Self::List(list) => list[((sequence + u64::from(stream)) % list.len() as u64) as usize],
            Self::Range { first, last } => {
                let span = u64::from(last - first) + 1;
                first + (scatter(sequence ^ u64::from(stream) << 40) % span) as u32
            }
        }
    }

    pub(super) fn least(&self) -> u32 {
        match self {
            Self::Fixed(size) => *size,
            Self::List(list) => list.iter().copied().min().unwrap_or(0),
            Self::Range { first, .. } => *first,
        }
    }

    pub(super) fn most(&self) -> u32 {
        match self {
            Self::Fixed(size) => *size,
            Self::List(list) => list.iter().copied().max().unwrap_or(0),
            Self::Range { last, .. } => *last,
        }
    }
}

impl std::fmt::Display for Sizes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Fixed(size) => write!(f, "{size}"),
            Self::List(list) => {
                let list: Vec<String> = list.iter().map(u32::to_string).collect();
                f.write_str(&list.join(","))
            }
            Self::Range { first, last } => write!(f, "{first}-{last}"),
        }
    }
}

fn size(text: &str) -> Result<u32, String> {
    match text.trim().parse() {
        Ok(size) if size <= MAX_SIZE => Ok(size),
        Ok(_) => Err(format!("more than {MAX_SIZE} bytes do not fit a packet")),
        Err(_) => Err("expected bytes such as 64, 64,256,1024 or 64-1024".to_owned()),
    }
}

/// The finalizer of splitmix64: neighbours in, no pattern out.
fn scatter(number: u64) -> u64 {
    let mut x = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_three_forms_are_read_and_shown() {
        for text in ["0", "64", "64,256,1024", "28-4096"] {
            assert_eq!(Sizes::parse(text).map(|sizes| sizes.to_string()), Ok(text.to_owned()));
        }
        assert_eq!(Sizes::parse("64-64"), Ok(Sizes::Fixed(64)));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "x", "-1", "5-", "9-5", "1,,2", "268000001"] {
            assert!(Sizes::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_list_is_taken_in_turn() {
        let sizes = Sizes::parse("1,2,3").unwrap();
        let taken: Vec<u32> = (0..5).map(|sequence| sizes.of(0, sequence)).collect();
        assert_eq!(taken, [1, 2, 3, 1, 2]);
    }

    #[test]
    fn a_range_is_covered_and_kept() {
        let sizes = Sizes::parse("10-19").unwrap();
        let mut seen = [0; 10];
        for sequence in 0..10_000 {
            seen[sizes.of(3, sequence) as usize - 10] += 1;
        }
        assert!(seen.iter().all(|n| (800..1200).contains(n)), "{seen:?}");
        assert_eq!((sizes.least(), sizes.most()), (10, 19));
    }
}
