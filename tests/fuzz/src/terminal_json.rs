//! What the service tells a terminal: read or refused, and what is read is judged without a panic.

use firmware_sim::answer::{Answer, Asked, Outcome, Problem};
use firmware_sim::files::{CardFile, TerminalFile, Vend};
use firmware_sim::price_list::{Assortment, Catalogue, PriceList};
use firmware_sim::request::SaleLine;
use firmware_sim::terminal::Hotlist;
use uuid::Uuid;

pub fn run(data: &[u8]) {
    answer(data);
    let problem = Problem::read(404, data);
    assert!(!problem.slug.is_empty() && !problem.to_string().is_empty());
    let _ = serde_json::from_slice::<Hotlist>(data);
    prices(data);
    files(data);
}

fn answer(data: &[u8]) {
    let Ok(answer) = Answer::read(data) else { return };
    for operation in ["sale", "hold", "capture", "release", "refund", "void"] {
        for (lines, card_cents) in [(Some(2), Some(500)), (Some(0), None), (None, None)] {
            let asked = Asked { id: answer.id, operation, lines, card_cents };
            if answer.nonsense(&asked).is_some() {
                continue;
            }
            // what makes sense is of what was asked, and tells card and terminal the same
            assert_eq!(answer.operation, operation);
            assert_eq!(answer.outcome == Outcome::Declined, answer.reason.is_some());
            if let (Some(signed), Some(told)) = (card_cents, answer.for_card()) {
                let told = told.unwrap();
                assert!(told.approved_cents <= signed && &told.sale == answer.id.as_bytes());
            }
        }
        let other = Asked { id: Uuid::max(), operation, lines: None, card_cents: None };
        assert!(answer.id.is_max() || answer.nonsense(&other).is_some());
    }
}

/// A catalogue and a price list, one after the other.
fn prices(data: &[u8]) {
    let at = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (first, second) = (&data[..at], data.get(at + 1..).unwrap_or_default());
    let (Ok(catalogue), Ok(prices)) =
        (serde_json::from_slice::<Catalogue>(first), serde_json::from_slice::<PriceList>(second))
    else {
        return;
    };
    let assortment = Assortment::new(catalogue.clone(), prices.clone());
    for service in &catalogue.services {
        let found = assortment.find(&service.id.to_string());
        assert!(found.is_err() || found.is_ok_and(|found| found.id == service.id));
        let _ = assortment.find(&service.name);
    }
    for price in &prices.prices {
        let line = |quantity| [SaleLine { service: price.service, quantity, hold: None }];
        // a till signs for no less than any buyer pays
        assert!(assortment.greatest_cents(&line(1)).is_ok_and(|cents| cents >= price.price_cents));
        let _ = assortment.greatest_cents(&line(u32::MAX));
    }
}

/// A file that is read is written as one that reads the same.
fn files(data: &[u8]) {
    if let Ok(file) = serde_json::from_slice::<CardFile>(data) {
        let again: CardFile = serde_json::from_slice(&serde_json::to_vec(&file).unwrap()).unwrap();
        assert!(again == file);
        let _ = file.fleeting();
    }
    if let Ok(file) = serde_json::from_slice::<TerminalFile>(data) {
        let again: TerminalFile = serde_json::from_slice(&serde_json::to_vec(&file).unwrap()).unwrap();
        assert!(again == file);
    }
    if let Ok(vend) = serde_json::from_slice::<Vend>(data) {
        assert_eq!(serde_json::from_slice::<Vend>(&serde_json::to_vec(&vend).unwrap()).unwrap(), vend);
    }
}
