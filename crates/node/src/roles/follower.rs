//! What follows the configuration while it runs.

use config::{Change, Plan, Problem};

use crate::audit::Action;
use crate::configuration::Configuration;

/// A process that becomes what a changed configuration says: the broker, or a bridge.
pub(super) trait Follower {
    /// What runs.
    fn plan(&self) -> &Plan;

    /// What of `new` is not what runs, as far as it concerns this process.
    fn change_to(&self, new: &Plan) -> Change;

    /// Becomes what `new` says, by `change` from what runs.
    ///
    /// # Errors
    /// Why it stays as it was.
    fn apply(&mut self, new: Plan, change: &Change) -> Result<(), Vec<Problem>>;

    /// A line about what runs, for the service manager.
    fn status(&self, configuration: &Configuration) -> String;

    /// Takes down what was done.
    fn record(&self, action: Action);
}
