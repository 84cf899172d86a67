//! The `clipdex` program: see `clipdex --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    clipdex::cli::main()
}
