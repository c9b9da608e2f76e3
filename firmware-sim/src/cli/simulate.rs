//! `firmware-sim simulate`: a world from a seed, against a real service and a model.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use firmware_sim::simulation::office::Calling;
use firmware_sim::simulation::run::{Settings, run};
use firmware_sim::simulation::world::World;
use firmware_sim::till::Faults;

use super::Failure;

#[derive(Debug, Args)]
pub(super) struct SimulateArguments {
    /// What was prepared in a service's database: an organisation in which nothing happened yet
    #[arg(long, value_name = "FILE")]
    world: PathBuf,
    /// Everything that happens follows from it
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// How much happens
    #[arg(long, value_name = "NUMBER", default_value_t = 500)]
    steps: usize,
    /// Plants a fault, to see that it is found
    #[arg(long, value_name = "NAME", value_parser = clap::builder::PossibleValuesParser::new(Faults::NAMES))]
    fault: Option<String>,
    /// Tells everything that happens, on standard error
    #[arg(long)]
    tell: bool,
}

pub(super) async fn run_world(arguments: SimulateArguments) -> Result<ExitCode, Failure> {
    let said = |error: &dyn std::fmt::Display| format!("{}: {error}", arguments.world.display());
    let text = std::fs::read(&arguments.world).map_err(|error| said(&error))?;
    let world: World = serde_json::from_slice(&text).map_err(|error| said(&error))?;
    let mut office = Calling::new(&world)?;
    let faults = arguments.fault.as_deref().and_then(Faults::named).unwrap_or_default();
    let settings = Settings {
        seed: arguments.seed,
        steps: arguments.steps,
        faults,
        is_loud: arguments.tell,
        ..Settings::default()
    };
    match run(&world, &mut office, settings).await {
        Ok(tally) => {
            for (what, times) in &tally.seen {
                println!("{times:>8}  {what}");
            }
            println!("{:>8}  requests; everything fits", tally.delivered);
            Ok(ExitCode::SUCCESS)
        }
        Err(failure) => {
            println!("{failure}");
            Ok(ExitCode::FAILURE)
        }
    }
}
