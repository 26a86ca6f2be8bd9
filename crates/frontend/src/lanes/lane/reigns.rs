//! In which terms backends have said that they lead the partition.

/// By backend, what it has said last in the present session of its link. When those sessions have all begun anew nothing is known:
/// a group that was founded anew counts its terms from the beginning.
#[derive(Debug, Default)]
pub(super) struct Reigns(Vec<(u16, u64)>);

impl Reigns {
    /// Notes what a backend says of itself; whether nobody has said so of this term or a later one.
    pub fn is_later(&mut self, backend: u16, term: u64) -> bool {
        let is_later = term > self.latest();
        self.forget(backend);
        self.0.push((backend, term));
        is_later
    }

    /// Whether another has led since. Of a backend that says nothing of the kind it is not known.
    pub fn is_over(&self, backend: u16) -> bool {
        self.0.iter().any(|(of, term)| *of == backend && *term < self.latest())
    }

    /// The backend says anew what it leads: the session of its link has begun anew.
    pub fn forget(&mut self, backend: u16) {
        self.0.retain(|(of, _)| *of != backend);
    }

    fn latest(&self) -> u64 {
        self.0.iter().map(|(_, term)| *term).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lower_term_or_the_same_changes_nothing() {
        let mut reigns = Reigns::default();
        assert!(!reigns.is_over(1), "it has said nothing");
        assert!(reigns.is_later(1, 5));
        assert!(!reigns.is_later(1, 5) && !reigns.is_over(1));
        assert!(reigns.is_later(2, 6));
        assert!(reigns.is_over(1) && !reigns.is_over(2) && !reigns.is_over(3));
        assert!(!reigns.is_later(1, 5) && reigns.is_over(1));
        reigns.forget(1);
        assert!(!reigns.is_over(1));
        assert!(reigns.is_later(1, 7));
        assert!(reigns.is_over(2) && !reigns.is_over(1));
    }

    #[test]
    fn a_group_that_was_founded_anew_counts_from_the_beginning() {
        let mut reigns = Reigns::default();
        assert!(reigns.is_later(1, 5) && reigns.is_later(2, 6));
        [1, 2].into_iter().for_each(|backend| reigns.forget(backend));
        assert!(reigns.is_later(1, 1) && !reigns.is_over(1));
    }
}
