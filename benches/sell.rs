//! Sells until it is killed and tells what it was answered, one line each, once it is answered: the crash tests compare
//! these lines with what stands in the ledger afterwards.

use std::io::Write;
use std::sync::Arc;

use pasje::services::authorise::{AuthoriseError, Authoriser, Settings};
use pasje::services::card_proof::CardMac;
use pasje::services::key_store::{KeyStore, Keys};
use uuid::Uuid;

use crate::authoriser::lunch;
use crate::server::Server;
use crate::{Failure, seed};

#[derive(clap::Args)]
pub struct Arguments {
    /// Clients; made if they are not there
    #[arg(long, default_value_t = 64)]
    clients: u32,
    /// The counter of each card's first tap
    #[arg(long)]
    first_counter: u32,
}

pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    let mut server = Server::from_environment().await?;
    println!("pid {}", std::process::id());
    seed::seed(&mut server, arguments.clients).await?;
    let keys: Arc<dyn KeyStore> = Arc::new(Keys::generate()?);
    let authoriser =
        Arc::new(Authoriser::start(server.database.clone(), Arc::new(CardMac(keys.clone())), Settings::default()));
    let tasks: Vec<_> = (1..=arguments.clients)
        .map(|number| tokio::spawn(tap(authoriser.clone(), keys.clone(), seed::card(number), arguments.first_counter)))
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok(())
}

async fn tap(
    authoriser: Arc<Authoriser>,
    keys: Arc<dyn KeyStore>,
    card: Uuid,
    mut counter: u32,
) -> Result<(), Failure> {
    loop {
        let request = lunch(keys.as_ref(), card, counter)?;
        // As a till does: the same sale until there is an answer.
        let answer = loop {
            match authoriser.sell(request.clone()).await {
                Ok(booked) => break booked.answer().to_bytes(),
                Err(AuthoriseError::Problem(problem)) => return Err(problem.into()),
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            }
        };
        let mut out = std::io::stdout().lock();
        writeln!(out, "{card} {counter} {}", String::from_utf8(answer)?)?;
        out.flush()?;
        drop(out);
        counter += 1;
    }
}
