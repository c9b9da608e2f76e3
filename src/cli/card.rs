//! `pasje card issue|block|unblock|replace|list`.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::ExitCode;

use card_protocol::Key;
use card_protocol::frame::CommandFrame;
use card_protocol::personalise::{Personalise, PutKeys};
use card_protocol::pin::PinBlock;
use chrono::{Months, NaiveDate, Utc};
use pasje::db::cards::CardRow;
use pasje::db::connect::Database;
use pasje::db::{cards as rows, clients};
use pasje::domain::account::{OrganisationId, WalletId};
use pasje::services::cards::{self, Issue, Issued};
use pasje::services::key_store::hex;
use serde_json::json;
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::blank_card::BlankCard;
use super::card_personal::{Offline, Personal, digits};
use super::private_file::PrivateFile;
use super::{Failure, Opened, keys};
use crate::config::Options;

/// Months that a card works, if nothing else is said.
const MONTHS: Months = Months::new(60);

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Issue a card to a wallet, and write the virtual card's file
    Issue {
        /// The organisation's number
        #[arg(long, default_value_t = 1)]
        organisation: u16,
        /// The wallet's number: `pasje card list` shows those that have a card
        #[arg(long)]
        wallet: u32,
        #[command(flatten)]
        file: CardFile,
        /// What activities, extras and own purchases of one tap may cost, in cents
        #[arg(long, value_name = "CENTS")]
        tap_limit: Option<i64>,
        /// What activities, extras and own purchases of one day may cost, in cents
        #[arg(long, value_name = "CENTS")]
        day_limit: Option<i64>,
    },
    /// Block a card that is lost or stolen: it pays nothing from now on
    Block {
        #[arg(value_name = "CARD")]
        id: Uuid,
    },
    /// Let a blocked card pay again
    Unblock {
        #[arg(value_name = "CARD")]
        id: Uuid,
    },
    /// Issue a new card in the place of a lost or broken one, with the same wallet and limits
    Replace {
        #[arg(value_name = "CARD")]
        id: Uuid,
        #[command(flatten)]
        file: CardFile,
    },
    /// List cards by wallet
    List,
}

#[derive(Debug, clap::Args)]
pub(super) struct CardFile {
    /// The virtual card's file to write; must not be there yet
    #[arg(long, value_name = "FILE", required_unless_present = "reader")]
    out: Option<PathBuf>,
    /// Instead of a file: a blank card in a reader that pcscd knows, whichever has one or the one with NAME in its name
    #[arg(
        long, value_name = "NAME", num_args = 0..=1, require_equals = true, default_missing_value = "",
        conflicts_with = "out",
    )]
    reader: Option<String>,
    /// The last day on which it works; five years from now if not given
    #[arg(long, value_name = "YYYY-MM-DD")]
    expires_on: Option<NaiveDate>,
    #[command(flatten)]
    personal: Personal,
}

/// Where a new card goes: taken before it is issued, so that none is issued in vain.
enum Place {
    File(PathBuf, PrivateFile),
    Reader(BlankCard),
}

impl Place {
    /// Writes the card; says where it is.
    async fn write(
        self,
        database: &Database,
        issued: &Issued,
        label: &str,
        offline: &Offline,
        pin: Option<PinBlock>,
    ) -> Result<String, Failure> {
        match self {
            Self::File(path, place) => {
                place.write(&card_file(issued, label, offline, pin.as_ref()))?;
                Ok(path.display().to_string())
            }
            Self::Reader(mut blank) => {
                let commands = commands(issued, offline, pin);
                let (name, id) = (blank.reader().to_owned(), issued.card.id);
                let written = spawn_blocking(move || blank.personalise(&id, &commands)).await?;
                if let Err(why) = written {
                    // It may have been written after all, and be in somebody's hands: it must not pay. The row stays, so
                    // that this card, should it turn up, is known and named.
                    cards::block(database, id).await?;
                    return Err(format!(
                        "card {id} could not be written and is blocked: {why}. Lay the card in the reader again and \
                         issue anew: `pasje card replace {id} --reader` if that is for the same wallet; a card that is no \
                         longer blank is to be destroyed"
                    )
                    .into());
                }
                Ok(name)
            }
        }
    }
}

/// What personalises a card: the keys of each generation, and the record that ends it.
fn commands(issued: &Issued, offline: &Offline, pin: Option<PinBlock>) -> Vec<CommandFrame> {
    let keys = issued.keys.iter().map(|(generation, keys)| PutKeys { generation: *generation, keys: keys.clone() });
    let record = Personalise {
        card: *issued.card.id.as_bytes(),
        generation: issued.card.generation,
        tap_limit_cents: offline.offline_tap,
        total_limit_cents: offline.offline_total,
        count_limit: offline.offline_count,
        pin,
    };
    keys.map(|keys| keys.command()).chain([record.command()]).collect()
}

impl CardFile {
    async fn place(&self) -> Result<Place, Failure> {
        match (&self.out, self.reader.clone()) {
            (Some(path), _) => Ok(Place::File(path.clone(), PrivateFile::create(path)?)),
            (None, name) => {
                say!("lay a blank card on the reader, and leave it there until it is issued");
                Ok(Place::Reader(spawn_blocking(move || BlankCard::wait(&name.unwrap_or_default())).await??))
            }
        }
    }

    fn expires_on(&self) -> Result<NaiveDate, Failure> {
        let today = Utc::now().date_naive();
        let last = self.expires_on.or_else(|| today.checked_add_months(MONTHS));
        let last = last.filter(|day| pasje::domain::request::is_sensible(*day));
        last.ok_or_else(|| "--expires-on must be a day between 2000 and 2200".into())
    }
}

pub(super) async fn run(options: &Options, command: Command) -> Result<ExitCode, Failure> {
    let opened = Opened::open(options).await?;
    let result = run_on(&opened, options, command).await;
    opened.close().await?;
    result.map(|()| ExitCode::SUCCESS)
}

async fn run_on(opened: &Opened, options: &Options, command: Command) -> Result<(), Failure> {
    let database = opened.database().await?;
    let names: HashMap<WalletId, String> = clients::list(&*database.connection().await?)
        .await?
        .into_iter()
        .map(|client| (client.wallet, client.display_name))
        .collect();
    let label = |card: &CardRow| names.get(&card.wallet).cloned().unwrap_or_default();
    match command {
        Command::Issue { organisation, wallet, file, tap_limit, day_limit } => {
            let wallet = OrganisationId::new(organisation).and_then(|organisation| WalletId::new(organisation, wallet));
            let wallet = wallet.ok_or("--organisation is 1 to 32767, --wallet 1 or more")?;
            if [tap_limit, day_limit].into_iter().flatten().any(|cents| !(0..=100_000_000).contains(&cents)) {
                return Err("a limit is 0 to 100000000 cents".into());
            }
            let expires_on = file.expires_on()?;
            let pin = file.personal.pin()?;
            let place = file.place().await?;
            let issue = Issue { wallet, expires_on, tap_limit_cents: tap_limit, day_limit_cents: day_limit };
            let issued = cards::issue(&database, &keys(options, &database).await?, &issue).await?;
            let place = place.write(&database, &issued, &label(&issued.card), &file.personal.offline, pin).await?;
            say!("card {} issued until {expires_on}: it is in {place}", issued.card.id);
        }
        Command::Block { id } => {
            cards::block(&database, id).await?;
            say!("card {id} is blocked");
        }
        Command::Unblock { id } => {
            cards::unblock(&database, id).await?;
            say!("card {id} pays again");
        }
        Command::Replace { id, file } => {
            let expires_on = file.expires_on()?;
            let pin = file.personal.pin()?;
            let place = file.place().await?;
            let issued = cards::replace(&database, &keys(options, &database).await?, id, expires_on).await?;
            let place = place.write(&database, &issued, &label(&issued.card), &file.personal.offline, pin).await?;
            say!("card {id} is replaced by {}: it is in {place}", issued.card.id);
        }
        Command::List => {
            say!("{:<36}  {:<8} {:<10} {:>12}  client", "card", "status", "until", "wallet");
            for card in rows::list(&*database.connection().await?).await? {
                let wallet = format!("{:?}", card.wallet);
                say!("{}  {:<8} {} {wallet:>12}  {}", card.id, card.status.name(), card.expires_on, label(&card));
            }
        }
    }
    Ok(())
}

/// What a virtual card holds: see `firmware-sim/README.md`.
pub(super) fn card_file(issued: &Issued, label: &str, offline: &Offline, pin: Option<&PinBlock>) -> serde_json::Value {
    let card = &issued.card;
    let keys = issued.keys.iter().map(|(generation, keys)| {
        json!({
            "generation": generation,
            "transaction": hex(keys.transaction.secret()).as_str(),
            "response": hex(keys.response.secret()).as_str(),
            "script": hex(keys.script.secret()).as_str(),
            "offline_verify": hex(keys.offline_verify.secret()).as_str(),
        })
    });
    json!({
        "version": 1, "card": card.id, "label": label, "expires_on": card.expires_on, "generation": card.generation,
        "keys": keys.collect::<Vec<_>>(),
        "pin": pin.map(|pin| digits(pin).to_string()),
        "limits": {
            "tap_cents": offline.offline_tap, "total_cents": offline.offline_total, "count": offline.offline_count,
        },
        "state": null,
    })
}
