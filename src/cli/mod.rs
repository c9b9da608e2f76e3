//! The commands, one file each, and how they end: 0 done, 1 failed, 2 not understood (clap's own).

/// Prints a line. A reader that went away (`pasje card list | head`, `pasje serve | head -n 1`) is no reason to stop.
macro_rules! say {
    ($($what:tt)*) => { $crate::cli::print(format_args!($($what)*)) };
}

mod blank_card;
mod card;
mod card_personal;
mod client;
mod database;
mod demo;
mod explain;
mod import;
mod key;
mod keys;
mod location;
mod migrate;
mod month;
mod organisation;
mod own_money;
mod payout;
mod private_file;
mod review;
mod scheme;
mod serve;
mod terminal;
mod verify;

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use pasje::db::cluster::{Cluster, ClusterError, Urls};
use pasje::db::connect::Database;
use pasje::db::migrate::migrate;
use pasje::db::url::DatabaseUrl;
use pasje::services::key_store::Keys;
use tokio::signal::unix::{SignalKind, signal};

use crate::config::{External, ListenOptions, Options, external, key_places};

/// Whatever ended a command; its sources are printed below it.
type Failure = Box<dyn Error + Send + Sync>;

/// Point of sale and card payments inside care facilities
#[derive(Debug, Parser)]
#[command(name = "pasje", version, propagate_version = true)]
struct Arguments {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service until it is told to stop (Ctrl-C or SIGTERM)
    Serve(ListenOptions),
    /// Bring the database up to date and give the service's login its rights
    Migrate,
    /// Prove that the ledger holds together, or name the first row that does not fit; changes nothing
    Verify,
    /// Issue, block, unblock, replace, tell and list cards
    #[command(subcommand)]
    Card(card::Command),
    /// Add, list and revoke keys of the organisation's other systems
    #[command(subcommand)]
    Key(key::Command),
    /// Show, rotate and refuse the keys of cards
    #[command(subcommand)]
    Keys(keys::Command),
    /// Add and list organisations
    #[command(subcommand)]
    Organisation(organisation::Command),
    /// Add and list locations, and say what may be sold at each offline
    #[command(subcommand)]
    Location(location::Command),
    /// List clients, and show of one what the indication brings, what is agreed and what is in the wallet
    #[command(subcommand)]
    Client(client::Command),
    /// Book own money that came in, take it back, buy points with it and pay them back
    #[command(subcommand)]
    OwnMoney(own_money::Command),
    /// List payouts of own money, ask for one, approve, pay and withdraw it
    Payout(payout::Arguments),
    /// Open, deliver, close and correct months
    #[command(subcommand)]
    Month(month::Command),
    /// Add, revoke and list terminals
    #[command(subcommand)]
    Terminal(terminal::Command),
    /// List, show and settle what of offline sales waits for a human
    #[command(subcommand)]
    Review(review::Command),
    /// Take over what a file says of tariffs, clients, services and the like, as a whole or not at all
    Import(import::Arguments),
    /// Check the files of schemes, adopt them and list them
    #[command(subcommand)]
    Scheme(scheme::Command),
    /// Make a fictitious organisation with clients, cards and terminals, in an empty database
    Demo(demo::Arguments),
    /// Explain the rules on cases from standard input, for example: pasje explain sale < cases.json
    #[command(subcommand)]
    Explain(explain::Question),
    /// Run a command with the database's address in its environment, for example: pasje database -- psql
    Database(database::Arguments),
}

pub(crate) fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_env("PASJE_LOG");
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,pasje=info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    // Lanes and their connections wake each other for each statement, cheaper on one thread than across two; requests
    // have threads of their own.
    let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2));
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    match runtime.block_on(run(arguments)) {
        Ok(code) => code,
        Err(failure) => fail(failure.as_ref()),
    }
}

async fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    let options = arguments.options;
    match arguments.command {
        Command::Explain(question) => explain::run(&question),
        Command::Serve(listen) => serve::run(&options, &listen).await,
        Command::Demo(arguments) => demo::run(&options, &arguments).await,
        Command::Card(command) => card::run(&options, command).await,
        Command::Client(command) => client::run(&options, command).await,
        Command::Key(command) => key::run(&options, command).await,
        Command::Keys(command) => keys::run(&options, command).await,
        Command::Organisation(command) => organisation::run(&options, command).await,
        Command::Location(command) => location::run(&options, command).await,
        Command::Review(command) => review::run(&options, command).await,
        Command::Import(arguments) => import::run(&options, &arguments).await,
        Command::Scheme(command) => scheme::run(&options, command).await,
        Command::Terminal(command) => terminal::run(&options, command).await,
        Command::OwnMoney(command) => own_money::run(&options, command).await,
        Command::Payout(arguments) => payout::run(&options, arguments).await,
        Command::Month(command) => month::run(&options, command).await,
        Command::Migrate => migrate::run(&options).await,
        Command::Verify => verify::run(&options).await,
        Command::Database(arguments) => database::run(&options, arguments).await,
    }
}

fn print(line: std::fmt::Arguments<'_>) {
    use std::io::Write as _;
    if let Err(error) = writeln!(std::io::stdout(), "{line}")
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        tracing::error!(%error, "standard output takes nothing more");
    }
}

fn fail(error: &(dyn Error + 'static)) -> ExitCode {
    let mut said = error.to_string();
    eprintln!("pasje: {said}");
    let mut source = error.source();
    while let Some(error) = source {
        let text = error.to_string();
        // an error that shows its source in its own words has said this already
        if !said.contains(&text) {
            eprintln!("  because: {text}");
            said = text;
        }
        source = error.source();
    }
    ExitCode::FAILURE
}

/// A database to work with: the one named in the environment, one that another pasje runs in the data folder, or one
/// started for this command and stopped after it.
#[derive(Debug)]
struct Opened {
    service: DatabaseUrl,
    owner: Option<DatabaseUrl>,
    cluster: Option<Cluster>,
}

impl Opened {
    async fn open(options: &Options) -> Result<Self, Failure> {
        if let Some(External { service, owner }) = external()? {
            return Ok(Self { service, owner, cluster: None });
        }
        // Where a service runs there is nothing to start, and nothing to wait for.
        if let Some(Urls { service, owner }) = Cluster::running(&options.data).await {
            return Ok(Self { service, owner: Some(owner), cluster: None });
        }
        let in_use = match Cluster::start(&options.data).await {
            Ok(cluster) => {
                let Urls { service, owner } = cluster.urls().clone();
                return Ok(Self { service, owner: Some(owner), cluster: Some(cluster) });
            }
            Err(error @ ClusterError::InUse { .. }) => error,
            Err(error) => return Err(error.into()),
        };
        match Cluster::running(&options.data).await {
            Some(Urls { service, owner }) => Ok(Self { service, owner: Some(owner), cluster: None }),
            None => Err(in_use.into()),
        }
    }

    /// The service's database, migrated where it was started for this command.
    async fn database(&self) -> Result<Database, Failure> {
        if let (Some(owner), true) = (&self.owner, self.cluster.is_some()) {
            migrate(owner, &self.service).await?;
        }
        Ok(Database::connect(&self.service, 2).await?)
    }

    async fn close(self) -> Result<(), ClusterError> {
        match self.cluster {
            Some(cluster) => cluster.stop().await,
            None => Ok(()),
        }
    }
}

/// The key store, for who makes keys: blocking a lost card must need none.
async fn keys(options: &Options, database: &Database) -> Result<Keys, Failure> {
    Ok(Keys::open(&key_places(options)?, database).await?)
}

/// The first of Ctrl-C, SIGTERM and the end of the terminal.
async fn told_to_stop() -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    Ok(())
}
