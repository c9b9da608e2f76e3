//! The `pasje` program.

mod cli;
mod config;

/// Each sale makes and frees some two hundred small pieces: a fifth of the service's time with the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cli::main()
}
