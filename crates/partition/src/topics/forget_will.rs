//! `ForgetWill`: marks of published wills that nobody will ask for again.

use crate::command::ForgetWill;

use super::Topics;

impl Topics {
    pub(crate) fn forget_wills(&mut self, command: &ForgetWill) {
        let kept = self.wills.split_off(&(command.home, 0));
        self.wills.extend(kept.into_iter().filter(|(home, item)| *home != command.home || *item >= command.below));
    }
}
