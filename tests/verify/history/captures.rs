//! Holds of the office and of cards, and what is captured of them.

use chrono::{DateTime, Duration, Utc};
use pasje::db::{cards, holds, ledger, reviews};
use pasje::domain::basket::{Basket, BasketLine};
use pasje::domain::card_hold::{CardCaptureRequest, CardHold, CardHoldRequest, CardReleaseRequest};
use pasje::domain::funding::{LineKind, PurseName};
use pasje::domain::hold::{CaptureRequest, HoldRequest, ReleaseRequest};
use pasje::domain::operation::{Authority, OperationId, OperationKind, Outcome};
use pasje::domain::sale::{SaleItem, SaleMode, SaleRequest, State};
use uuid::Uuid;

use super::{History, wallet_id};

impl History {
    pub(super) async fn hold(&mut self, name: &'static str, wallet: u32, amounts: Vec<(PurseName, i64)>) {
        let booked = self
            .book(name, wallet, OperationKind::Hold, |operation, row, id| {
                HoldRequest { id, wallet: row.id, amounts, expires_at: None }.decide(operation, row)
            })
            .await;
        assert_eq!(booked.operation.outcome, Outcome::Booked);
    }

    pub(super) async fn capture(&mut self, name: &'static str, hold: &'static str, is_last: bool) {
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

    pub(super) async fn release(
        &mut self,
        name: &'static str,
        wallet: u32,
        hold: &'static str,
        now: DateTime<Utc>,
    ) -> Outcome {
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

    pub(super) async fn holds(&mut self) {
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
    pub(super) async fn card_hold(&mut self, name: &'static str, lines: &[(u128, u32)]) {
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

    pub(super) async fn held(&mut self, hold: OperationId) -> CardHold {
        let made = ledger::load(&self.conn, &[hold]).await.unwrap().remove(&hold).unwrap();
        let kept = holds::load_for(&self.conn, holds::Purpose::Card, &[hold]).await.unwrap().remove(&hold);
        CardHold::new(made, kept, &ledger::referring_to(&self.conn, wallet_id(1, 4), hold).await.unwrap())
    }

    pub(super) async fn card_capture(&mut self, name: &'static str, hold: &'static str, lines: &[(u16, u32)]) {
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

    pub(super) async fn card_holds(&mut self) {
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
    pub(super) async fn late_capture(&mut self) {
        let (hold, terminal, later) = (self.ids["card_hold_open"], self.terminal, Utc::now() + Duration::hours(1));
        let held = self.held(hold).await;
        let booked = self
            .book("card_capture_late", 4, OperationKind::Capture, |operation, row, id| {
                (operation.reference, operation.authority) = (Some(hold), Authority::Card);
                (operation.terminal, operation.location) = (Some(terminal.id), Some(terminal.location));
                CardCaptureRequest { id, hold, terminal, lines: vec![(0, 1)] }
                    .decide(operation, row, &held, None, later)
            })
            .await;
        assert!(booked.operation.outcome == Outcome::HoldExpired && held.is_for_review(Outcome::HoldExpired));
        let (organisation, lines) = (terminal.organisation, b"[[0,1]]".to_vec());
        reviews::open_of_capture(&self.conn, organisation, terminal.id, booked.operation.id, lines).await.unwrap();
    }
}
