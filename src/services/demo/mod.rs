//! A demo organisation: two locations, forty clients with cards, terminals, prices. All of it is fictitious, and says so.
//!
//! Money comes in as it would for real: by grants, top-ups and exchanges through the services that book them.

mod tables;

use chrono::{DateTime, Datelike, Days, Duration, Months, NaiveDate, Utc};
use diesel_async::AsyncPgConnection;
use uuid::Uuid;

use super::book::{BookError, begin, book, commit};
use super::cards::{self, CardError, Issue, Issued};
use super::key_store::KeyStore;
use super::terminals::{self, Added, TerminalError};
use crate::db::catalogue::{ServiceRow, insert_service};
use crate::db::clients::ClientRow;
use crate::db::connect::{ConnectError, Database};
use crate::db::{DbError, clients, organisations, price_lists, wallets};
use crate::domain::account::{OrganisationId, WalletId};
use crate::domain::exchange::ExchangeRequest;
use crate::domain::funding::{CareFromSavings, Rules, Unplanned};
use crate::domain::grant::{Grant, GrantRequest};
use crate::domain::money::{Amount, AmountError, Unit};
use crate::domain::operation::OperationId;
use crate::domain::price_list::Price;
use crate::domain::request::Problem;
use crate::domain::top_up::{Till, TopUpRequest};
use crate::domain::wallet::Buyer;
use tables::{CLIENTS, DemoClient, LOCATIONS, Purses, SERVICES};

/// Cents that a point is worth: fictitious, and published as one value.
pub const POINT_VALUE_CENTS: i64 = 50;

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

impl From<AmountError> for DemoError {
    fn from(_: AmountError) -> Self {
        Self::Tables("an amount")
    }
}

impl From<Problem> for DemoError {
    fn from(problem: Problem) -> Self {
        Self::Book(problem.into())
    }
}

/// What was made: files are written from it.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Demo {
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
    let organisation = OrganisationId::new(1).ok_or(DemoError::Tables("the organisation's number"))?;
    let mut conn = database.connection().await?;
    if organisations::count(&conn).await? > 0 {
        return Err(DemoError::NotEmpty);
    }
    begin(&mut conn).await?;
    organisations::insert(&mut conn, organisation, "Zorggroep Voorbeeld (fictief)").await?;
    let places = make_places(&mut conn, organisation, now).await?;
    let schemes = make_schemes(&mut conn, organisation).await?;
    let mut wallets = Vec::with_capacity(CLIENTS.len());
    for (number, client) in (1..).zip(CLIENTS) {
        wallets.push((make_wallet(&mut conn, organisation, schemes, number, client).await?, client));
    }
    commit(&mut conn).await?;
    drop(conn);
    let mut demo = Demo { terminals: Vec::new(), cards: Vec::new() };
    for (place, location) in places.iter().zip(LOCATIONS) {
        for (file, name) in location.terminals {
            let added = terminals::add(database, keys, *place, name).await?;
            demo.terminals.push(((*file).to_owned(), (*name).to_owned(), added));
        }
    }
    for (wallet, client) in wallets {
        fill(database, wallet, client, now.date_naive()).await?;
        let issue = issue(wallet, client, now.date_naive());
        let issued = cards::issue(database, keys, &issue).await?;
        if client.has_left {
            wallets::close(&mut *database.connection().await?, wallet).await?;
        }
        demo.cards.push((client.file.to_owned(), client.name.to_owned(), issued));
    }
    Ok(demo)
}

async fn make_places(
    conn: &mut AsyncPgConnection,
    organisation: OrganisationId,
    now: DateTime<Utc>,
) -> Result<Vec<Uuid>, DemoError> {
    let mut services = Vec::with_capacity(SERVICES.len());
    for service in SERVICES {
        let row = ServiceRow {
            id: Uuid::new_v4(),
            name: service.name.to_owned(),
            name_en: service.name_en.to_owned(),
            category: service.category.to_owned(),
        };
        insert_service(conn, organisation.number(), &row).await?;
        services.push((row.id, service));
    }
    let mut places = Vec::with_capacity(LOCATIONS.len());
    for location in LOCATIONS {
        let place = Uuid::new_v4();
        organisations::insert_location(conn, organisation, place, location.name).await?;
        let mut prices = Vec::new();
        for (id, service) in &services {
            for (buyer, kind) in service.kinds() {
                prices.push((*id, buyer, price(kind, service)?));
            }
        }
        // An old version, too old to sell extras from, and the one of now.
        price_lists::publish(conn, place, now - Duration::days(90), &prices).await?;
        price_lists::publish(conn, place, now - Duration::days(3), &prices).await?;
        places.push(place);
    }
    Ok(places)
}

fn price(kind: crate::domain::funding::LineKind, service: &tables::DemoService) -> Result<Price, DemoError> {
    let points = service.cents.checked_mul(100).map(|wide| wide.div_ceil(POINT_VALUE_CENTS.unsigned_abs()));
    let points = points.and_then(|points| i64::try_from(points).ok()).ok_or(DemoError::Tables("a price"))?;
    let in_units = kind != crate::domain::funding::LineKind::Own;
    Ok(Price {
        kind,
        cents: Amount::cents(service.cents.cast_signed())?,
        minutes: service.minutes.filter(|_| in_units).map(|minutes| Amount::new(minutes, Unit::Min)).transpose()?,
        points: in_units.then(|| Amount::new(points, Unit::Pnt)).transpose()?,
        vat_basis_points: service.vat_basis_points,
        from_savings: false,
        included_per_day: None,
    })
}

/// Schemes in euros, points and minutes, in this order.
async fn make_schemes(conn: &mut AsyncPgConnection, organisation: OrganisationId) -> Result<[i32; 3], DemoError> {
    let euros = Rules {
        unplanned: Unplanned::Personal,
        extras_from_budget: true,
        extras_from_savings: false,
        care_from_savings: CareFromSavings::Never,
    };
    let points = Rules { extras_from_savings: true, care_from_savings: CareFromSavings::Consented, ..euros };
    let minutes = Rules { extras_from_budget: false, ..euros };
    Ok([
        organisations::insert_scheme(conn, organisation, "voorbeeld-euro", Unit::Eur, &euros).await?,
        organisations::insert_scheme(conn, organisation, "voorbeeld-punten", Unit::Pnt, &points).await?,
        organisations::insert_scheme(conn, organisation, "voorbeeld-minuten", Unit::Min, &minutes).await?,
    ])
}

async fn make_wallet(
    conn: &mut AsyncPgConnection,
    organisation: OrganisationId,
    [euros, points, minutes]: [i32; 3],
    number: i32,
    client: &DemoClient,
) -> Result<WalletId, DemoError> {
    let (scheme, unit) = match client.purses {
        Purses::Euros { .. } | Purses::OwnMoney { .. } => (euros, Unit::Eur),
        Purses::Points { .. } => (points, Unit::Pnt),
        Purses::Minutes { .. } => (minutes, Unit::Min),
    };
    let wallet = wallets::insert(conn, organisation, scheme, unit, client.buyer).await?;
    // Real numbers are random; these are told apart at a glance.
    let row = ClientRow { wallet, number: 9000 + number, display_name: client.name.to_owned() };
    clients::insert(conn, &row).await?;
    Ok(wallet)
}

fn issue(wallet: WalletId, client: &DemoClient, today: NaiveDate) -> Issue {
    let last = if client.has_expired {
        today.checked_sub_days(Days::new(1))
    } else {
        today.checked_add_months(Months::new(60))
    };
    Issue {
        wallet,
        expires_on: last.unwrap_or(today),
        tap_limit_cents: client.tap_limit_cents,
        day_limit_cents: client.tap_limit_cents.map(|cents| cents * 4),
        pin_free_cents: None,
    }
}

fn new_id() -> Result<OperationId, DemoError> {
    OperationId::new(Uuid::now_v7()).map_err(|error| Problem::from(error).into())
}

/// A month's grant, and own money, as the client's line says.
async fn fill(database: &Database, wallet: WalletId, client: &DemoClient, today: NaiveDate) -> Result<(), DemoError> {
    let month = today.with_day(1).ok_or(DemoError::Tables("the month"))?;
    let part = |minor: i64, unit: Unit| Amount::new(minor, unit);
    let grant = |unit: Unit, given: Unit, value: Option<i64>, budget: i64, reserve: i64| {
        Ok::<_, DemoError>(Grant {
            unit,
            unit_value_cents: value,
            overhead: part(budget / 2, given)?,
            collective: Amount::zero(given),
            reserve: part(reserve, given)?,
            buffer: Amount::zero(given),
            budget: part(budget, given)?,
        })
    };
    let (grant, own_cents) = match client.purses {
        Purses::Euros { budget_cents: 0, own_cents } | Purses::OwnMoney { own_cents } => (None, own_cents),
        Purses::Euros { budget_cents, own_cents } => {
            (Some(grant(Unit::Eur, Unit::Eur, None, budget_cents, budget_cents / 10)?), own_cents)
        }
        Purses::Points { budget_cents, own_cents, .. } => {
            (Some(grant(Unit::Pnt, Unit::Eur, Some(POINT_VALUE_CENTS), budget_cents, budget_cents / 10)?), own_cents)
        }
        Purses::Minutes { budget_minutes, own_cents } => {
            (Some(grant(Unit::Min, Unit::Min, None, budget_minutes, budget_minutes / 10)?), own_cents)
        }
    };
    if let Some(grant) = grant {
        book(database, &GrantRequest { id: new_id()?, wallet, month, grant }).await?;
    }
    if own_cents > 0 {
        book(database, &TopUpRequest { id: new_id()?, wallet, cents: own_cents, from: Till::Bank }).await?;
    }
    if let Purses::Points { bought_points, .. } = client.purses
        && bought_points > 0
    {
        let exchange = ExchangeRequest { id: new_id()?, wallet, points: bought_points, value_cents: POINT_VALUE_CENTS };
        book(database, &exchange).await?;
    }
    Ok(())
}

/// Buyers, for the tables.
const BUYERS: [Buyer; 4] = [Buyer::Verblijf, Buyer::Vpt, Buyer::Mpt, Buyer::NoWlz];
