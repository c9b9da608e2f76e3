//! What an organisation offers: services, with a kind for each buyer, and their prices.

use chrono::NaiveDate;

use super::cell::{Cells, rows};
use super::sheet::{Column, needed, optional};
use super::{At, Errors, told_once};
use crate::domain::funding::LineKind;
use crate::domain::money::Amount;
use crate::domain::wallet::Buyer;

/// In hundredths of a percent.
pub const VAT_MAX: i64 = 10_000;
const CENTS_MAX: i64 = 100_000_000;

/// A service.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ServiceRow {
    pub code: String,
    pub name: String,
    pub name_en: String,
    pub category: String,
    /// The staff function that performs it, where nobody says otherwise.
    pub function: Option<String>,
    pub vat_basis_points: i16,
    /// How many a day the package includes; none: no bound.
    pub included_per_day: Option<i16>,
    /// Care that a client may agree to pay from savings.
    pub from_savings: bool,
    pub council_agreed_on: Option<NaiveDate>,
    pub published_on: Option<NaiveDate>,
    /// By buyer, in the order of [`Buyer::ALL`]; none: not sold to this buyer.
    pub kinds: [Option<LineKind>; 6],
}

/// What one of a service costs when this function performs it, from a day on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct PriceRow {
    /// Its code.
    pub service: String,
    /// Empty where the service has none.
    pub function: String,
    pub from: NaiveDate,
    pub price: Amount,
    pub minutes: Option<i64>,
    /// Of its own, in hundredths, with the reason; none: they follow from the price.
    pub points: Option<(i64, String)>,
}

const SERVICES: &[Column] = &[
    needed("code", "dienstcode"),
    needed("name", "naam"),
    needed("name_en", "naam_en"),
    needed("category", "groep"),
    optional("function", "functie"),
    needed("vat_percent", "btw_procent"),
    optional("included_per_day", "inbegrepen_per_dag"),
    optional("from_savings", "uit_spaarpot"),
    optional("council_agreed_on", "clientenraad_akkoord"),
    optional("published_on", "gepubliceerd"),
    needed("verblijf", "verblijf"),
    needed("vpt", "vpt"),
    needed("mpt", "mpt"),
    needed("no_wlz", "geen_wlz"),
    needed("guest", "gast"),
    needed("staff", "personeel"),
];

const PRICES: &[Column] = &[
    needed("service", "dienst"),
    optional("function", "functie"),
    needed("from", "van"),
    needed("price", "prijs"),
    optional("minutes", "minuten"),
    optional("points", "punten"),
    optional("points_reason", "reden_punten"),
];

/// Reads services.
///
/// # Errors
/// All that is wrong with the file.
pub fn services(bytes: &[u8]) -> Result<Vec<At<ServiceRow>>, Errors> {
    let mut errors = Errors::default();
    let rows = rows(bytes, SERVICES, &mut errors, service);
    told_once(&rows, |row| row.code.clone(), |row| format!("service {}", row.code), &mut errors);
    errors.or(rows)
}

fn service(cells: &mut Cells<'_>) -> Option<ServiceRow> {
    let (code, name, name_en) = (cells.code("code", 50), cells.text("name", 100), cells.text("name_en", 100));
    let (category, function) = (cells.text("category", 50), cells.text_or_none("function", 50));
    let vat = cells.number_or_none("vat_percent", 2, 0..=VAT_MAX);
    if vat == Some(None) {
        cells.wrong("vat_percent", "the field is empty: write 0, 9 or 21");
    }
    let included = cells.number_or_none("included_per_day", 0, 1..=100);
    let from_savings = if cells.raw("from_savings").is_empty() { Some(false) } else { cells.yes("from_savings") };
    let (agreed, published) = (cells.date_or_none("council_agreed_on"), cells.date_or_none("published_on"));
    let kinds = kinds(cells)?;
    let (included, from_savings) = (included?, from_savings?);
    let has = |kind| kinds.contains(&Some(kind));
    if included.is_some() && !has(LineKind::Included) {
        cells.wrong("included_per_day", "for no buyer this is included: leave the field empty");
        return None;
    }
    if from_savings && !has(LineKind::Care) {
        cells.wrong("from_savings", "for no buyer this is care: write nee");
        return None;
    }
    Some(ServiceRow {
        code: code?,
        name: name?,
        name_en: name_en?,
        category: category?,
        function: function?,
        vat_basis_points: i16::try_from(vat??).ok()?,
        included_per_day: match included {
            Some(included) => Some(i16::try_from(included).ok()?),
            None => None,
        },
        from_savings,
        council_agreed_on: agreed?,
        published_on: published?,
        kinds,
    })
}

/// By buyer. For guests and staff nothing is public money, and without the Wlz nothing is care or in a package.
fn kinds(cells: &mut Cells<'_>) -> Option<[Option<LineKind>; 6]> {
    let words = [
        ("", None),
        ("care", Some(LineKind::Care)),
        ("zorg", Some(LineKind::Care)),
        ("included", Some(LineKind::Included)),
        ("inbegrepen", Some(LineKind::Included)),
        ("activity", Some(LineKind::Activity)),
        ("activiteit", Some(LineKind::Activity)),
        ("extra", Some(LineKind::Extra)),
        ("own", Some(LineKind::Own)),
        ("eigen", Some(LineKind::Own)),
    ];
    let mut kinds = [None; 6];
    let mut is_right = true;
    for (kind, buyer) in kinds.iter_mut().zip(Buyer::ALL) {
        let column = buyer.name();
        let Some(word) =
            cells.word(column, &words, "care, included, activity, extra or own, or nothing where it is not sold")
        else {
            is_right = false;
            continue;
        };
        let why = match (buyer, word) {
            (Buyer::Guest | Buyer::Staff, Some(LineKind::Own) | None) => None,
            (Buyer::Guest | Buyer::Staff, Some(_)) => Some("guests and staff pay all themselves: write own or nothing"),
            (Buyer::NoWlz, Some(LineKind::Care | LineKind::Included)) => {
                Some("without a Wlz indication nothing is care or included: write extra, activity, own or nothing")
            }
            _ => None,
        };
        if let Some(why) = why {
            cells.wrong(column, why);
            is_right = false;
        }
        *kind = word;
    }
    is_right.then_some(kinds)
}

/// Reads prices.
///
/// # Errors
/// All that is wrong with the file.
pub fn prices(bytes: &[u8]) -> Result<Vec<At<PriceRow>>, Errors> {
    let mut errors = Errors::default();
    let rows = rows(bytes, PRICES, &mut errors, price);
    let what = |row: &PriceRow| {
        let by = if row.function.is_empty() { String::new() } else { format!(" by {}", row.function) };
        format!("the price of {}{by} from {}", row.service, row.from)
    };
    told_once(&rows, |row| (row.service.clone(), row.function.clone(), row.from), what, &mut errors);
    errors.or(rows)
}

fn price(cells: &mut Cells<'_>) -> Option<PriceRow> {
    let (service, function, from) = (cells.code("service", 50), cells.text_or_none("function", 50), cells.date("from"));
    let price = cells.money("price", CENTS_MAX);
    let minutes = cells.number_or_none("minutes", 0, 0..=CENTS_MAX);
    let points = cells.number_or_none("points", 2, 0..=CENTS_MAX);
    let reason = cells.text_or_none("points_reason", 500);
    let (price, minutes, points, reason) = (price?, minutes?, points?, reason?);
    let mut is_right = true;
    for (column, units) in [("minutes", minutes), ("points", points)] {
        if units.is_some_and(|units| (units == 0) != price.is_zero()) {
            cells.wrong(column, "both the price and this are 0, or neither is");
            is_right = false;
        }
    }
    let points = match (points, reason) {
        (Some(points), Some(reason)) => Some((points, reason)),
        (None, None) => None,
        (Some(_), None) => {
            cells.wrong("points_reason", "points of their own need a reason: write it, or leave the points empty");
            is_right = false;
            None
        }
        (None, Some(_)) => {
            cells.wrong(
                "points",
                "there is a reason, and no points of their own: write them, or leave the reason empty",
            );
            is_right = false;
            None
        }
    };
    let (service, function, from) = (service?, function?, from?);
    is_right.then(|| PriceRow { service, function: function.unwrap_or_default(), from, price, minutes, points })
}
