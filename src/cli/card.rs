//! `pasje card issue|block|unblock|replace|limits|reset-offline|list|show`.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::ExitCode;

use card_protocol::Key;
use card_protocol::frame::CommandFrame;
use card_protocol::personalise::{Personalise, PutKeys};
use card_protocol::pin::PinBlock;
use card_protocol::script::Change;
use chrono::{Months, NaiveDate, Utc};
use pasje::db::card_scripts::{self, ScriptRow};
use pasje::db::cards::CardRow;
use pasje::db::connect::Database;
use pasje::db::{cards as rows, clients};
use pasje::domain::account::{OrganisationId, WalletId};
use pasje::domain::card::CardStatus;
use pasje::services::cards::{self, CardError, Issue, Issued};
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
        #[arg(long, required_unless_present = "client")]
        wallet: Option<u32>,
        /// The client's number, instead of the wallet's
        #[arg(long, conflicts_with = "wallet")]
        client: Option<i32>,
        #[command(flatten)]
        file: CardFile,
        /// What activities, extras and own purchases of one tap may cost, in cents
        #[arg(long, value_name = "CENTS")]
        tap_limit: Option<i64>,
        /// What activities, extras and own purchases of one day may cost, in cents
        #[arg(long, value_name = "CENTS")]
        day_limit: Option<i64>,
        /// What activities, extras and own purchases of one tap may cost without PIN, in cents
        #[arg(long, value_name = "CENTS", requires = "pin_file")]
        pin_free: Option<i64>,
    },
    /// Block a card that is lost or stolen: it pays nothing from now on, and hears so when it is tapped
    Block {
        #[arg(value_name = "CARD")]
        id: Uuid,
    },
    /// Let a blocked card pay again, and its PIN work again; the card hears so when it is tapped
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
    /// Tell a card what it may approve by itself, when it is tapped next
    Limits {
        #[arg(value_name = "CARD")]
        id: Uuid,
        /// One tap
        #[arg(long, value_name = "CENTS")]
        offline_tap: u32,
        /// All taps since the card last asked the service
        #[arg(long, value_name = "CENTS")]
        offline_total: u32,
        /// Taps since then
        #[arg(long, value_name = "NUMBER")]
        offline_count: u8,
    },
    /// Tell a card that what it approved by itself counts no more, when it is tapped next
    ResetOffline {
        #[arg(value_name = "CARD")]
        id: Uuid,
    },
    /// List cards by wallet: the generation of their keys, how many changes they are still to hear of, and have heard of
    List,
    /// Show a card, and what it was told
    Show {
        #[arg(value_name = "CARD")]
        id: Uuid,
    },
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

async fn wallet_of(database: &Database, organisation: OrganisationId, number: i32) -> Result<WalletId, Failure> {
    let clients = clients::list(&*database.connection().await?).await?;
    let found = clients.into_iter().find(|it| it.wallet.organisation() == organisation && it.number == number);
    let number_of = organisation.number();
    Ok(found.map(|it| it.wallet).ok_or_else(|| format!("organisation {number_of} has no client {number}"))?)
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
        Command::Issue { organisation, wallet, client, file, tap_limit, day_limit, pin_free } => {
            let organisation = OrganisationId::new(organisation).ok_or("--organisation is 1 to 32767")?;
            let wallet = match (wallet, client) {
                (Some(wallet), _) => WalletId::new(organisation, wallet).ok_or("--wallet is 1 or more")?,
                (None, client) => wallet_of(&database, organisation, client.unwrap_or_default()).await?,
            };
            if [tap_limit, day_limit, pin_free].into_iter().flatten().any(|cents| !(0..=100_000_000).contains(&cents)) {
                return Err("a limit is 0 to 100000000 cents".into());
            }
            let expires_on = file.expires_on()?;
            let pin = file.personal.pin()?;
            let place = file.place().await?;
            let issue = Issue {
                wallet,
                expires_on,
                tap_limit_cents: tap_limit,
                day_limit_cents: day_limit,
                pin_free_cents: pin_free,
            };
            let issued = cards::issue(&database, &keys(options, &database).await?, &issue).await?;
            let place = place.write(&database, &issued, &label(&issued.card), &file.personal.offline, pin).await?;
            say!("card {} issued until {expires_on}: it is in {place}", issued.card.id);
        }
        Command::Block { id } => {
            cards::block(&database, id).await?;
            say!(
                "card {id}{} is blocked: the service lets it pay nothing from now on",
                of(&database, id, &names).await?
            );
            say!("terminals hear of it within a minute of a connection, and the card itself when it is tapped next");
        }
        Command::Unblock { id } => {
            cards::unblock(&database, id).await?;
            say!("card {id}{} pays again", of(&database, id, &names).await?);
            say!(
                "if the card itself was told that it is blocked, its next tap tells it otherwise, and the one after that pays"
            );
        }
        Command::Replace { id, file } => {
            let expires_on = file.expires_on()?;
            let pin = file.personal.pin()?;
            let old = rows::find(&*database.connection().await?, id).await?;
            if pin.is_none() && old.is_some_and(|old| old.pin_free_cents.is_some()) {
                return Err(
                    format!("card {id} asks for a PIN, and so will the new one: give it one with --pin-file").into()
                );
            }
            let place = file.place().await?;
            let issued = cards::replace(&database, &keys(options, &database).await?, id, expires_on).await?;
            let place = place.write(&database, &issued, &label(&issued.card), &file.personal.offline, pin).await?;
            say!("card {id} is replaced by {}: it is in {place}", issued.card.id);
        }
        Command::Limits { id, offline_tap, offline_total, offline_count } => {
            let limits = Change::Limits { tap_cents: offline_tap, total_cents: offline_total, count: offline_count };
            cards::tell(&database, id, limits).await?;
            say!("card {id} hears its limits when it is tapped next");
        }
        Command::ResetOffline { id } => {
            cards::tell(&database, id, Change::ResetOffline).await?;
            say!("card {id} hears when it is tapped next that what it approved offline counts no more");
        }
        Command::List => {
            let conn = database.connection().await?;
            let told = card_scripts::counts(&conn).await?;
            say!(
                "{:<36}  {:<8} {:<10} {:>4} {:>7} {:>5} {:>12}  client",
                "card",
                "status",
                "until",
                "keys",
                "to hear",
                "heard",
                "wallet"
            );
            for card in rows::list(&conn).await? {
                let [waiting, came] = told.get(&card.id).copied().unwrap_or_default();
                let (wallet, status) = (wallet(&card), status(&card));
                say!(
                    "{}  {status:<8} {} {:>4} {waiting:>7} {came:>5} {wallet:>12}  {}",
                    card.id,
                    card.expires_on,
                    card.generation,
                    label(&card)
                );
            }
        }
        Command::Show { id } => {
            let conn = database.connection().await?;
            let card = rows::find(&conn, id).await?.ok_or(CardError::Unknown(id))?;
            show(&card, &label(&card), &card_scripts::of_card(&conn, id).await?);
        }
    }
    Ok(())
}

/// Whose card it is, as far as that is known.
async fn of(database: &Database, id: Uuid, names: &HashMap<WalletId, String>) -> Result<String, Failure> {
    let card = rows::find(&*database.connection().await?, id).await?;
    let name = card.and_then(|card| names.get(&card.wallet));
    Ok(name.map_or_else(String::new, |name| format!(" of {name}")))
}

/// As `--wallet` takes it; of another organisation than the first with `--organisation`'s number before it.
fn wallet(card: &CardRow) -> String {
    let (organisation, number) = (card.wallet.organisation().number(), card.wallet.number());
    if organisation == 1 { number.to_string() } else { format!("{organisation}:{number}") }
}

/// One that has expired is not active, whatever its row says.
fn status(card: &CardRow) -> &'static str {
    let is_over = card.expires_on < Utc::now().date_naive();
    if is_over && card.status == CardStatus::Active { "expired" } else { card.status.name() }
}

fn show(card: &CardRow, label: &str, scripts: &[ScriptRow]) {
    let cents = |limit: Option<i64>| limit.map_or("none".to_owned(), |cents| format!("{cents} cents"));
    say!("card            {}", card.id);
    say!("client          {label}, wallet {}", wallet(card));
    say!("status          {}", status(card));
    say!("works until     {}", card.expires_on);
    say!("signs with      generation {}; has keys up to {}", card.generation, card.generations_to);
    say!("limit of a tap  {}", cents(card.tap_limit_cents));
    say!("limit of a day  {}", cents(card.day_limit_cents));
    say!("without PIN     {}", card.pin_free_cents.map_or("all".to_owned(), |cents| format!("{cents} cents")));
    if let Some(old) = card.replaces {
        say!("in place of     {old}");
    }
    for ScriptRow { script, queued_at, confirmed_at, replaced_by } in scripts {
        let became = match (confirmed_at, replaced_by) {
            (Some(at), _) => format!("came, seen {}", at.format("%F %T UTC")),
            (None, Some(by)) => format!("replaced by {by}"),
            (None, None) => "waits".to_owned(),
        };
        let told = told(script.change);
        say!("script {:<8} {told}, queued {}: {became}", script.number, queued_at.format("%F %T UTC"));
    }
}

fn told(change: Change) -> String {
    match change {
        Change::Limits { tap_cents, total_cents, count } => {
            format!("limits {tap_cents} cents a tap, {total_cents} cents or {count} taps in all")
        }
        Change::ResetOffline => "reset offline".to_owned(),
        Change::Block => "block".to_owned(),
        Change::Unblock => "unblock".to_owned(),
        Change::ActivateGeneration(generation) => format!("sign with generation {generation}"),
    }
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
