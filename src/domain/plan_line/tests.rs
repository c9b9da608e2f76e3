#![allow(clippy::unwrap_used)]

use super::*;
use crate::domain::account::OrganisationId;

const CATALOGUE: CataloguePrice = CataloguePrice { cents: 1_001, minutes: Some(31), points: None };

fn price(unit: Unit, by: Performer, staff_count: u16, group_size: u16) -> (i64, Option<i64>) {
    let performed = Performed { by, staff_count, group_size };
    let price = line_price(&CATALOGUE, unit, Some(250), performed).unwrap();
    (price.cents.minor(), price.units.map(Amount::minor))
}

/// Source: E (Archipel, ZZG).
#[test]
fn a_line_costs_the_catalogue_price_times_staff_by_group_size_half_up() {
    let staff = Performer::Staff;
    assert_eq!(price(Unit::Eur, staff, 1, 1), (1_001, Some(1_001)));
    assert_eq!(price(Unit::Eur, staff, 2, 1), (2_002, Some(2_002)));
    assert_eq!(price(Unit::Eur, staff, 1, 2), (501, Some(501)), "500.5 goes up");
    assert_eq!(price(Unit::Min, staff, 1, 2), (501, Some(16)), "15.5 goes up");
    assert_eq!(price(Unit::Min, staff, 1, 3), (334, Some(10)));
    assert_eq!(price(Unit::Pnt, staff, 1, 1), (1_001, Some(401)), "1001 x 100 / 250 is 400.4: up");
    assert_eq!(price(Unit::Pnt, staff, 1, 2), (501, Some(201)));
    assert_eq!(price(Unit::Eur, Performer::External, 1, 2), (501, Some(501)));
    let own = CataloguePrice { points: Some(300), ..CATALOGUE };
    let alone = Performed { by: staff, staff_count: 1, group_size: 1 };
    assert_eq!(
        line_price(&own, Unit::Pnt, Some(250), alone).unwrap().units,
        Some(Amount::new(300, Unit::Pnt).unwrap())
    );
    let untimed = CataloguePrice { minutes: None, ..CATALOGUE };
    assert_eq!(line_price(&untimed, Unit::Min, Some(250), alone).unwrap().units, None);
    let many = Performed { group_size: 200, ..alone };
    assert_eq!(line_price(&CATALOGUE, Unit::Min, None, many), Err(LinePriceError::Vanishes), "5 cents and 0 minutes");
}

/// Source: E (ZZG).
#[test]
fn volunteer_family_and_client_cost_nothing() {
    for by in [Performer::Volunteer, Performer::Family, Performer::Client] {
        for unit in Unit::ALL {
            assert_eq!(price(unit, by, 2, 1), (0, Some(0)), "{by:?}");
        }
    }
}

/// Source: E (Amsta).
#[test]
fn a_supporter_gives_no_care_to_the_clients_whom_the_supporter_supports() {
    let (one, other) = (Some(Uuid::from_u128(1)), Some(Uuid::from_u128(2)));
    assert!(!may_perform(LineKind::Care, one, one));
    assert!(may_perform(LineKind::Care, other, one));
    assert!(may_perform(LineKind::Care, None, one) && may_perform(LineKind::Care, None, None));
    assert!(may_perform(LineKind::Activity, one, one), "a walk is no care");
}

/// Source: W.
#[test]
fn an_extra_is_agreed_only_when_the_council_agreed_and_it_was_published() {
    let day = |text: &str| text.parse::<NaiveDate>().ok();
    let (before, on, after) = (day("2026-03-31"), day("2026-04-01"), day("2026-04-02"));
    let today = on.unwrap();
    assert!(is_offered(LineKind::Extra, before, on, today));
    for (council, published) in [(None, on), (on, None), (after, on), (on, after)] {
        assert!(!is_offered(LineKind::Extra, council, published, today));
        assert!(
            is_offered(LineKind::Care, council, published, today)
                && is_offered(LineKind::Own, council, published, today)
        );
    }
}

fn line(price: i64) -> PlannedLine {
    PlannedLine {
        id: LineId::from_fresh(Uuid::now_v7()).unwrap(),
        wallet: WalletId::new(OrganisationId::new(1).unwrap(), 1).unwrap(),
        service: Uuid::from_u128(1),
        performer: Performer::Staff,
        kind: LineKind::Care,
        price: Amount::cents(price).unwrap(),
        units: None,
        vat_basis_points: 0,
        from_savings: false,
        recurrence: "FREQ=DAILY".to_owned(),
        starts_at: "2026-04-01T09:00:00".parse().unwrap(),
        provisional_until: None,
        dropped_from: None,
        consented_on: None,
    }
}

fn days(line: &PlannedLine) -> (u32, u32) {
    let (month, mut known) = (Month::parse("2026-04").unwrap(), Recurrences::default());
    (line.days_in_month(month, &mut known).unwrap(), line.unconsented_days(month, &mut known).unwrap())
}

const APRIL: u32 = (1 << 30) - 1;

/// Source: E (ZZG).
#[test]
fn a_line_that_costs_something_is_planned_from_the_day_of_consent() {
    assert_eq!(days(&line(100)), (0, APRIL), "without consent nothing is planned");
    assert_eq!(days(&line(0)), (APRIL, 0), "what costs nothing needs none");
    let signed = PlannedLine { consented_on: "2026-04-11".parse().ok(), ..line(100) };
    assert_eq!(days(&signed), (APRIL & !0x3ff, 0x3ff));
}

/// Source: E (ZZG).
#[test]
fn a_provisional_line_is_planned_without_consent_until_its_last_day() {
    let provisional = PlannedLine { provisional_until: "2026-04-10".parse().ok(), ..line(100) };
    assert_eq!(days(&provisional), (0x3ff, APRIL & !0x3ff));
}

#[test]
fn a_dropped_line_is_not_planned_any_more() {
    let dropped = PlannedLine { dropped_from: "2026-04-11".parse().ok(), ..line(0) };
    assert_eq!(days(&dropped), (0x3ff, 0));
    let unconsented = PlannedLine { dropped_from: "2026-04-11".parse().ok(), ..line(100) };
    assert_eq!(days(&unconsented), (0, 0x3ff), "nobody is asked about what is dropped");
}

#[test]
fn consent_to_care_is_for_who_speaks_about_care_and_to_the_rest_for_who_speaks_about_money() {
    assert_eq!(
        LineKind::ALL.iter().map(|kind| Subject::of(*kind).name()).collect::<Vec<_>>(),
        ["care", "care", "money", "money", "money"]
    );
}
