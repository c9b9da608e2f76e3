//! A small history that holds together: what every operation books, decided by the domain and written row by row.

mod captures;
mod card_scripts;
mod journal;
mod payouts;
mod sales;

use std::collections::{BTreeMap, HashMap};

use chrono::{Datelike, Duration, NaiveDate, Utc};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use pasje::db::{buffers, holds, ledger, month_phases, wallets};
use pasje::domain::account::{Account, Kind, OrganisationId, WalletId};
use pasje::domain::draw::DrawRequest;
use pasje::domain::exchange::{ExchangeBackRequest, ExchangeRequest};
use pasje::domain::funding::{LineKind, PurseName};
use pasje::domain::grant::{Grant, GrantRequest};
use pasje::domain::money::{Amount, Unit};
use pasje::domain::operation::{Authority, Booked, Operation, OperationId, OperationKind, Outcome, Owner};
use pasje::domain::request::Problem;
use pasje::domain::sale::Terminal;
use pasje::domain::saving::{CloseRequest, Fate};
use pasje::domain::top_up::{Till, TopUpRequest, TopUpReversalRequest};
use pasje::domain::wallet::Wallet;
use uuid::Uuid;

/// Services by number: kind, cents, and hundredths of a point if it has a price in points.
const SERVICES: [(u128, LineKind, i64, Option<i64>); 6] = [
    (1, LineKind::Care, 1250, Some(900)),
    (2, LineKind::Included, 640, None),
    (3, LineKind::Activity, 700, Some(500)),
    (4, LineKind::Extra, 235, Some(170)),
    (5, LineKind::Own, 320, None),
    (6, LineKind::Own, 999_999, None),
];

/// Writes operations as the services do, and remembers what they are called.
pub struct History {
    conn: AsyncPgConnection,
    names: BTreeMap<String, String>,
    ids: HashMap<&'static str, OperationId>,
    counters: HashMap<Uuid, u32>,
    terminal: Terminal,
}

type Decided = Result<Outcome, Problem>;

pub fn wallet_id(organisation: u16, number: u32) -> WalletId {
    WalletId::new(OrganisationId::new(organisation).unwrap(), number).unwrap()
}

fn staff(number: u128) -> Uuid {
    Uuid::from_u128(0xface_0000 + number)
}

fn month() -> NaiveDate {
    Utc::now().date_naive().with_day(1).unwrap()
}

impl History {
    /// Writes all of it, and answers what stands for each `{name}` in a planted row.
    pub async fn write(conn: AsyncPgConnection) -> BTreeMap<String, String> {
        let organisation = OrganisationId::new(1).unwrap();
        let terminal = Terminal { id: Uuid::now_v7(), organisation, location: Uuid::now_v7() };
        let mut history =
            History { conn, names: BTreeMap::new(), ids: HashMap::new(), counters: HashMap::new(), terminal };
        history.found().await;
        history.grant_all().await;
        history.own_money().await;
        history.sales().await;
        history.forwards().await;
        history.refunds().await;
        history.voids().await;
        history.voided_forwards().await;
        history.holds().await;
        history.card_holds().await;
        history.closing().await;
        history.payouts().await;
        history.closed_wallet().await;
        history.journal().await;
        history.card_scripts().await;
        history.names
    }

    fn name(&mut self, name: &'static str) -> OperationId {
        let id = OperationId::new(Uuid::now_v7()).unwrap();
        self.ids.insert(name, id);
        self.names.insert(name.to_owned(), id.uuid().to_string());
        id
    }

    /// Organisations, schemes, wallets 1 (euros), 2 (points), 3 (minutes), 4 (euros), 5 (the other organisation's), cards.
    async fn found(&mut self) {
        let organisation = "INSERT INTO organisation (id, name) VALUES (1, 'One'), (2, 'Two')";
        let scheme = "INSERT INTO scheme (organisation, name, version, unit, unplanned, extras_from_budget, \
                      extras_from_savings, care_from_savings) VALUES (1, 'euros', 1, 1, 1, true, false, 1), \
                      (1, 'points', 1, 3, 2, true, true, 2), (1, 'hours', 1, 2, 1, false, false, 0), \
                      (2, 'euros', 1, 1, 1, true, false, 1)";
        self.conn.batch_execute(&format!("{organisation}; {scheme}")).await.unwrap();
        for (number, (organisation, scheme, unit)) in
            [(1, "euros", 1), (1, "points", 3), (1, "hours", 2), (1, "euros", 1), (2, "euros", 1)]
                .into_iter()
                .enumerate()
        {
            let number = u32::try_from(number).unwrap() + 1;
            let wallet = wallet_id(organisation, number);
            let card = Uuid::from_u128(0xca4d_0000 + u128::from(number));
            self.names.insert(format!("w{number}"), wallet.field().to_string());
            self.names.insert(format!("card{number}"), card.to_string());
            let sql = format!(
                "INSERT INTO wallet (id, scheme, unit, buyer) SELECT {id}, id, {unit}, 2 FROM scheme \
                 WHERE organisation = {organisation} AND name = '{scheme}'; \
                 INSERT INTO card (id, wallet, expires_on, generations_to) VALUES ('{card}', {id}, '2099-12-31', 2)",
                id = wallet.field(),
            );
            self.conn.batch_execute(&sql).await.unwrap();
            for purse in [Kind::Budget, Kind::Reserve, Kind::Savings, Kind::Credit] {
                for unit in Unit::ALL {
                    if let Some(account) = Account::purse(wallet, unit, purse) {
                        self.names.insert(
                            format!("w{number}.{}.{}", purse.name(), unit.name()),
                            account.number().to_string(),
                        );
                    }
                }
            }
        }
        for organisation in [1, 2] {
            for (kind, unit) in Kind::ALL.into_iter().flat_map(|kind| Unit::ALL.map(|unit| (kind, unit))) {
                if let Some(account) = Account::own(OrganisationId::new(organisation).unwrap(), unit, kind) {
                    let name = format!("o{organisation}.{}.{}", kind.name(), unit.name());
                    self.names.insert(name, account.number().to_string());
                }
            }
        }
    }

    /// Begins, locks, decides and writes one operation.
    async fn book(
        &mut self,
        name: &'static str,
        wallet: u32,
        kind: OperationKind,
        decide: impl FnOnce(&mut Operation, &Wallet, OperationId) -> Decided,
    ) -> Booked {
        let id = self.name(name);
        let batch = ledger::begin_batch(&self.conn).await.unwrap();
        let locked = wallets::lock(&self.conn, &[wallet_id(1, wallet)]).await.unwrap();
        let mut row = wallets::read(&self.conn, locked).await.unwrap().remove(0);
        let organisation = row.id.organisation();
        let book_date = wallets::book_dates(&self.conn, &[organisation], batch.booked_at).await.unwrap()[&organisation];
        let mut operation = Operation::new(id, Owner::Wallet(row.id), kind, Outcome::Booked, Authority::Office);
        operation.request_hash = Some([7; 32]);
        operation.outcome = decide(&mut operation, &row, id).unwrap();
        for entry in &operation.hold_entries {
            row.hold(entry.account, entry.change).unwrap();
        }
        for transfer in &operation.transfers {
            row.apply(transfer).unwrap();
            for (account, sign) in [(transfer.debit, -1), (transfer.credit, 1)] {
                if account.kind() == Kind::Buffer {
                    let change = sign * transfer.amount.minor();
                    buffers::change(&self.conn, row.id.organisation(), account.unit(), change).await.unwrap();
                }
            }
        }
        wallets::update(&self.conn, &[&row]).await.unwrap();
        let booked = Booked { operation, book_date };
        ledger::insert(&self.conn, batch, std::slice::from_ref(&booked)).await.unwrap();
        let (own, others): (Vec<_>, Vec<_>) =
            booked.operation.hold_entries.iter().cloned().partition(|entry| entry.hold == id);
        if !own.is_empty() {
            let purpose = holds::Purpose::of(&booked.operation);
            let ends = (purpose == holds::Purpose::Card).then(|| batch.booked_at + Duration::minutes(30));
            holds::insert(&self.conn, id, &own, purpose, ends).await.unwrap();
        }
        holds::change(&self.conn, &others).await.unwrap();
        booked
    }

    async fn load(&mut self, name: &'static str) -> Operation {
        let id = self.ids[name];
        ledger::load(&self.conn, &[id]).await.unwrap().remove(&id).unwrap().operation
    }

    async fn earlier(&mut self, wallet: u32, name: &'static str) -> Vec<Booked> {
        ledger::referring_to(&self.conn, wallet_id(1, wallet), self.ids[name]).await.unwrap()
    }

    async fn grant(&mut self, name: &'static str, wallet: u32, unit: Unit, value: Option<i64>, parts: [i64; 5]) {
        let given_in = if value.is_some() { Unit::Eur } else { unit };
        let [overhead, collective, reserve, buffer, budget] = parts.map(|part| Amount::new(part, given_in).unwrap());
        let grant = Grant { unit, unit_value_cents: value, overhead, collective, reserve, buffer, budget };
        let booked = self
            .book(name, wallet, OperationKind::Grant, |operation, row, id| {
                GrantRequest { id, wallet: row.id, month: month(), grant }.decide(operation, row)
            })
            .await;
        month_phases::insert_grant(&self.conn, wallet_id(1, wallet), month(), booked.operation.id).await.unwrap();
    }

    async fn grant_all(&mut self) {
        self.grant("grant1", 1, Unit::Eur, None, [1000, 500, 1000, 3000, 40_000]).await;
        self.grant("grant2", 2, Unit::Pnt, Some(731), [1000, 500, 2000, 777, 5000]).await;
        self.grant("grant3", 3, Unit::Min, None, [10, 5, 60, 30, 600]).await;
        self.grant("grant4", 4, Unit::Eur, None, [0, 0, 0, 0, 900]).await;
        // the second one is not open yet
        for (name, amount, from) in [("draw", 2000, month()), ("draw_unused", 100, month() + Duration::days(40))] {
            let until = from + Duration::days(40);
            let booked = self
                .book(name, 1, OperationKind::BufferDraw, |_, row, id| {
                    DrawRequest { id, wallet: row.id, amount, from, until }.decide(row)
                })
                .await;
            let amount = Amount::cents(amount).unwrap();
            let id = booked.operation.id;
            buffers::insert_draw(&self.conn, id, wallet_id(1, 1), amount, from, until).await.unwrap();
        }
    }

    async fn top_up(&mut self, name: &'static str, wallet: u32, cents: i64, from: Till) {
        self.book(name, wallet, OperationKind::TopUp, |operation, row, id| {
            TopUpRequest { id, wallet: row.id, cents, from }.decide(operation, row)
        })
        .await;
    }

    async fn exchange_back(&mut self, name: &'static str, points: i64) {
        let exchange = self.load("exchange").await;
        let earlier = self.earlier(2, "exchange").await;
        self.book(name, 2, OperationKind::ExchangeBack, |operation, row, id| {
            operation.reference = Some(exchange.id);
            ExchangeBackRequest { id, exchange: exchange.id, points }.decide(operation, row, &exchange, &earlier)
        })
        .await;
    }

    async fn own_money(&mut self) {
        self.top_up("top_up", 1, 9000, Till::Bank).await;
        self.top_up("top_up_cash", 1, 1000, Till::Cash).await;
        self.top_up("top_up2", 2, 3000, Till::Bank).await;
        self.top_up("top_up4", 4, 3000, Till::Cash).await;
        let top_up = self.load("top_up").await;
        let earlier = self.earlier(1, "top_up").await;
        self.book("reversal", 1, OperationKind::TopUpReversal, |operation, row, id| {
            operation.reference = Some(top_up.id);
            TopUpReversalRequest { id, top_up: top_up.id, cents: 300 }.decide(operation, row, &top_up, &earlier)
        })
        .await;
        self.book("exchange", 2, OperationKind::Exchange, |operation, row, id| {
            ExchangeRequest { id, wallet: row.id, points: 155, value_cents: 731 }.decide(operation, row)
        })
        .await;
        self.exchange_back("exchange_back", 20).await;
        self.exchange_back("exchange_back_again", 35).await;
    }

    async fn closing(&mut self) {
        for (name, fate, from, amount) in
            [("save", Fate::Save, PurseName::Budget, 1500), ("lapse", Fate::Lapse, PurseName::Budget, 200)]
        {
            self.book(name, 1, OperationKind::Save, |operation, row, id| {
                let request = CloseRequest { id, wallet: row.id, fate, from, amount };
                operation.kind = request.kind();
                request.decide(operation, row)
            })
            .await;
        }
    }
}
