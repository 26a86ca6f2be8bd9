//! Errands about dataflows: asking a running process, and trying endpoints from here.

mod table;
mod trial;

use crate::arguments::{DataflowList, DataflowShow};
use crate::asking::{self, AskError};

pub(crate) use trial::{CannotTest, Verdict, test};

/// Names and states of all dataflows.
///
/// # Errors
/// The process does not answer, or not with that.
pub(crate) fn list(asked: &DataflowList) -> Result<String, AskError> {
    let all = asking::all(&asked.admin, "/api/v1/dataflows")?;
    Ok(match asked.admin.json {
        true => format!("{all:#}\n"),
        false => table::list(&all),
    })
}

/// All that is known of one.
///
/// # Errors
/// The process does not answer, or there is no such dataflow.
pub(crate) fn show(asked: &DataflowShow) -> Result<String, AskError> {
    let one = asking::one(&asked.admin, "/api/v1/dataflows", &asked.name)?;
    Ok(match asked.admin.json {
        true => format!("{one:#}\n"),
        false => table::show(&one),
    })
}
