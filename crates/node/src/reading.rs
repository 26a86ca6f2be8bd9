//! Everything that was asked for, on the command line and on disk, read and checked into a plan.

use std::fmt;

use config::{Host, Input, Notice, Plan, Problem, Request};

use crate::sources::{Content, Signature, Sources};

/// Set in every pod.
const POD_VARIABLE: &str = "KUBERNETES_SERVICE_HOST";

/// The command line, and where it says that more is written down.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    pub(crate) flags: Request,
    pub(crate) sources: Sources,
}

/// What is wrong with what was asked for. Each problem is a line.
#[derive(Debug, thiserror::Error)]
pub(crate) struct Refused(pub(crate) Vec<Problem>);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, problem) in self.0.iter().enumerate() {
            let separator = if n == 0 { "" } else { "\n" };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl Reading {
    /// Reads what is on disk and makes a plan of everything, with the state of the disk that it was made from.
    ///
    /// # Errors
    /// Everything that is unreadable, else everything that is wrong, at once.
    pub(crate) fn plan(&self, host: &Host) -> (Signature, Result<Plan, Refused>) {
        let (signature, content) = self.sources.read();
        let plan = content.and_then(|content| {
            let checked = Plan::check(&self.input(content), host);
            let mut plan = checked.map_err(|problems| problems.iter().cloned().collect::<Vec<_>>())?;
            // Files may come while the process runs.
            plan.notices.extend(self.sources.without_files().iter().map(|folder| Notice::new(folder.to_string())));
            Ok(plan)
        });
        (signature, plan.map_err(Refused))
    }

    fn input(&self, content: Content) -> Input {
        let Content { texts, broker_config, objects } = content;
        let in_pod = std::env::var_os(POD_VARIABLE).is_some();
        Input { flags: self.flags.clone(), texts, broker_config, objects, in_pod }
    }
}
