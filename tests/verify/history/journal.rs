//! The journal that the forwards came from, reviews and settlements.

use diesel_async::SimpleAsyncConnection;
use pasje::db::forwards::NewForward;
use pasje::db::reviews::NewReview;
use pasje::db::{forwards, reviews};
use pasje::domain::forward::{NOTHING_BEFORE, Record};
use pasje::domain::operation::{OperationKind, Outcome};
use pasje::domain::review::{ReviewWhy, Settlement, of_judged};
use pasje::domain::settle::SettleRequest;
use pasje::domain::top_up::Till;

use super::History;

impl History {
    pub(super) async fn settle(&mut self, name: &'static str, cents: i64) -> Outcome {
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
    pub(super) async fn journal(&mut self) {
        let (terminal, location) = (self.terminal.id, self.terminal.location);
        let place = format!(
            "INSERT INTO location VALUES ('{location}', 1, 'Restaurant'); INSERT INTO terminal (id, location, name, key_salt) \
             VALUES ('{terminal}', '{location}', 'Kassa', decode(repeat('00', 16), 'hex'))"
        );
        self.conn.batch_execute(&place).await.unwrap();
        self.names.insert("terminal".to_owned(), terminal.to_string());
        let sales = ["forward", "forward_again", "forward_alone"].map(|name| Some(self.ids[name]));
        let unread = self.name("unread");
        let others = [None, Some(unread), Some(self.ids["voided_beforehand"])];
        let mut previous = NOTHING_BEFORE;
        for (sequence, operation) in (1..).zip(sales.into_iter().chain(others)) {
            let sale = match sequence {
                6 => format!(r#"{{"instead_of":"{}"}}"#, self.ids["attempt_undone"].uuid()).into_bytes(),
                _ => format!("sale {sequence}").into_bytes(),
            };
            let hash = Record::hash_of(&previous, sequence, &sale);
            let record = Record { sequence, previous, hash, sale };
            let new = NewForward { record: &record, operation, sent_as: None };
            forwards::insert(&self.conn, terminal, &[new]).await.unwrap();
            previous = hash;
        }
        let mut judged = vec![(4, None), (6, Some(Outcome::Cancelled))];
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
