//! Asks the program what the model was asked, and holds the two answers against each other.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use chrono::{NaiveDate, Utc};
use diesel::sql_types::{Date, Integer, Text};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use pasje::db::connect::Database;
use pasje::domain::operation::{Answer, Booked};
use pasje::domain::request::Problem;
use pasje::domain::sale::{Payer, SaleRequest};
use pasje::domain::tap::Tap;
use pasje::services::authorise::{AuthoriseError, Authoriser, Settings};
use pasje::services::book::{BookError, book};
use pasje::services::card_proof::CardProof;
use uuid::Uuid;

use crate::dice::Dice;
use crate::generator::Event;
use crate::model::{Ask, Leg, Model, Reply, Verdict, WRONG_MAC};
use crate::support::TestDatabase;
use crate::world::World;

/// Every MAC is right but one.
struct Proof;

impl CardProof for Proof {
    fn is_right(&self, request: &SaleRequest) -> bool {
        !matches!(request.payer, Payer::Card(Tap { mac: WRONG_MAC, .. }))
    }
}

/// What the program answered.
pub type Said = Result<Booked, Problem>;

/// A database with the world in it, and the services before it.
pub struct Ledger {
    pub test: TestDatabase,
    pub database: Database,
    pub authoriser: Authoriser,
    pub world: World,
    first_answers: Mutex<BTreeMap<Uuid, Vec<u8>>>,
}

#[derive(diesel::QueryableByName)]
struct Day {
    #[diesel(sql_type = Text)]
    zone: String,
    #[diesel(sql_type = Date)]
    day: NaiveDate,
    #[diesel(sql_type = Integer)]
    hour: i32,
}

impl Ledger {
    pub async fn new(dice: &mut Dice) -> Ledger {
        let test = TestDatabase::new().await;
        let world = World::new(dice, &days(&test).await);
        Ledger::over(test, world).await
    }

    pub async fn over(test: TestDatabase, world: World) -> Ledger {
        test.owner().await.batch_execute(&world.rows()).await.unwrap();
        let database = test.connect().await;
        let authoriser = Authoriser::start(database.clone(), Arc::new(Proof), Settings::default());
        Ledger { test, database, authoriser, world, first_answers: Mutex::default() }
    }

    pub async fn stop(self) {
        self.authoriser.stop().await;
    }

    /// As a caller would: what is unavailable would be a fault here.
    pub async fn ask(&self, ask: &Ask) -> Said {
        if let Ask::Sale(request) = ask {
            return match self.authoriser.sell(request.clone()).await {
                Ok(booked) => Ok(booked),
                Err(AuthoriseError::Problem(problem)) => Err(problem),
                Err(error) => panic!("{error} ({error:?}): {ask:?}"),
            };
        }
        let said = match ask {
            Ask::Sale(_) => unreachable!(),
            Ask::Refund(request) => book(&self.database, request).await,
            Ask::Void(request) => book(&self.database, request).await,
            Ask::TopUp(request) => book(&self.database, request).await,
            Ask::TopUpReversal(request) => book(&self.database, request).await,
            Ask::Exchange(request) => book(&self.database, request).await,
            Ask::ExchangeBack(request) => book(&self.database, request).await,
            Ask::Hold(request) => book(&self.database, request).await,
            Ask::Capture(request) => book(&self.database, request).await,
            Ask::Release(request) => book(&self.database, request).await,
            Ask::Grant(request) => book(&self.database, request).await,
            Ask::Close(request) => book(&self.database, request).await,
            Ask::Payout(request) => book(&self.database, request).await,
            Ask::PayoutStep(request) => book(&self.database, request).await,
            Ask::Draw(request) => book(&self.database, request).await,
        };
        match said {
            Ok(booked) => Ok(booked),
            Err(BookError::Problem(problem)) => Err(problem),
            Err(error) => panic!("{error} ({error:?}): {ask:?}"),
        }
    }

    /// Asks both; a difference ends the test.
    pub async fn ask_both(&self, model: &mut Model<'_>, ask: &Ask, seed: u64) {
        let expected = model.ask(ask, Utc::now());
        let said = self.ask(ask).await;
        if let Err(difference) = self.differs(&expected, &said, ask.id()) {
            let entry = model.entries.get(&ask.id());
            let owner = entry.map_or(0, |entry| entry.owner);
            let purses: Vec<_> = model.books.purses.range((owner, "")..(owner + 1, "")).collect();
            let client = self.world.wallets.get(&owner).map(|client| (client.unit, client.rules, client.buyer));
            panic!(
                "seed {seed}: {difference}\nasked {ask:?}\nexpected {expected:#?}\nsaid {said:?}\n\
                 of {client:?}, whose purses are now {purses:?}"
            );
        }
    }

    fn differs(&self, expected: &Verdict, said: &Said, id: Uuid) -> Result<(), String> {
        let mut first_answers = self.first_answers.lock().unwrap();
        match (expected, said) {
            (Verdict::Problem(sorts), Err(problem)) if sorts.contains(&sort_of(problem)) => Ok(()),
            (Verdict::Again, Ok(booked)) => match first_answers.get(&id) {
                Some(first) if *first == booked.answer().to_bytes() => Ok(()),
                // a tombstone's first answer is to the first request that comes under its id
                None => {
                    first_answers.insert(id, booked.answer().to_bytes());
                    Ok(())
                }
                Some(first) => Err(format!("not the first answer again, which was {}", String::from_utf8_lossy(first))),
            },
            (Verdict::Reply(expected), Ok(booked)) => {
                first_answers.insert(id, booked.answer().to_bytes());
                let said = in_words(&booked.answer());
                let expected = comparable(expected.clone());
                if said == expected { Ok(()) } else { Err(format!("another answer:\n{said:#?}")) }
            }
            _ => Err("another sort of answer".to_string()),
        }
    }

    /// What a clerk does, in both worlds.
    pub async fn by_hand(&self, model: &mut Model<'_>, event: &Event) {
        let sql = match event {
            Event::Ask(_) => return,
            Event::CloseWallet(wallet) => {
                model.books.closed.insert(*wallet);
                format!("UPDATE wallet SET status = 2 WHERE id = {wallet}")
            }
            Event::BlockCard(card) => {
                model.books.chips.get_mut(card).unwrap().blocked = true;
                format!("UPDATE card SET status = 2 WHERE id = '{card}'")
            }
        };
        self.test.owner().await.batch_execute(&sql).await.unwrap();
    }
}

/// Two organisations whose calendar days are safely in the middle: no book date changes under a test, and where the
/// hour allows they have different days.
pub async fn days(test: &TestDatabase) -> Vec<(u16, String, NaiveDate)> {
    let mut owner = test.owner().await;
    let zones = |names: &'static str| {
        diesel::sql_query(
            "SELECT zone, (now() AT TIME ZONE zone)::date AS day, extract(hour FROM now() AT TIME ZONE zone)::int AS hour
             FROM unnest(string_to_array($1, ' ')) AS zone",
        )
        .bind::<Text, _>(names)
    };
    let home = zones("Europe/Amsterdam Etc/GMT+6 Etc/GMT-7");
    let far = zones("Pacific/Kiritimati Pacific/Pago_Pago Asia/Tokyo America/Denver");
    let mut days = Vec::new();
    for (number, query) in [(1, home), (2, far)] {
        let found: Vec<Day> = query.load(&mut owner).await.unwrap();
        let safe = found.into_iter().find(|day| day.hour < 23).unwrap();
        days.push((number, safe.zone, safe.day));
    }
    days
}

fn sort_of(problem: &Problem) -> &'static str {
    match problem {
        Problem::IdReused => "id_reused",
        Problem::Id(_) => "id",
        Problem::Unknown(_) => "unknown",
        Problem::Malformed(_) => "malformed",
        Problem::Broken(_) => "broken",
    }
}

/// The order of legs is promised for sales and captures alone: by line, then as the purses were asked. A grant may book
/// its parts in one transfer or in several.
fn comparable(mut reply: Reply) -> Reply {
    if !["sale", "capture"].contains(&reply.operation) {
        let mut sums: BTreeMap<_, i128> = BTreeMap::new();
        for leg in reply.legs {
            *sums.entry((leg.line, leg.from, leg.to, leg.unit)).or_default() += leg.amount;
        }
        let leg = |((line, from, to, unit), amount)| Leg { line, from, to, unit, amount, loss: false };
        reply.legs = sums.into_iter().map(leg).collect();
    }
    reply.holds.retain(|_, amount| *amount != 0);
    // a decline promises its reason alone
    if reply.legs.is_empty() && reply.approved_cents.is_none() {
        reply.left_out.clear();
    }
    reply
}

fn in_words(answer: &Answer) -> Reply {
    let mut holds = BTreeMap::new();
    for hold in &answer.holds {
        let purse = if (hold.purse, hold.unit) == ("credit", "EUR") { "credit_cents" } else { hold.purse };
        *holds.entry((hold.hold, purse)).or_default() += i128::from(hold.amount);
    }
    let leg = |leg: &pasje::domain::operation::AnswerLeg| Leg {
        line: leg.line,
        from: leg.from,
        to: leg.to,
        unit: leg.unit,
        amount: i128::from(leg.amount),
        loss: leg.from == "offline_loss",
    };
    let declined = answer.outcome == "declined";
    assert_eq!(declined, answer.reason.is_some(), "a decline has a reason, nothing else has: {answer:?}");
    comparable(Reply {
        operation: answer.operation,
        outcome: answer.reason.unwrap_or(answer.outcome),
        book_date: answer.book_date,
        reference: answer.reference,
        approved_cents: answer.approved_cents.map(i128::from),
        left_out: answer.left_out.iter().map(|left_out| (left_out.line, left_out.reason)).collect(),
        legs: answer.legs.iter().map(leg).collect(),
        holds,
    })
}

/// How often each operation ended how: what the dice did not reach is not tested.
pub fn tally(model: &Model) {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for entry in model.entries.values() {
        *counts.entry((entry.reply.operation, entry.reply.outcome)).or_default() += 1;
    }
    for ((operation, outcome), count) in counts {
        eprintln!("  {operation} {outcome}: {count}");
    }
}
