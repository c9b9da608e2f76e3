//! What happens in a month, by dice: taps, top-ups, what is agreed and what does not come about, data that change and days that the
//! daily job goes through. Whatever is refused is refused: the checks look at what was booked.

use chrono::{Datelike, Days, Months, NaiveDate};
use firmware_sim::simulation::dice::Dice;
use pasje::db::plans::{ConsentRow, Dropped};
use pasje::domain::absence::AbsenceKind;
use pasje::domain::basket::{Basket, BasketLine};
use pasje::domain::draw::DrawRequest;
use pasje::domain::funding::LineKind;
use pasje::domain::money::Amount;
use pasje::domain::occurrence::{LineId, OccurrenceId};
use pasje::domain::operation::{Line, OperationId};
use pasje::domain::plan_line::{Mark, Performer};
use pasje::domain::refund::RefundRequest;
use pasje::domain::sale::{Payer, SaleMode, SaleRequest};
use pasje::domain::top_up::{Till, TopUpRequest};
use pasje::services::absences::{self, AbsenceChange, LeaveRequest, OfClient};
use pasje::services::book::book;
use pasje::services::plans::{self, AgreeRequest, ConsentRequest, MarkRequest};
use uuid::Uuid;

use crate::support::tap;
use crate::world::{COFFEE, MEAL, PAINTING, SERVICES, SHOWER, STAFF, World, id, organisation, terminal};

/// What a month may begin with: new agreements, most of them in the first month.
pub async fn before(world: &mut World, dice: &mut Dice, month: NaiveDate) {
    let is_first = world.clients.iter().all(|client| client.lines.is_empty());
    let agreements = if is_first { 15 } else { dice.below(3) };
    for _ in 0..agreements {
        agree(world, dice, month).await;
    }
}

#[derive(Clone, Copy)]
enum Deed {
    Tap,
    ByName,
    Occurrence,
    TopUp,
    Refund,
    Deliver,
    Agree,
    Mark,
    Drop,
    Leave,
    Return,
    Draw,
    Addition,
    Profile,
    Tariff,
    Correct,
}

const DEEDS: &[(usize, Deed)] = &[
    (30, Deed::Tap),
    (12, Deed::ByName),
    (10, Deed::Occurrence),
    (6, Deed::TopUp),
    (8, Deed::Refund),
    (20, Deed::Deliver),
    (4, Deed::Agree),
    (8, Deed::Mark),
    (2, Deed::Drop),
    (3, Deed::Leave),
    (4, Deed::Return),
    (3, Deed::Draw),
    (2, Deed::Addition),
    (2, Deed::Profile),
    (1, Deed::Tariff),
    (3, Deed::Correct),
];

pub async fn one(world: &mut World, dice: &mut Dice, month: NaiveDate) {
    let client = dice.below(world.clients.len());
    let day = month + Days::new(dice.below(28) as u64);
    match dice.weighed(DEEDS).unwrap() {
        Deed::Tap => sell(world, dice, client, true, None).await,
        Deed::ByName => sell(world, dice, client, false, None).await,
        Deed::Occurrence => sell_occurrence(world, dice, client, day).await,
        Deed::TopUp => {
            let cents = dice.between(1, 5000) as i64;
            book(
                &world.database,
                &TopUpRequest { id: id(), wallet: world.clients[client].wallet, cents, from: Till::Cash },
            )
            .await
            .unwrap();
        }
        Deed::Refund => refund(world, dice, client).await,
        Deed::Deliver => {
            let day = day.min(world.day);
            world.deliver(day).await;
        }
        Deed::Agree => agree(world, dice, month).await,
        Deed::Mark => mark(world, dice, client, day).await,
        Deed::Drop => drop_line(world, dice, client).await,
        Deed::Leave => leave(world, dice, client, day).await,
        Deed::Return => come_back(world, client).await,
        Deed::Draw => {
            let wallet = world.clients[client].wallet;
            let amount = dice.between(1, 20_000) as i64;
            let today = world.now().date_naive();
            let draw = DrawRequest { id: id(), wallet, amount, from: today, until: today + Days::new(14) };
            book(&world.database, &draw).await.unwrap();
        }
        deed => change_data(world, dice, deed, client, day, month).await,
    }
}

async fn sell(
    world: &mut World,
    dice: &mut Dice,
    client: usize,
    by_card: bool,
    occurrence: Option<(Uuid, OperationId)>,
) {
    let mut lines: Vec<BasketLine> = (0..dice.between(1, 3))
        .map(|_| {
            let service = if by_card { *dice.pick(&SERVICES).unwrap() } else { [SHOWER, MEAL][dice.below(2)] };
            BasketLine { service, quantity: dice.between(1, 3) as u32, hold: None }
        })
        .collect();
    lines.extend(occurrence.map(|(service, hold)| BasketLine { service, quantity: 1, hold: Some(hold) }));
    let of = &mut world.clients[client];
    of.counter += 1;
    let payer = if by_card { tap(of.card, of.counter, [0; 16]) } else { Payer::ByName { wallet: of.wallet } };
    let request = SaleRequest {
        id: id(),
        terminal: terminal(),
        payer,
        mode: SaleMode::Online,
        staff: Some(STAFF),
        price_list: 1,
        basket: Basket::new(lines).unwrap(),
    };
    let booked = world.authoriser.sell(request.clone()).await;
    let booked = booked.unwrap_or_else(|error| panic!("seed {}: {error}: {request:?}", world.seed));
    if booked.operation.outcome.is_sold() {
        world.clients[client].sold.push(booked.operation.id);
    }
    let is_never_refused = |line: &Line| line.kind.is_some_and(LineKind::is_never_refused);
    for line in booked.operation.lines.iter().filter(|line| is_never_refused(line)) {
        assert!(line.left_out.is_none(), "seed {}: care or a meal was refused: {line:?}", world.seed);
    }
}

/// A till sells what was planned: the line names the occurrence where it would name a hold.
async fn sell_occurrence(world: &mut World, dice: &mut Dice, client: usize, day: NaiveDate) {
    let Some(line) = dice.pick(&world.clients[client].lines).copied() else { return };
    let service = world.text(&format!("SELECT service FROM plan_line WHERE id = '{line}'")).await;
    let occurrence = OccurrenceId::of(LineId::new(line).unwrap(), day).unwrap().as_hold().unwrap();
    sell(world, dice, client, true, Some((service.parse().unwrap(), occurrence))).await;
}

async fn refund(world: &mut World, dice: &mut Dice, client: usize) {
    let Some(sale) = dice.pick(&world.clients[client].sold).copied() else { return };
    let lines = vec![(dice.below(3) as u16, 1)];
    let request = RefundRequest { id: id(), sale, terminal: terminal(), staff: None, lines };
    // more than was sold, or a line that is not there: refused
    let _ = book(&world.database, &request).await;
}

fn of(world: &World, client: usize) -> OfClient {
    OfClient { organisation: organisation(), wallet: world.clients[client].wallet }
}

async fn agree(world: &mut World, dice: &mut Dice, month: NaiveDate) {
    let client = dice.below(world.clients.len());
    let performer = if dice.chance(250) { Performer::Family } else { Performer::Staff };
    let rules = [
        "FREQ=DAILY",
        "FREQ=WEEKLY;BYDAY=MO,TH",
        "FREQ=DAILY;INTERVAL=2",
        "FREQ=MONTHLY;BYMONTHDAY=5,28",
        "FREQ=WEEKLY;INTERVAL=3",
    ];
    let starts_on = month + Days::new(dice.below(28) as u64);
    let line = LineId::from_fresh(Uuid::now_v7()).unwrap();
    let request = AgreeRequest {
        of: of(world, client),
        id: line,
        service: [SHOWER, MEAL, PAINTING, COFFEE, SHOWER][dice.below(5)],
        performer,
        function: None,
        performed_by: None,
        staff_count: dice.between(1, 2) as u16,
        group_size: [1, 1, 4, 7][dice.below(4)],
        recurrence: rules[dice.below(rules.len())].to_owned(),
        starts_at: starts_on.and_hms_opt(9, 30, 0).unwrap(),
        duration_minutes: 30,
        waiver_reason: None,
        is_provisional: false,
        meeting: None,
    };
    let row = plans::agree(&world.database, &request, world.now()).await;
    let row = row.unwrap_or_else(|error| panic!("seed {}: {error}: {request:?}", world.seed));
    world.clients[client].lines.push(line.uuid());
    if !dice.chance(850) {
        return;
    }
    let consent = ConsentRow {
        representative: None,
        price_shown_cents: Some(row.line.price.minor()),
        units_shown: row.line.units.map(Amount::minor),
        signed_on: starts_on.min(world.now().date_naive()),
        recorded_by: STAFF,
    };
    let request = ConsentRequest { of: of(world, client), line, alternatives_asked: true, consent };
    plans::consent(&world.database, &request, world.now())
        .await
        .unwrap_or_else(|error| panic!("seed {}: {error}", world.seed));
}

async fn mark(world: &mut World, dice: &mut Dice, client: usize, day: NaiveDate) {
    let Some(line) = dice.pick(&world.clients[client].lines).copied() else { return };
    let mark = [Mark::Refused, Mark::NotDelivered, Mark::Absent][dice.below(3)];
    let request = MarkRequest {
        of: of(world, client),
        line: LineId::new(line).unwrap(),
        day,
        mark,
        reason: Some("fictief".to_owned()),
        by: STAFF,
    };
    // a day that is not planned, or was paid: refused
    let _ = plans::mark(&world.database, &request, world.now()).await;
}

async fn drop_line(world: &mut World, dice: &mut Dice, client: usize) {
    let lines = world.clients[client].lines.len();
    if lines == 0 {
        return;
    }
    let line = LineId::new(world.clients[client].lines[dice.below(lines)]).unwrap();
    let today = world.now().date_naive();
    let dropped = Dropped { from: today, reason: "fictief".to_owned(), explained_by: STAFF, explained_on: today };
    // twice: refused
    let _ = plans::drop_line(&world.database, of(world, client), line, &dropped, world.now()).await;
}

/// Medical for less than the 91 days that are funded; a holiday of a fortnight at the most, three in the years that are lived.
async fn leave(world: &mut World, dice: &mut Dice, client: usize, day: NaiveDate) {
    let is_holiday = dice.chance(500);
    let of_client = &world.clients[client];
    if of_client.returns_on.is_some() || (is_holiday && of_client.holidays >= 2) || day > world.day {
        return;
    }
    let returned_on = day + Days::new(dice.between(1, 14) as u64);
    let kind = if is_holiday { AbsenceKind::Holiday } else { AbsenceKind::Medical };
    let request = LeaveRequest { of: of(world, client), id: Uuid::now_v7(), kind, left_on: day, returned_on: None };
    // away in these days already: refused
    if absences::leave(&world.database, &request, world.now()).await.is_ok() {
        let of_client = &mut world.clients[client];
        of_client.returns_on = Some(returned_on);
        of_client.away = Some(request.id);
        of_client.holidays += u32::from(is_holiday);
        come_back(world, client).await;
    }
}

async fn come_back(world: &mut World, client: usize) {
    let (Some(day), Some(absence)) = (world.clients[client].returns_on, world.clients[client].away) else { return };
    let change = AbsenceChange::Return(day);
    absences::change(&world.database, of(world, client), absence, change, world.now()).await.unwrap();
    world.clients[client].returns_on = None;
}

/// Data change, and all months that were lived are corrected.
async fn change_data(world: &mut World, dice: &mut Dice, deed: Deed, client: usize, day: NaiveDate, month: NaiveDate) {
    let wallet = world.clients[client].wallet.field();
    match deed {
        Deed::Addition => {
            let cents = dice.between(1, 4000);
            let until = day + Days::new(dice.below(60) as u64);
            world
                .run(&format!(
                    "INSERT INTO addition VALUES ({wallet}, 'meerzorg (fictief)', '{day}', '{until}', {cents}) ON CONFLICT DO NOTHING"
                ))
                .await;
        }
        Deed::Profile => {
            let profile = ["4VV", "5VV", "7VV", "8VV"][dice.below(4)];
            world
                .run(&format!(
                    "UPDATE indication SET to_date = '{day}'::date - 1 WHERE wallet = {wallet} AND from_date < '{day}' AND to_date IS NULL;
                     INSERT INTO indication SELECT {wallet}, '{day}', NULL, '{profile}', 1, true, true
                         WHERE NOT EXISTS (SELECT FROM indication WHERE wallet = {wallet} AND (to_date IS NULL OR from_date >= '{day}'))"
                ))
                .await;
        }
        Deed::Tariff => {
            world
                .run(&format!(
                    "INSERT INTO tariff SELECT 1, 'Z', profile, 1, true, true, make_date(year, 1, 1), make_date(year, 12, 31), {}, 'fictief'
                     FROM unnest('{{4VV,5VV,7VV,8VV}}'::text[]) AS profile, generate_series({}, {}) AS year ON CONFLICT DO NOTHING",
                    dice.between(9000, 31_000),
                    day.year() - 1,
                    day.year() + 1
                ))
                .await;
        }
        _ => {}
    }
    // from the newest that was opened to the oldest
    let mut lived = month;
    for _ in 0..=crate::MONTHS {
        world.correct(lived).await;
        lived = lived - Months::new(1);
    }
}
