//! What resources may say, derived from their types, and the check of a tree against it.

mod lower;
mod nearest;
mod shape;
#[cfg(test)]
mod tests;
mod walk;

pub(crate) use lower::shape_of;
pub(crate) use nearest::nearest;
pub(crate) use shape::{Field, Shape, Shown, Standing};
pub(crate) use walk::check;
