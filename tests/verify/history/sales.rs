//! Sales, forwards, refunds and voids.

use std::sync::Arc;

use chrono::DateTime;
use diesel_async::SimpleAsyncConnection;
use pasje::db::{buffers, cards, ledger, wallets};
use pasje::domain::account::WalletId;
use pasje::domain::basket::{Basket, BasketLine};
use pasje::domain::draw::Buffer;
use pasje::domain::funding::LineKind;
use pasje::domain::money::{Amount, Unit};
use pasje::domain::operation::{Booked, OperationId, OperationKind, Outcome};
use pasje::domain::price_list::{Price, PriceList};
use pasje::domain::refund::all_that_is_left;
use pasje::domain::request::sale_hash;
use pasje::domain::sale::{Payer, SaleItem, SaleMode, SaleRequest, State};
use pasje::domain::sold_line::tombstone;
use pasje::domain::tap::Tap;
use pasje::domain::top_up::Till;
use pasje::domain::wallet::Buyer;
use pasje::domain::{refund, sale};
use uuid::Uuid;

use super::{History, SERVICES, wallet_id};

impl History {
    pub(super) fn price_list() -> Arc<PriceList> {
        let price = |(number, kind, cents, points): (u128, LineKind, i64, Option<i64>)| {
            let points = points.map(|points| Amount::new(points, Unit::Pnt).unwrap());
            let cents = Amount::cents(cents).unwrap();
            let price = Price {
                kind,
                cents,
                minutes: None,
                points,
                vat_basis_points: 900,
                from_savings: false,
                included_per_day: None,
            };
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
    pub(super) async fn sell(
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

    pub(super) async fn decide(&mut self, item: &SaleItem) -> Outcome {
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

    pub(super) async fn sales(&mut self) {
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

    pub(super) async fn forwards(&mut self) {
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

    pub(super) async fn refund(
        &mut self,
        name: &'static str,
        wallet: u32,
        of: &'static str,
        parts: &[(u16, u32)],
    ) -> Outcome {
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

    pub(super) async fn refunds(&mut self) {
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

    pub(super) async fn voids(&mut self) {
        assert_eq!(self.sell("sale_voided", 1, true, SaleMode::Online, &[(4, 3), (1, 1)]).await, Outcome::Approved);
        assert_eq!(self.refund("refund_before_void", 1, "sale_voided", &[(0, 2)]).await, Outcome::Booked);
        self.void("void", 1, "sale_voided").await;
        let never_came = self.name("never_came");
        self.cancel("void_beforehand", 1, never_came).await;
    }

    /// A void of a sale that has not come.
    async fn cancel(&mut self, name: &'static str, wallet: u32, sale: OperationId) {
        let terminal = self.terminal;
        let void = self
            .book(name, wallet, OperationKind::Void, |operation, _, _| {
                operation.reference = Some(sale);
                operation.terminal = Some(terminal.id);
                Ok(Outcome::CancelledBeforehand)
            })
            .await;
        let operation = tombstone(sale, &void.operation, Outcome::Cancelled);
        let batch = ledger::begin_batch(&self.conn).await.unwrap();
        ledger::insert(&self.conn, batch, &[Booked { operation, book_date: void.book_date }]).await.unwrap();
    }

    async fn void(&mut self, name: &'static str, wallet: u32, of: &'static str) {
        let sale = self.load(of).await;
        let earlier = self.earlier(wallet, of).await;
        let terminal = self.terminal;
        self.book(name, wallet, OperationKind::Void, |operation, row, _| {
            operation.reference = Some(sale.id);
            operation.terminal = Some(terminal.id);
            refund::decide(operation, row, &sale, &earlier, &all_that_is_left(&sale, &earlier))
        })
        .await;
    }

    /// Forwards that were voided, one after it was booked and one before it came, each with an attempt that was sold.
    pub(super) async fn voided_forwards(&mut self) {
        let care = |quantity| [(1, quantity)];
        for (attempt, forward) in [("attempt_sold", "forward_voided"), ("attempt_undone", "voided_beforehand")] {
            assert_eq!(self.sell(attempt, 3, true, SaleMode::Online, &care(2)).await, Outcome::Approved);
            if forward == "voided_beforehand" {
                let forward = self.name(forward);
                self.cancel("void_of_forward_beforehand", 3, forward).await;
                self.void("void_of_attempt_undone", 3, attempt).await;
            } else {
                let instead = SaleMode::Forward { instead_of: Some(self.ids[attempt]) };
                assert_eq!(self.sell(forward, 3, true, instead, &care(3)).await, Outcome::Approved);
                self.void("void_of_forward", 3, forward).await;
                self.void("void_of_attempt", 3, attempt).await;
            }
        }
    }

    /// Sold while open, refunded in part, closed, and refunded again.
    pub(super) async fn closed_wallet(&mut self) {
        assert_eq!(self.sell("sale4", 4, true, SaleMode::Online, &[(4, 3), (5, 2)]).await, Outcome::Approved);
        assert_eq!(self.refund("refund4", 4, "sale4", &[(0, 1)]).await, Outcome::Booked);
        let close = format!("UPDATE wallet SET status = 2 WHERE id = {}", self.names["w4"]);
        self.conn.batch_execute(&close).await.unwrap();
        assert_eq!(self.refund("refund4_closed", 4, "sale4", &[(0, 2), (1, 1)]).await, Outcome::Booked);
        self.top_up("declined_top_up", 4, 100, Till::Bank).await;
    }
}
