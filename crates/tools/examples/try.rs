//! Temporary.
use clap::{Parser, Subcommand};
#[derive(Parser)]
#[command(name = "causeway", max_term_width = 100)]
struct A { #[command(subcommand)] e: E }
#[derive(Subcommand)]
enum E { #[command(name="pub")] P(Box<tools::publish::Arguments>), #[command(name="sub")] S(Box<tools::subscribe::Arguments>), #[command(name="rr")] R(Box<tools::request::Arguments>) }
fn main() -> std::process::ExitCode { use clap::CommandFactory; A::command().debug_assert(); match A::parse().e { E::P(a) => tools::publish::run(*a), E::S(a) => tools::subscribe::run(*a), E::R(a) => tools::request::run(*a) } }
