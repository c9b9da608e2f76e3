//! `pasje serve`: the service, until it is told to stop.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use pasje::app::start;
use pasje::db::cluster::{Cluster, Urls};
use pasje::db::connect::Database;
use pasje::db::migrate::migrate;
use pasje::db::partitions::make_partitions;
use pasje::services::enrolments;
use pasje::services::expire_holds::expire_holds;
use pasje::services::imports::{self, DayBegun};
use pasje::services::key_store::Keys;

use super::{Failure, told_to_stop};
use crate::config::{ListenOptions, Options, external, key_places};

const POOL_SIZE: usize = 16;
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub(super) async fn run(options: &Options, listen: &ListenOptions) -> Result<ExitCode, Failure> {
    // heard from now on: a stop while the database starts must stop the database too
    let stop = tokio::spawn(told_to_stop());
    match external()? {
        Some(external) => {
            let database = Database::connect(&external.service, POOL_SIZE).await?;
            serve(database, options, listen, stop).await?;
        }
        None => {
            let cluster = Cluster::start(&options.data).await?;
            let result = serve_embedded(cluster.urls(), options, listen, stop).await;
            cluster.stop().await?;
            result?;
        }
    }
    say!("pasje stopped");
    Ok(ExitCode::SUCCESS)
}

type Stop = tokio::task::JoinHandle<std::io::Result<()>>;

async fn serve_embedded(urls: &Urls, options: &Options, listen: &ListenOptions, stop: Stop) -> Result<(), Failure> {
    migrate(&urls.owner, &urls.service).await?;
    serve(Database::connect(&urls.service, POOL_SIZE).await?, options, listen, stop).await
}

async fn serve(database: Database, options: &Options, listen: &ListenOptions, stop: Stop) -> Result<(), Failure> {
    let keys = Arc::new(Keys::open(&key_places(options)?, &database).await?);

    make_partitions(&mut *database.connection().await?).await?;
    let partitions = tokio::spawn(keep_partitions(database.clone()));
    let holds = tokio::spawn(keep_expiring_holds(database.clone()));
    let forgetting = tokio::spawn(keep_forgetting_enrolments(database.clone()));
    let days = tokio::spawn(keep_up_with_days(database.clone()));
    let running = start(database.clone(), keys, &listen.listen(options)?)?;
    say!("pasje is ready, with {}", database.url());
    say!("  terminals ask at  http://{}", running.address);
    if let Some(address) = running.tls {
        say!("  and with TLS at   https://{address}");
    }
    say!("  described at      http://{}/api/docs/", running.address);
    say!("  metrics at        http://{}/metrics", running.metrics);
    if !running.address.ip().is_loopback() {
        tracing::warn!(
            "plain HTTP on an address that others reach: terminals elsewhere refuse it; listen there with --listen-tls instead"
        );
    }
    stop.await??;
    running.stop().await?;
    partitions.abort();
    holds.abort();
    forgetting.abort();
    days.abort();
    Ok(())
}

/// Each minute: what nobody can open any more is forgotten, also where no other terminal enrols.
async fn keep_forgetting_enrolments(database: Database) {
    loop {
        tokio::time::sleep(MINUTE).await;
        if let Err(error) = enrolments::forget(&database).await {
            tracing::warn!(%error, "enrolments that expired are still there; trying again in a minute");
        }
    }
}

/// Each minute: nobody waits longer than that for money that was set aside in vain.
async fn keep_expiring_holds(database: Database) {
    loop {
        match expire_holds(&database).await {
            Ok(0) => {}
            Ok(holds) => tracing::info!(holds, "gave back holds whose time was over"),
            Err(error) => tracing::error!(%error, "holds could not be expired; trying again in a minute"),
        }
        tokio::time::sleep(MINUTE).await;
    }
}

/// Hourly, as days begin: indications and prices of the new day. A failed hour is made good by the next.
async fn keep_up_with_days(database: Database) {
    loop {
        tokio::time::sleep(HOUR).await;
        match imports::begin_day(&database, chrono::Utc::now()).await {
            // who waits was told with the reason
            Ok(DayBegun { buyers: 0, lists: 0, .. }) => {}
            Ok(DayBegun { buyers, lists, failed }) => {
                tracing::info!(buyers, lists, waiting = failed.len(), "clients and price lists follow the calendar");
            }
            Err(error) => tracing::error!(%error, "the new day's prices are not published; trying again in an hour"),
        }
    }
}

/// Daily, months ahead of need: a failed day is made good by the next.
async fn keep_partitions(database: Database) {
    loop {
        tokio::time::sleep(DAY).await;
        let made = match database.connection().await {
            Ok(mut connection) => make_partitions(&mut connection).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match made {
            Ok(0) => {}
            Ok(months) => tracing::info!(months, "made the ledger's partitions for the months ahead"),
            Err(reason) => tracing::error!(reason, "the ledger's partitions could not be made; trying again tomorrow"),
        }
    }
}
