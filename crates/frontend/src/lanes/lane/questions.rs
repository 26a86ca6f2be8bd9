//! How many questions each backend has not answered.

/// See the module. One entry for each backend that was asked.
#[derive(Debug, Default)]
pub(super) struct Questions(Vec<(u16, u32)>);

impl Questions {
    /// One more.
    pub fn ask(&mut self, backend: u16) {
        self.add(backend, 1);
    }

    fn add(&mut self, backend: u16, count: u32) {
        match self.0.iter_mut().find(|(of, _)| *of == backend) {
            Some((_, open)) => *open = open.saturating_add(count),
            None => self.0.push((backend, count)),
        }
    }

    /// One is answered; false when none was open.
    pub fn settle(&mut self, backend: u16) -> bool {
        let Some((_, open)) = self.0.iter_mut().find(|(of, open)| *of == backend && *open > 0) else { return false };
        *open -= 1;
        true
    }

    /// They will not be answered.
    pub fn forget(&mut self, backend: u16) {
        self.0.retain(|(of, _)| *of != backend);
    }

    /// Moves all of `others` here.
    pub fn append(&mut self, others: Self) {
        others.0.into_iter().for_each(|(backend, count)| self.add(backend, count));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_question_is_answered_once() {
        let (mut questions, mut before) = (Questions::default(), Questions::default());
        [1, 2, 1].into_iter().for_each(|backend| before.ask(backend));
        questions.ask(1);
        questions.append(before);
        assert!(questions.0.len() == 2 && (0..3).all(|_| questions.settle(1)) && !questions.settle(1));
        questions.forget(2);
        assert!(!questions.settle(2) && !questions.settle(3));
    }
}
