//! A demo organisation: two locations, forty clients with cards, terminals, prices. All of it is fictitious, and says so.
//!
//! It comes about as a real one would: scheme files are adopted, files of rows imported, plans agreed and consented to, the month
//! is opened and delivered up to yesterday, own money paid in. So each budget follows from its indication by the scheme's rules.

mod tables;

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Datelike, Days, Duration, Months, NaiveDate, Utc};
use uuid::Uuid;

use super::absences::OfClient;
use super::book::{BookError, book};
use super::cards::{self, CardError, Issue, Issued};
use super::client_records;
use super::imports::{self, FileKind, ImportError};
use super::key_store::KeyStore;
use super::months::{self, MonthError, Settings, Watch};
use super::organisations::{self, OrganisationError};
use super::plan_books::PlanError;
use super::plan_reviews;
use super::plans::{self, AgreeRequest, ConsentRequest};
use super::publish::point_value;
use super::schemes::{self, SchemeError};
use super::terminals::{self, Added, TerminalError};
use crate::db::client_records::ClientRecord;
use crate::db::connect::{ConnectError, Database};
use crate::db::imports::offer;
use crate::db::plans::ConsentRow;
use crate::db::{DbError, wallets};
use crate::domain::account::OrganisationId;
use crate::domain::exchange::ExchangeRequest;
use crate::domain::money::{Amount, Unit};
use crate::domain::month_grant::Month;
use crate::domain::occurrence::LineId;
use crate::domain::operation::OperationId;
use crate::domain::plan_line::Performer;
use crate::domain::request::Problem;
use crate::domain::top_up::{Till, TopUpRequest};
use tables::{
    AGREED, Agreed, BOUGHT_POINTS, DEARER, EXPIRED, LEFT, LOCATIONS, OFFER, OWN_MONEY, PEOPLE, SCHEMES, TAP_LIMIT,
};

/// As many as a page of clients has, far more than there are.
const CLIENTS_MAX: u16 = 500;
/// Since when its schemes are used: before any month that it can be in.
const SCHEMES_FROM: &str = "2020-01";
/// How long ago its prices were published for the first time, and changed: at the first, extras are sold no more.
const PUBLISHED_DAYS_AGO: i64 = 90;
const DEARER_DAYS_AGO: i64 = 3;
const REVIEWED_DAYS_AGO: i64 = 30;

/// Why there is no demo.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// Real clients must never stand beside fictitious ones.
    #[error("this database has organisations already: the demo wants an empty one (another --data folder)")]
    NotEmpty,
    /// A booking was refused.
    #[error("a demo client got no money")]
    Book(#[from] BookError),
    /// A card was not issued.
    #[error(transparent)]
    Card(#[from] CardError),
    /// A terminal was not added.
    #[error(transparent)]
    Terminal(#[from] TerminalError),
    /// The organisation or a location was not.
    #[error(transparent)]
    Organisation(#[from] OrganisationError),
    /// A scheme was not adopted.
    #[error(transparent)]
    Scheme(#[from] SchemeError),
    /// Rows were not imported.
    #[error("the demo's {0:?}")]
    Import(FileKind, #[source] ImportError),
    /// Something was not agreed.
    #[error("the demo's plans")]
    Plan(#[from] PlanError),
    /// The month was not opened or delivered.
    #[error("the demo's month")]
    Month(#[from] MonthError),
    /// The database.
    #[error(transparent)]
    Database(#[from] DbError),
    /// The way to it.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A table of ours is wrong.
    #[error("the demo's own tables are wrong: {0}")]
    Tables(&'static str),
}

/// What was made: files are written from it.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Demo {
    /// The month that is open.
    pub month: Month,
    /// With the name of its file and what staff call it.
    pub terminals: Vec<(String, String, Added)>,
    /// With the name of its file and its client.
    pub cards: Vec<(String, String, Issued)>,
}

/// Makes the demo organisation in an empty database.
///
/// # Errors
/// [`DemoError`].
pub async fn make(database: &Database, keys: &dyn KeyStore) -> Result<Demo, DemoError> {
    let now = Utc::now();
    if !organisations::list(database).await?.is_empty() {
        return Err(DemoError::NotEmpty);
    }
    let organisation = organisations::add(database, None, "Zorggroep Voorbeeld (fictief)").await?;
    let today = wallets::book_dates(&*database.connection().await?, &[organisation], now).await?;
    let today = *today.get(&organisation).ok_or(DemoError::Tables("the organisation"))?;
    let month = Month::new(today.year(), today.month()).ok_or(DemoError::Tables("the month"))?;
    let house = House { database, organisation, now, today, month };
    let terminals = house.places(keys).await?;
    house.rules_and_rows().await?;
    let (clients, _) = client_records::page(database, organisation, 0, CLIENTS_MAX).await?;
    let clients: HashMap<i32, ClientRecord> = clients.into_iter().map(|client| (client.number, client)).collect();
    let cards = house.cards(keys, &clients).await?;
    house.goodbye(&clients).await?;
    house.plans(&clients).await?;
    house.month().await?;
    house.own_money(&clients).await?;
    Ok(Demo { month, terminals, cards })
}

/// Where and when it is made.
struct House<'a> {
    database: &'a Database,
    organisation: OrganisationId,
    now: DateTime<Utc>,
    /// The organisation's day.
    today: NaiveDate,
    month: Month,
}

impl House<'_> {
    async fn places(&self, keys: &dyn KeyStore) -> Result<Vec<(String, String, Added)>, DemoError> {
        let mut all = Vec::new();
        for location in LOCATIONS {
            let place = organisations::add_location(self.database, self.organisation, location.name).await?;
            for (file, name) in location.terminals {
                let added = terminals::add(self.database, keys, place, name).await?;
                all.push(((*file).to_owned(), (*name).to_owned(), added));
            }
        }
        Ok(all)
    }

    /// Schemes, what is sold and for how much, tariffs, clients and what they are indicated for.
    async fn rules_and_rows(&self) -> Result<(), DemoError> {
        let from = Month::parse(SCHEMES_FROM).ok_or(DemoError::Tables("the schemes' first month"))?;
        for source in SCHEMES {
            schemes::adopt(self.database, self.organisation, source, from).await?;
        }
        for (kind, rows) in OFFER {
            self.import(kind, rows, self.now - Duration::days(PUBLISHED_DAYS_AGO)).await?;
        }
        let (service, price) = DEARER;
        // A day earlier: then it is a price of that moment, whatever the clocks did meanwhile.
        let since = self.today - Duration::days(DEARER_DAYS_AGO + 1);
        let row = format!("dienst;van;prijs;minuten\n{service};{since};{price}\n");
        self.import(FileKind::Prices, &row, self.now - Duration::days(DEARER_DAYS_AGO)).await?;
        for (kind, rows) in PEOPLE {
            self.import(kind, rows, self.now).await?;
        }
        Ok(())
    }

    async fn import(&self, kind: FileKind, rows: &str, at: DateTime<Utc>) -> Result<(), DemoError> {
        let imported = imports::import(self.database, self.organisation, kind, rows.as_bytes(), false, at).await;
        imported.map(drop).map_err(|error| DemoError::Import(kind, error))
    }

    /// Who has left before this month gets nothing of it.
    async fn goodbye(&self, clients: &HashMap<i32, ClientRecord>) -> Result<(), DemoError> {
        let wallet = client(clients, LEFT)?.wallet;
        Ok(wallets::close(&mut *self.database.connection().await?, wallet).await?)
    }

    /// What is agreed, and consented to by the clients themselves, since the month's first day. Each plan was reviewed lately.
    async fn plans(&self, clients: &HashMap<i32, ClientRecord>) -> Result<(), DemoError> {
        let reviewed_on = self.today - Duration::days(REVIEWED_DAYS_AGO);
        for client in clients.values().filter(|client| client.number != LEFT) {
            let of = OfClient { organisation: self.organisation, wallet: client.wallet };
            plan_reviews::review(self.database, of, reviewed_on, Uuid::now_v7(), self.now).await?;
        }
        let services = offer::services(&*self.database.connection().await?, self.organisation).await?;
        let services: HashMap<String, Uuid> = services.into_iter().map(|(id, row)| (row.code, id)).collect();
        for agreed in AGREED {
            let service = *services.get(agreed.service).ok_or(DemoError::Tables("a service that is agreed"))?;
            self.agree(client(clients, agreed.client)?, agreed, service).await?;
        }
        Ok(())
    }

    async fn agree(&self, client: &ClientRecord, agreed: &Agreed, service: Uuid) -> Result<(), DemoError> {
        let of = OfClient { organisation: self.organisation, wallet: client.wallet };
        let first = self.month.first();
        let request = AgreeRequest {
            of,
            id: LineId::from_fresh(Uuid::now_v7()).ok_or(DemoError::Tables("a line's id"))?,
            service,
            performer: agreed.performer,
            function: None,
            performed_by: None,
            staff_count: 1,
            group_size: 1,
            recurrence: agreed.recurrence.to_owned(),
            starts_at: first.and_hms_opt(agreed.hour, 0, 0).ok_or(DemoError::Tables("the time of day"))?,
            duration_minutes: agreed.minutes,
            waiver_reason: None,
            is_provisional: false,
            meeting: None,
        };
        let row = plans::agree(self.database, &request, self.now).await?;
        if agreed.performer != Performer::Staff {
            return Ok(());
        }
        let is_in_minutes = row.line.units.is_some_and(|units| units.unit() == Unit::Min);
        let consent = ConsentRow {
            representative: None,
            // where time is counted, no euro was shown
            price_shown_cents: (!is_in_minutes).then(|| row.line.price.minor()),
            units_shown: row.line.units.map(Amount::minor),
            signed_on: first,
            recorded_by: Uuid::now_v7(),
        };
        let request = ConsentRequest { of, line: row.line.id, alternatives_asked: true, consent };
        Ok(plans::consent(self.database, &request, self.now).await?)
    }

    /// Opened, and delivered until yesterday, so that nothing is due to who keeps months by the clock.
    async fn month(&self) -> Result<(), DemoError> {
        let (database, organisation, now) = (self.database, self.organisation, self.now);
        let alone = || Arc::new(Watch::default());
        // forty wallets are one chunk: a second worker would find nothing to do
        let settings = Settings { workers: 1, ..Settings::default() };
        months::open::open(database, organisation, self.month, false, now, settings, alone()).await?;
        for day in self.month.days().take_while(|day| *day < self.today) {
            months::deliver::deliver(database, organisation, day, false, now, settings, alone()).await?;
        }
        Ok(months::keeping::keep(database, organisation, now, alone()).await?)
    }

    async fn own_money(&self, clients: &HashMap<i32, ClientRecord>) -> Result<(), DemoError> {
        for (number, cents) in OWN_MONEY {
            let wallet = client(clients, *number)?.wallet;
            book(self.database, &TopUpRequest { id: new_id()?, wallet, cents: *cents, from: Till::Bank }).await?;
        }
        let value = point_value(&*self.database.connection().await?, self.organisation, self.month).await?;
        let value_cents = value.ok_or(DemoError::Tables("the value of a point"))?;
        for (number, points) in BOUGHT_POINTS {
            let wallet = client(clients, *number)?.wallet;
            book(self.database, &ExchangeRequest { id: new_id()?, wallet, points: *points, value_cents }).await?;
        }
        Ok(())
    }

    async fn cards(
        &self,
        keys: &dyn KeyStore,
        clients: &HashMap<i32, ClientRecord>,
    ) -> Result<Vec<(String, String, Issued)>, DemoError> {
        let mut clients: Vec<&ClientRecord> = clients.values().collect();
        clients.sort_by_key(|client| client.number);
        let mut cards = Vec::with_capacity(clients.len());
        for client in clients {
            let issued = cards::issue(self.database, keys, &self.issue(client)).await?;
            cards.push((tables::file_of(client.number, &client.display_name), client.display_name.clone(), issued));
        }
        Ok(cards)
    }

    fn issue(&self, client: &ClientRecord) -> Issue {
        let last = if client.number == EXPIRED {
            self.today.checked_sub_days(Days::new(1))
        } else {
            self.today.checked_add_months(Months::new(60))
        };
        let (limited, cents) = TAP_LIMIT;
        let tap_limit_cents = (client.number == limited).then_some(cents);
        Issue {
            wallet: client.wallet,
            expires_on: last.unwrap_or(self.today),
            tap_limit_cents,
            day_limit_cents: tap_limit_cents.map(|cents| cents * 4),
            pin_free_cents: None,
        }
    }
}

fn client(clients: &HashMap<i32, ClientRecord>, number: i32) -> Result<&ClientRecord, DemoError> {
    clients.get(&number).ok_or(DemoError::Tables("a client"))
}

fn new_id() -> Result<OperationId, DemoError> {
    OperationId::new(Uuid::now_v7()).map_err(|error| BookError::from(Problem::from(error)).into())
}
