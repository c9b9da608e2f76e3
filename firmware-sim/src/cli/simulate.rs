//! `firmware-sim simulate`: a world from a seed, against a real service and a model.

mod demo_world;
mod service;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use firmware_sim::simulation::run::{Settings, Tally, run};
use firmware_sim::till::Faults;

use super::Failure;
use service::Service;

#[derive(Debug, Args)]
pub(super) struct SimulateArguments {
    /// The service's program; the one beside this program if it is not named
    #[arg(long, value_name = "PROGRAM")]
    pasje: Option<PathBuf>,
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

impl SimulateArguments {
    fn settings(&self) -> Settings {
        Settings {
            seed: self.seed,
            steps: self.steps,
            faults: self.fault.as_deref().and_then(Faults::named).unwrap_or_default(),
            is_loud: self.tell,
            ..Settings::default()
        }
    }

    /// The command that shows the same again.
    fn replay(&self) -> String {
        let mut command = format!("firmware-sim simulate --seed {} --steps {}", self.seed, self.steps);
        if let Some(fault) = &self.fault {
            command += &format!(" --fault {fault}");
        }
        command
    }
}

pub(super) async fn run_world(arguments: SimulateArguments) -> Result<ExitCode, Failure> {
    println!("seed {}, {} steps", arguments.seed, arguments.steps);
    match run_alone(&arguments).await? {
        Ok(Tally { delivered, seen }) => {
            for (what, times) in &seen {
                println!("{times:>8}  {what}");
            }
            println!("{delivered:>8}  requests; everything fits");
            Ok(ExitCode::SUCCESS)
        }
        Err(what) => {
            println!("{what}\n  to see it again: {}", arguments.replay());
            Ok(ExitCode::FAILURE)
        }
    }
}

/// With a service of its own, that is gone afterwards; what did not fit, if anything.
async fn run_alone(arguments: &SimulateArguments) -> Result<Result<Tally, String>, Failure> {
    let pasje = match &arguments.pasje {
        Some(program) => program.clone(),
        None => std::env::current_exe()?.with_file_name("pasje"),
    };
    let mut service = Service::start(&pasje).await?;
    let result = tokio::select! {
        result = run_at(&mut service, arguments) => result,
        _ = tokio::signal::ctrl_c() => {
            service.end(false).await;
            return Err("stopped".into());
        }
    };
    // a fault that was planted is no reason to look
    let keeps_folder = !matches!(result, Ok(Ok(_))) && arguments.fault.is_none();
    service.end(keeps_folder).await;
    result
}

async fn run_at(service: &mut Service, arguments: &SimulateArguments) -> Result<Result<Tally, String>, Failure> {
    let world = demo_world::make(service, arguments.seed).await?;
    let tally = match run(&world, service.office(), arguments.settings()).await {
        Ok(tally) => tally,
        Err(failure) => return Ok(Err(failure.to_string())),
    };
    Ok(service.call(&["verify"]).await.map(|_| tally).map_err(|error| error.to_string()))
}
