//! Bodies of requests: any bytes are read or refused, and what is read keeps the rules that the domain relies on.

use pasje::domain::account::OrganisationId;
use pasje::domain::basket::Basket;
use pasje::domain::card_hold::MINUTES_MAX;
use pasje::domain::operation::OperationId;
use pasje::domain::request::sale_hash;
use pasje::domain::sale::{Payer, SaleMode, SaleRequest, Terminal};
use pasje::http::api::holds::{CaptureBody, HoldBody, ReleaseBody};
use pasje::http::api::sales::{RefundBody, SaleBody, VoidBody};
use pasje::http::auth::parse;
use uuid::Uuid;

pub fn run(data: &[u8]) {
    let id = OperationId::new(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001)).unwrap();
    let organisation = OrganisationId::new(1).unwrap();
    let terminal = Terminal { id: Uuid::from_u128(2), organisation, location: Uuid::from_u128(3) };
    if let Ok(body) = parse::<SaleBody>(data)
        && let Ok(sale) = body.into_request(id, terminal)
    {
        is_sound(&sale);
        // the same bytes are the same request
        let again = parse::<SaleBody>(data).and_then(|body| body.into_request(id, terminal));
        assert_eq!(again.map(|again| sale_hash(&again)).ok(), Some(sale_hash(&sale)));
    }
    if let Ok(body) = parse::<HoldBody>(data)
        && let Ok(hold) = body.into_request(id, terminal)
    {
        is_sound(&hold.sale);
        assert!((1..=MINUTES_MAX).contains(&hold.minutes) && hold.sale.mode == SaleMode::Whole);
        let (held, sold) = (hold.transaction().unwrap(), hold.sale.transaction().unwrap());
        assert!(held.0 != sold.0 && held.1 == sold.1, "a tap for a hold is none for a sale");
        assert_ne!(hold.hash(), sale_hash(&hold.sale));
    }
    let _ = parse::<CaptureBody>(data);
    let _ = parse::<ReleaseBody>(data);
    let _ = parse::<RefundBody>(data);
    let _ = parse::<VoidBody>(data);
}

fn is_sound(sale: &SaleRequest) {
    let lines = sale.basket.lines();
    assert!((1..=Basket::LINES_MAX).contains(&lines.len()));
    assert!(lines.iter().all(|line| (1..=Basket::QUANTITY_MAX).contains(&line.quantity)));
    let holds: Vec<_> = lines.iter().filter_map(|line| line.hold).collect();
    assert!(holds.iter().enumerate().all(|(place, hold)| !holds[place + 1..].contains(hold)));
    match sale.payer {
        Payer::Card(tap) => {
            assert!(tap.amount.minor() >= 0);
            let (transaction, mac) = sale.transaction().unwrap();
            assert_eq!((transaction.counter, mac), (tap.counter, tap.mac));
            assert_eq!(i64::try_from(transaction.amount_cents).ok(), Some(tap.amount.minor()));
        }
        Payer::ByName { wallet } => {
            assert!(sale.staff.is_some() && wallet.organisation() == sale.terminal.organisation);
        }
    }
}
