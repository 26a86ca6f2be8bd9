//! Resources: what each field does, how changes apply while clients are connected, what bad files do.

mod commands;
mod fields;
mod live;
mod swaps;
