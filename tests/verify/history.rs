//! A small history that holds together: what every operation books, decided by the domain and written row by row.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Datelike, Duration, NaiveDate, Utc};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use pasje::db::forwards::NewForward;
use pasje::db::reviews::NewReview;
use pasje::db::{buffers, cards, forwards, holds, ledger, month_phases, payouts, reviews, wallets};
use pasje::domain::account::{Account, Kind, OrganisationId, WalletId};
use pasje::domain::basket::{Basket, BasketLine};
use pasje::domain::card_hold::{CardCaptureRequest, CardHold, CardHoldRequest, CardReleaseRequest};
use pasje::domain::draw::Buffer;
use pasje::domain::draw::DrawRequest;
use pasje::domain::exchange::{ExchangeBackRequest, ExchangeRequest};
use pasje::domain::forward::{NOTHING_BEFORE, Record};
use pasje::domain::funding::{LineKind, PurseName};
use pasje::domain::grant::{Grant, GrantRequest};
use pasje::domain::hold::{CaptureRequest, HoldRequest, ReleaseRequest};
use pasje::domain::money::{Amount, Unit};
use pasje::domain::operation::{Authority, Booked, Operation, OperationId, OperationKind, Outcome, Owner};
use pasje::domain::payout::{PayoutRequest, PayoutStatus, PayoutStep, PayoutStepRequest};
use pasje::domain::price_list::{Price, PriceList};
use pasje::domain::refund::all_that_is_left;
use pasje::domain::request::{Problem, sale_hash};
use pasje::domain::review::{ReviewWhy, Settlement, of_judged};
use pasje::domain::sale::{Payer, SaleItem, SaleMode, SaleRequest, State, Terminal};
use pasje::domain::saving::{CloseRequest, Fate};
use pasje::domain::settle::SettleRequest;
use pasje::domain::sold_line::tombstone;
use pasje::domain::tap::Tap;
use pasje::domain::top_up::{Till, TopUpRequest, TopUpReversalRequest};
use pasje::domain::wallet::{Buyer, Wallet};
use pasje::domain::{refund, sale};
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
        history.holds().await;
        history.card_holds().await;
        history.closing().await;
        history.payouts().await;
        history.closed_wallet().await;
        history.journal().await;
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
                 INSERT INTO card (id, wallet, expires_on) VALUES ('{card}', {id}, '2099-12-31')",
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

    fn price_list() -> Arc<PriceList> {
        let price = |(number, kind, cents, points): (u128, LineKind, i64, Option<i64>)| {
            let points = points.map(|points| Amount::new(points, Unit::Pnt).unwrap());
            let cents = Amount::cents(cents).unwrap();
            let price = Price { kind, cents, minutes: None, points, vat_basis_points: 900, from_savings: false };
            ((Uuid::from_u128(number), Buyer::Vpt), price)
        };
        Arc::new(PriceList {
            version: 1,
            valid_from: DateTime::UNIX_EPOCH,
            superseded_at: None,
            prices: SERVICES.map(price).into_iter().collect(),
        })
    }

    /// A tap of a wallet's card, or with `None` staff by name, for services and quantities.
    async fn sell(
        &mut self,
        name: &'static str,
        wallet: u32,
        by_card: bool,
        mode: SaleMode,
        lines: &[(u128, u32)],
    ) -> Outcome {
        let id = self.name(name);
        let wallet = wallet_id(1, wallet);
        let card = Uuid::from_u128(0xca4d_0000 + u128::from(wallet.field().cast_unsigned() & 0xff));
        let payer = if by_card {
            let counter = self.counters.entry(card).or_insert(0);
            *counter += 1;
            crate::support::tap(card, *counter, [0; 16])
        } else {
            Payer::ByName { wallet }
        };
        let line = |(service, quantity): &(u128, u32)| BasketLine {
            service: Uuid::from_u128(*service),
            quantity: *quantity,
            hold: None,
        };
        let basket = Basket::new(lines.iter().map(line).collect()).unwrap();
        let staff = (!by_card).then(|| Uuid::from_u128(0x57aff));
        let request = SaleRequest { id, terminal: self.terminal, payer, mode, staff, price_list: 1, basket };
        let known = wallet != wallet_id(1, 9);
        let item = SaleItem {
            request_hash: sale_hash(&request),
            request,
            wallet: known.then_some(wallet),
            price_list: Some(Self::price_list()),
            mac_is_right: true,
            refused_from: None,
        };
        self.decide(&item).await
    }

    async fn decide(&mut self, item: &SaleItem) -> Outcome {
        let batch = ledger::begin_batch(&self.conn).await.unwrap();
        let now = batch.booked_at;
        let ids: Vec<WalletId> = item.wallet.into_iter().collect();
        let locked = wallets::lock(&self.conn, &ids).await.unwrap();
        let wallets = wallets::read(&self.conn, locked).await.unwrap();
        let card_ids: Vec<Uuid> = match item.request.payer {
            Payer::Card(Tap { card, .. }) => vec![card],
            Payer::ByName { .. } => vec![],
        };
        let asked: Vec<OperationId> =
            [Some(item.request.id), item.request.instead_of()].into_iter().flatten().collect();
        let organisation = self.terminal.organisation;
        let mut state = State {
            cards: cards::load(&self.conn, &card_ids).await.unwrap(),
            known: ledger::known(&self.conn, &asked).await.unwrap(),
            book_dates: wallets::book_dates(&self.conn, &[organisation], now).await.unwrap().into_iter().collect(),
            ..State::default()
        };
        // As the authoriser does: what the attempt sold and was not given back.
        if let (Some(attempt), Some(wallet)) = (item.request.instead_of(), item.wallet) {
            let mut sold = Vec::new();
            if let Some(sale) = ledger::load(&self.conn, &[attempt]).await.unwrap().remove(&attempt) {
                let earlier = ledger::referring_to(&self.conn, wallet, attempt).await.unwrap();
                for (number, left) in all_that_is_left(&sale.operation, &earlier) {
                    sold.push((sale.operation.lines[usize::from(number)].service, left));
                }
            }
            state.attempts.insert(attempt, sold);
        }
        let mut before = None;
        let date = state.book_dates[&organisation];
        if let Some(wallet) = wallets.first() {
            let draws = buffers::open_draws(&self.conn, wallet.id, wallet.unit, date).await.unwrap();
            let balance = buffers::lock(&self.conn, organisation, wallet.unit).await.unwrap();
            before = Some(balance);
            state.buffer = Some(Buffer { balance, draws });
        }
        state.wallets = wallets.into_iter().map(|wallet| (wallet.id, (wallet, date))).collect();
        let sale::Decided::New(booked) = sale::decide(&mut state, item, now).unwrap() else { panic!("known") };
        wallets::update(&self.conn, &state.wallets.values().map(|(wallet, _)| wallet).collect::<Vec<_>>())
            .await
            .unwrap();
        cards::update(&self.conn, &state.cards.values().collect::<Vec<_>>()).await.unwrap();
        ledger::insert(&self.conn, batch, &booked).await.unwrap();
        if let (Some(buffer), Some(before)) = (&state.buffer, before) {
            let change = buffer.balance.minor() - before.minor();
            buffers::change(&self.conn, organisation, before.unit(), change).await.unwrap();
            buffers::update_draws(&self.conn, &buffer.draws).await.unwrap();
        }
        booked.last().unwrap().operation.outcome
    }

    async fn sales(&mut self) {
        let online = SaleMode::Online;
        let sold = Outcome::Approved;
        // unplanned care from reserve, buffer and budget; an extra from the budget
        assert_eq!(self.sell("sale", 1, true, online, &[(1, 3), (4, 3)]).await, sold);
        // an activity from the points granted and bought and, for the share that is left, own euros; a meal without a price in points
        assert_eq!(self.sell("sale2", 2, true, online, &[(3, 3), (2, 2), (1, 1)]).await, sold);
        assert_eq!(
            self.sell("sale_in_part", 1, true, online, &[(6, 1), (5, 2), (4, 1)]).await,
            Outcome::ApprovedInPart
        );
        assert_eq!(self.sell("sale_declined", 1, true, online, &[(6, 1)]).await, Outcome::InsufficientFunds);
        assert_eq!(
            self.sell("sale_whole", 1, true, SaleMode::Whole, &[(5, 1), (6, 1)]).await,
            Outcome::InsufficientFunds
        );
        assert_eq!(self.sell("declined_by_name", 1, false, online, &[(5, 1), (4, 1)]).await, Outcome::CardNeeded);
        assert_eq!(self.sell("by_name", 1, false, online, &[(2, 1)]).await, sold);
        assert_eq!(self.sell("card_unknown", 9, true, online, &[(5, 1)]).await, Outcome::CardUnknown);
        assert_eq!(self.sell("unknown_service", 1, true, online, &[(99, 1)]).await, Outcome::ServiceUnknown);
    }

    async fn forwards(&mut self) {
        let attempt = self.name("attempt");
        let forward = SaleMode::Forward { instead_of: Some(attempt) };
        assert_eq!(self.sell("forward", 1, true, forward, &[(6, 1), (1, 1)]).await, Outcome::Approved);
        let forward = SaleMode::Forward { instead_of: Some(self.ids["sale"]) };
        assert_eq!(self.sell("forward_again", 1, true, forward, &[(1, 3)]).await, Outcome::AlreadyBooked);
        let forward = SaleMode::Forward { instead_of: None };
        assert_eq!(self.sell("forward_alone", 3, true, forward, &[(5, 1)]).await, Outcome::Approved);
        // far ahead: what the card used before has left the window, but for this one and the next
        self.counters.insert(Uuid::from_u128(0xca4d_0001), 500);
        assert_eq!(self.sell("sale_later", 1, true, SaleMode::Online, &[(4, 1)]).await, Outcome::Approved);
        assert_eq!(self.sell("sale_last", 1, true, SaleMode::Online, &[(4, 1)]).await, Outcome::Approved);
    }

    async fn refund(&mut self, name: &'static str, wallet: u32, of: &'static str, parts: &[(u16, u32)]) -> Outcome {
        let sale = self.load(of).await;
        let earlier = self.earlier(wallet, of).await;
        let terminal = self.terminal;
        let booked = self
            .book(name, wallet, OperationKind::Refund, |operation, row, _| {
                operation.reference = Some(sale.id);
                operation.terminal = Some(terminal.id);
                refund::decide(operation, row, &sale, &earlier, parts)
            })
            .await;
        booked.operation.outcome
    }

    async fn refunds(&mut self) {
        for (name, wallet, of, parts) in [
            ("refund", 1, "sale", &[(0, 1), (1, 1)][..]),
            ("refund_more", 1, "sale", &[(0, 1)]),
            ("refund2", 2, "sale2", &[(0, 1), (1, 1)]),
            ("refund2_more", 2, "sale2", &[(0, 1)]),
            ("refund2_last", 2, "sale2", &[(0, 1)]),
            ("refund_loss", 1, "forward", &[(0, 1)]),
        ] {
            assert_eq!(self.refund(name, wallet, of, parts).await, Outcome::Booked, "{name}");
        }
        assert_eq!(self.refund("refund_declined", 1, "sale", &[(0, 2)]).await, Outcome::MoreThanSold);
    }

    async fn voids(&mut self) {
        assert_eq!(self.sell("sale_voided", 1, true, SaleMode::Online, &[(4, 3), (1, 1)]).await, Outcome::Approved);
        assert_eq!(self.refund("refund_before_void", 1, "sale_voided", &[(0, 2)]).await, Outcome::Booked);
        let sale = self.load("sale_voided").await;
        let earlier = self.earlier(1, "sale_voided").await;
        let terminal = self.terminal;
        self.book("void", 1, OperationKind::Void, |operation, row, _| {
            operation.reference = Some(sale.id);
            operation.terminal = Some(terminal.id);
            refund::decide(operation, row, &sale, &earlier, &all_that_is_left(&sale, &earlier))
        })
        .await;
        let never_came = self.name("never_came");
        let void = self
            .book("void_beforehand", 1, OperationKind::Void, |operation, _, _| {
                operation.reference = Some(never_came);
                operation.terminal = Some(terminal.id);
                Ok(Outcome::CancelledBeforehand)
            })
            .await;
        let operation = tombstone(never_came, &void.operation, Outcome::Cancelled);
        let batch = ledger::begin_batch(&self.conn).await.unwrap();
        ledger::insert(&self.conn, batch, &[Booked { operation, book_date: void.book_date }]).await.unwrap();
    }

    async fn hold(&mut self, name: &'static str, wallet: u32, amounts: Vec<(PurseName, i64)>) {
        let booked = self
            .book(name, wallet, OperationKind::Hold, |operation, row, id| {
                HoldRequest { id, wallet: row.id, amounts, expires_at: None }.decide(operation, row)
            })
            .await;
        assert_eq!(booked.operation.outcome, Outcome::Booked);
    }

    async fn capture(&mut self, name: &'static str, hold: &'static str, is_last: bool) {
        let hold = self.ids[hold];
        let kept = holds::load(&self.conn, &[hold]).await.unwrap().remove(&hold).unwrap();
        let booked = self
            .book(name, 1, OperationKind::Capture, |operation, row, id| {
                operation.reference = Some(hold);
                let (service, kind, price_cents) = (Uuid::from_u128(1), LineKind::Care, 2500);
                let units = Some(price_cents);
                let (quantity, vat_basis_points, from_savings) = (1, 0, false);
                CaptureRequest {
                    id,
                    hold,
                    service,
                    quantity,
                    kind,
                    price_cents,
                    units,
                    vat_basis_points,
                    from_savings,
                    is_last,
                }
                .decide(operation, row, &kept, Utc::now())
            })
            .await;
        assert_eq!(booked.operation.outcome, Outcome::Approved);
    }

    async fn release(&mut self, name: &'static str, wallet: u32, hold: &'static str, now: DateTime<Utc>) -> Outcome {
        let hold = self.ids[hold];
        let kept = holds::load(&self.conn, &[hold]).await.unwrap().remove(&hold).unwrap();
        let booked = self
            .book(name, wallet, OperationKind::Release, |operation, _, id| {
                operation.reference = Some(hold);
                Ok(ReleaseRequest { id, hold, expired: false }.decide(operation, &kept, now))
            })
            .await;
        booked.operation.outcome
    }

    async fn holds(&mut self) {
        self.hold("hold", 1, vec![(PurseName::Budget, 6000), (PurseName::CreditCents, 100)]).await;
        self.capture("capture", "hold", false).await;
        self.hold("hold_captured", 1, vec![(PurseName::Budget, 4000)]).await;
        self.capture("capture_last", "hold_captured", true).await;
        self.hold("hold_released", 1, vec![(PurseName::Budget, 700)]).await;
        assert_eq!(self.release("release", 1, "hold_released", Utc::now()).await, Outcome::Booked);
        assert_eq!(self.release("release_declined", 1, "hold_released", Utc::now()).await, Outcome::HoldNotOpen);
        self.hold("hold4", 4, vec![(PurseName::Budget, 50)]).await;
    }

    /// Set aside by the card of wallet 4, at an unattended terminal.
    async fn card_hold(&mut self, name: &'static str, lines: &[(u128, u32)]) {
        let card = Uuid::from_u128(0xca4d_0004);
        let counter = self.counters.entry(card).or_insert(0);
        *counter += 1;
        let payer = crate::support::tap(card, *counter, [0; 16]);
        let line = |(service, quantity): &(u128, u32)| BasketLine {
            service: Uuid::from_u128(*service),
            quantity: *quantity,
            hold: None,
        };
        let basket = Basket::new(lines.iter().map(line).collect()).unwrap();
        let terminal = self.terminal;
        let date = Utc::now();
        let mut state = State { cards: cards::load(&self.conn, &[card]).await.unwrap(), ..State::default() };
        let booked = self
            .book(name, 4, OperationKind::Hold, |operation, row, id| {
                let sale =
                    SaleRequest { id, terminal, payer, mode: SaleMode::Whole, staff: None, price_list: 1, basket };
                let request = CardHoldRequest { sale: sale.clone(), minutes: 30 };
                state.wallets.insert(row.id, (row.clone(), date.date_naive()));
                let item = SaleItem {
                    request_hash: request.hash(),
                    request: sale,
                    wallet: Some(row.id),
                    price_list: Some(Self::price_list()),
                    mac_is_right: true,
                    refused_from: None,
                };
                operation.authority = Authority::Card;
                request.decide(operation, &mut state, &item, date)
            })
            .await;
        assert_eq!(booked.operation.outcome, Outcome::Booked);
        cards::update(&self.conn, &state.cards.values().collect::<Vec<_>>()).await.unwrap();
    }

    async fn held(&mut self, hold: OperationId) -> CardHold {
        let made = ledger::load(&self.conn, &[hold]).await.unwrap().remove(&hold).unwrap();
        let kept = holds::load_for(&self.conn, holds::Purpose::Card, &[hold]).await.unwrap().remove(&hold);
        CardHold::new(made, kept, &ledger::referring_to(&self.conn, wallet_id(1, 4), hold).await.unwrap())
    }

    async fn card_capture(&mut self, name: &'static str, hold: &'static str, lines: &[(u16, u32)]) {
        let (hold, terminal, lines) = (self.ids[hold], self.terminal, lines.to_vec());
        let held = self.held(hold).await;
        let booked = self
            .book(name, 4, OperationKind::Capture, |operation, row, id| {
                (operation.reference, operation.authority) = (Some(hold), Authority::Card);
                (operation.terminal, operation.location) = (Some(terminal.id), Some(terminal.location));
                CardCaptureRequest { id, hold, terminal, lines }.decide(operation, row, &held, None, Utc::now())
            })
            .await;
        assert_eq!(booked.operation.outcome, Outcome::Approved);
    }

    async fn card_holds(&mut self) {
        self.card_hold("card_hold", &[(5, 3), (4, 2)]).await;
        self.card_capture("card_capture", "card_hold", &[(0, 1), (1, 1)]).await;
        let (hold, terminal) = (self.ids["card_hold"], Some(self.terminal));
        let held = self.held(hold).await;
        let booked = self
            .book("card_release", 4, OperationKind::Release, |operation, _, id| {
                (operation.reference, operation.authority) = (Some(hold), Authority::Card);
                Ok(CardReleaseRequest { id, hold, terminal }.decide(operation, &held, Utc::now()))
            })
            .await;
        assert_eq!(booked.operation.outcome, Outcome::Booked);
        self.card_hold("card_hold_open", &[(5, 2)]).await;
        self.late_capture().await;
    }

    /// It comes when the hold's time is over; a human looks at what came out.
    async fn late_capture(&mut self) {
        let (hold, terminal, later) = (self.ids["card_hold_open"], self.terminal, Utc::now() + Duration::hours(1));
        let held = self.held(hold).await;
        let booked = self
            .book("card_capture_late", 4, OperationKind::Capture, |operation, row, id| {
                (operation.reference, operation.authority) = (Some(hold), Authority::Card);
                (operation.terminal, operation.location) = (Some(terminal.id), Some(terminal.location));
                CardCaptureRequest { id, hold, terminal, lines: vec![(0, 1)] }.decide(operation, row, &held, None, later)
            })
            .await;
        assert!(booked.operation.outcome == Outcome::HoldExpired && held.is_for_review(Outcome::HoldExpired));
        let (organisation, lines) = (terminal.organisation, b"[[0,1]]".to_vec());
        reviews::open_of_capture(&self.conn, organisation, terminal.id, booked.operation.id, lines).await.unwrap();
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

    async fn ask(&mut self, name: &'static str, cents: i64) {
        let booked = self
            .book(name, 1, OperationKind::PayoutRequest, |operation, row, id| {
                operation.staff = Some(staff(1));
                PayoutRequest { id, wallet: row.id, cents, staff: staff(1) }.decide(operation, row)
            })
            .await;
        assert_eq!(booked.operation.outcome, Outcome::Booked);
        let (id, amount) = (booked.operation.id, Amount::cents(cents).unwrap());
        payouts::insert(&self.conn, id, wallet_id(1, 1), amount, staff(1)).await.unwrap();
    }

    async fn step(&mut self, name: &'static str, payout: &'static str, step: PayoutStep) -> Outcome {
        let payout = self.ids[payout];
        let kept = payouts::load(&self.conn, payout).await.unwrap().unwrap();
        let mut status = PayoutStatus::Asked;
        let booked = self
            .book(name, 1, OperationKind::PayoutApproval, |operation, row, id| {
                let request = PayoutStepRequest { id, payout, step };
                operation.kind = request.kind();
                operation.reference = Some(payout);
                let (outcome, next) = request.decide(operation, row, &kept)?;
                status = next;
                Ok(outcome)
            })
            .await;
        if let (PayoutStep::Approve { staff }, Outcome::Booked) = (step, booked.operation.outcome) {
            payouts::approve(&self.conn, payout, staff, booked.operation.id).await.unwrap();
        }
        payouts::set_status(&self.conn, payout, status).await.unwrap();
        booked.operation.outcome
    }

    async fn payouts(&mut self) {
        for (name, cents) in
            [("payout", 500), ("payout_approved", 400), ("payout_asked", 300), ("payout_withdrawn", 200)]
        {
            self.ask(name, cents).await;
        }
        let approve = |number| PayoutStep::Approve { staff: staff(number) };
        for (name, payout, step, outcome) in [
            ("approval", "payout", approve(2), Outcome::Booked),
            ("approval_again", "payout", approve(2), Outcome::SamePerson),
            ("approval_second", "payout", approve(3), Outcome::Booked),
            ("paid", "payout", PayoutStep::Paid { from: Till::Bank }, Outcome::Booked),
            ("approved_first", "payout_approved", approve(2), Outcome::Booked),
            ("approved_second", "payout_approved", approve(3), Outcome::Booked),
            ("asked_first", "payout_asked", approve(3), Outcome::Booked),
            ("withdrawal", "payout_withdrawn", PayoutStep::Withdraw { staff: staff(1) }, Outcome::Booked),
        ] {
            assert_eq!(self.step(name, payout, step).await, outcome, "{name}");
        }
    }

    /// Sold while open, refunded in part, closed, and refunded again.
    async fn closed_wallet(&mut self) {
        assert_eq!(self.sell("sale4", 4, true, SaleMode::Online, &[(4, 3), (5, 2)]).await, Outcome::Approved);
        assert_eq!(self.refund("refund4", 4, "sale4", &[(0, 1)]).await, Outcome::Booked);
        let close = format!("UPDATE wallet SET status = 2 WHERE id = {}", self.names["w4"]);
        self.conn.batch_execute(&close).await.unwrap();
        assert_eq!(self.refund("refund4_closed", 4, "sale4", &[(0, 2), (1, 1)]).await, Outcome::Booked);
        self.top_up("declined_top_up", 4, 100, Till::Bank).await;
    }

    async fn settle(&mut self, name: &'static str, cents: i64) -> Outcome {
        let sale = self.load("forward_alone").await;
        let earlier = self.earlier(3, "forward_alone").await;
        let booked = self
            .book(name, 3, OperationKind::Settle, |operation, row, id| {
                operation.reference = Some(sale.id);
                SettleRequest { id, sale: sale.id, cents }.decide(operation, row, &sale, &earlier)
            })
            .await;
        booked.operation.outcome
    }

    /// The journal that the forwards came from, with one record that cannot be read and one that nobody has judged yet;
    /// and what became of what they lost.
    async fn journal(&mut self) {
        let (terminal, location) = (self.terminal.id, self.terminal.location);
        let place = format!(
            "INSERT INTO location VALUES ('{location}', 1, 'Restaurant'); INSERT INTO terminal (id, location, name, key_salt) \
             VALUES ('{terminal}', '{location}', 'Kassa', decode(repeat('00', 16), 'hex'))"
        );
        self.conn.batch_execute(&place).await.unwrap();
        self.names.insert("terminal".to_owned(), terminal.to_string());
        let sales = ["forward", "forward_again", "forward_alone"].map(|name| Some(self.ids[name]));
        let unread = self.name("unread");
        let mut previous = NOTHING_BEFORE;
        for (sequence, operation) in (1..).zip(sales.into_iter().chain([None, Some(unread)])) {
            let sale = format!("sale {sequence}").into_bytes();
            let hash = Record::hash_of(&previous, sequence, &sale);
            let record = Record { sequence, previous, hash, sale };
            let new = NewForward { record: &record, operation, sent_as: None };
            forwards::insert(&self.conn, terminal, &[new]).await.unwrap();
            previous = hash;
        }
        let mut judged = vec![(4, None)];
        let malformed = (4, ReviewWhy::Malformed, None, None);
        let mut opened = vec![malformed];
        for (sequence, name) in (1..).zip(["forward", "forward_again", "forward_alone"]) {
            let sale = self.load(name).await;
            judged.push((sequence, Some(sale.outcome)));
            opened
                .extend(of_judged(&sale).unwrap().into_iter().map(|(why, loss)| (sequence, why, Some(sale.id), loss)));
        }
        assert_eq!(opened.len(), 3);
        let review = |(sequence, why, operation, loss)| NewReview { sequence, why, operation, loss, record: None };
        let opened: Vec<NewReview> = opened.into_iter().map(review).collect();
        forwards::set_judged(&self.conn, terminal, &judged).await.unwrap();
        reviews::open(&self.conn, self.terminal.organisation, terminal, &opened).await.unwrap();

        self.top_up("top_up3", 3, 400, Till::Bank).await;
        assert_eq!(self.settle("settlement_too_much", 321).await, Outcome::MoreThanLost);
        assert_eq!(self.settle("settlement", 300).await, Outcome::Booked);
        assert_eq!(self.settle("settlement_again", 20).await, Outcome::AlreadySettled);
        let open = reviews::list(&self.conn, false).await.unwrap();
        let review = open.iter().find(|review| review.operation == Some(self.ids["forward_alone"])).unwrap();
        let (how, with) = (Settlement::FromOwnMoney, Some(self.ids["settlement"]));
        assert!(reviews::settle(&self.conn, review.id, how, "office", "the client, at the desk", with).await.unwrap());
    }
}
