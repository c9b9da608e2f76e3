//! The demo's tables. Names, tariffs, prices and amounts are fictitious.

use super::BUYERS;
use crate::domain::funding::LineKind;
use crate::domain::wallet::Buyer;

/// A location with its terminals: the file of each, and what staff call it.
pub(super) struct DemoLocation {
    pub name: &'static str,
    pub terminals: &'static [(&'static str, &'static str)],
}

pub(super) const LOCATIONS: &[DemoLocation] = &[
    DemoLocation {
        name: "De Linde (fictief)",
        terminals: &[
            ("linde-kassa-1", "Restaurant, kassa 1"),
            ("linde-kassa-2", "Restaurant, kassa 2"),
            ("linde-dagbesteding", "Dagbesteding"),
            ("linde-wasmachine", "Wasmachine"),
        ],
    },
    DemoLocation {
        name: "De Wilg (fictief)",
        terminals: &[("wilg-kassa-1", "Grand café, kassa 1"), ("wilg-kassa-2", "Grand café, kassa 2")],
    },
];

/// What is sold, at one price for everyone.
pub(super) struct DemoService {
    pub name: &'static str,
    pub name_en: &'static str,
    pub category: &'static str,
    pub cents: u64,
    /// None: no price in minutes.
    pub minutes: Option<i64>,
    pub vat_basis_points: u16,
    sold: Sold,
}

/// What a service is, by buyer.
enum Sold {
    /// In the package of who has one, an extra for others.
    Meal,
    Extra,
    Own,
    Activity,
    /// Not sold to who has no Wlz indication.
    Care,
}

impl DemoService {
    /// Which buyers it is sold to, and what it is for each.
    pub(super) fn kinds(&self) -> Vec<(Buyer, LineKind)> {
        let kind = |buyer: Buyer| match (&self.sold, buyer) {
            (Sold::Meal, Buyer::Verblijf | Buyer::Vpt) => Some(LineKind::Included),
            (Sold::Meal | Sold::Extra, _) => Some(LineKind::Extra),
            (Sold::Own, _) => Some(LineKind::Own),
            (Sold::Activity, _) => Some(LineKind::Activity),
            (Sold::Care, Buyer::NoWlz) => None,
            (Sold::Care, _) => Some(LineKind::Care),
        };
        BUYERS.into_iter().filter_map(|buyer| Some((buyer, kind(buyer)?))).collect()
    }
}

/// One row.
macro_rules! services {
    ($($category:literal $sold:ident $name:literal $name_en:literal $cents:literal $minutes:expr, $vat:literal;)+) => {
        pub(super) const SERVICES: &[DemoService] = &[$(DemoService {
            name: $name, name_en: $name_en, category: $category, cents: $cents, minutes: $minutes,
            vat_basis_points: $vat, sold: Sold::$sold,
        },)+];
    };
}

services! {
    "dranken" Extra "Koffie" "Coffee" 250 Some(15), 900;
    "dranken" Extra "Thee" "Tea" 225 Some(15), 900;
    "dranken" Own "Glas wijn" "Glass of wine" 350 None, 2100;
    "dranken" Own "Glas bier" "Glass of beer" 325 None, 2100;
    "maaltijden" Meal "Warme maaltijd" "Hot meal" 950 Some(45), 900;
    "maaltijden" Meal "Broodmaaltijd" "Sandwich meal" 575 Some(30), 900;
    "maaltijden" Extra "Soep van de dag" "Soup of the day" 325 Some(15), 900;
    "maaltijden" Extra "Appeltaart" "Apple pie" 375 Some(15), 900;
    "activiteiten" Activity "Schilderen" "Painting" 1450 Some(60), 0;
    "activiteiten" Activity "Bingo" "Bingo" 400 Some(30), 0;
    "activiteiten" Activity "Wandelgroep" "Walking group" 600 Some(45), 0;
    "zorg" Care "Hulp bij douchen" "Help with showering" 2475 Some(30), 0;
    "zorg" Care "Extra kwartier hulp" "Extra quarter of help" 1240 Some(15), 0;
    "diensten" Extra "Kapper" "Hairdresser" 2750 None, 900;
    "diensten" Extra "Wasbeurt" "Laundry" 300 None, 2100;
    "diensten" Extra "Uitstapje" "Outing" 2200 Some(120), 900;
}

/// What a client starts the month with.
pub(super) enum Purses {
    Euros {
        budget_cents: i64,
        own_cents: i64,
    },
    /// The budget is given in cents and becomes points; bought points are hundredths, paid from own money.
    Points {
        budget_cents: i64,
        bought_points: i64,
        own_cents: i64,
    },
    Minutes {
        budget_minutes: i64,
        own_cents: i64,
    },
    OwnMoney {
        own_cents: i64,
    },
}

/// A client with a card.
pub(super) struct DemoClient {
    pub file: &'static str,
    pub name: &'static str,
    pub buyer: Buyer,
    pub purses: Purses,
    pub tap_limit_cents: Option<i64>,
    pub has_expired: bool,
    pub has_left: bool,
}

const PLAIN: DemoClient = DemoClient {
    file: "",
    name: "",
    buyer: Buyer::Verblijf,
    purses: Purses::OwnMoney { own_cents: 0 },
    tap_limit_cents: None,
    has_expired: false,
    has_left: false,
};

/// Named after plants. The first ten are the ones of the demo's story.
#[rustfmt::skip]
pub(super) const CLIENTS: &[DemoClient] = &[
    DemoClient { file: "01-appelbloesem", name: "mw. Appelbloesem", buyer: Buyer::Verblijf, purses: Purses::Euros { budget_cents: 185_000, own_cents: 7_500 }, ..PLAIN },
    DemoClient { file: "02-beukenoot", name: "dhr. Beukenoot", buyer: Buyer::Vpt, purses: Purses::Euros { budget_cents: 62_000, own_cents: 0 }, ..PLAIN },
    DemoClient { file: "03-citroenmelisse", name: "mw. Citroenmelisse", buyer: Buyer::Verblijf, purses: Purses::Points { budget_cents: 24_000, bought_points: 1_500, own_cents: 3_000 }, ..PLAIN },
    DemoClient { file: "04-duizendblad", name: "dhr. Duizendblad", buyer: Buyer::Verblijf, purses: Purses::Minutes { budget_minutes: 840, own_cents: 2_500 }, ..PLAIN },
    DemoClient { file: "05-esdoorn", name: "mw. Esdoorn", buyer: Buyer::NoWlz, purses: Purses::OwnMoney { own_cents: 6_000 }, ..PLAIN },
    DemoClient { file: "06-fluitenkruid", name: "dhr. Fluitenkruid", buyer: Buyer::Verblijf, purses: Purses::Euros { budget_cents: 0, own_cents: 0 }, ..PLAIN },
    DemoClient { file: "07-goudsbloem", name: "mw. Goudsbloem", buyer: Buyer::Verblijf, purses: Purses::Euros { budget_cents: 140_000, own_cents: 10_000 }, tap_limit_cents: Some(1_000), ..PLAIN },
    DemoClient { file: "08-hazelaar", name: "dhr. Hazelaar", buyer: Buyer::Mpt, purses: Purses::Euros { budget_cents: 55_000, own_cents: 4_000 }, ..PLAIN },
    DemoClient { file: "09-iepenblad", name: "mw. Iepenblad", buyer: Buyer::Verblijf, purses: Purses::Euros { budget_cents: 90_000, own_cents: 1_000 }, has_expired: true, ..PLAIN },
    DemoClient { file: "10-jeneverbes", name: "dhr. Jeneverbes", buyer: Buyer::Verblijf, purses: Purses::Euros { budget_cents: 0, own_cents: 0 }, has_left: true, ..PLAIN },
    DemoClient { file: "11-kamille", name: "mw. Kamille", buyer: Buyer::Vpt, purses: Purses::Points { budget_cents: 30_000, bought_points: 400, own_cents: 2250 }, ..PLAIN },
    DemoClient { file: "12-lavendel", name: "dhr. Lavendel", buyer: Buyer::Mpt, purses: Purses::Minutes { budget_minutes: 530, own_cents: 1925 }, ..PLAIN },
    DemoClient { file: "13-meidoorn", name: "mw. Meidoorn", buyer: Buyer::Verblijf, purses: Purses::Euros { budget_cents: 96_000, own_cents: 3000 }, ..PLAIN },
    DemoClient { file: "14-nagelkruid", name: "dhr. Nagelkruid", buyer: Buyer::Verblijf, purses: Purses::Points { budget_cents: 33_000, bought_points: 0, own_cents: 2625 }, ..PLAIN },
    DemoClient { file: "15-oleander", name: "mw. Oleander", buyer: Buyer::Vpt, purses: Purses::Minutes { budget_minutes: 560, own_cents: 2450 }, ..PLAIN },
    DemoClient { file: "16-pimpernel", name: "dhr. Pimpernel", buyer: Buyer::Mpt, purses: Purses::Euros { budget_cents: 105_000, own_cents: 3750 }, ..PLAIN },
    DemoClient { file: "17-querciflora", name: "mw. Querciflora", buyer: Buyer::Verblijf, purses: Purses::Points { budget_cents: 36_000, bought_points: 400, own_cents: 1000 }, ..PLAIN },
    DemoClient { file: "18-rozenbottel", name: "dhr. Rozenbottel", buyer: Buyer::Verblijf, purses: Purses::Minutes { budget_minutes: 590, own_cents: 2975 }, ..PLAIN },
    DemoClient { file: "19-sleedoorn", name: "mw. Sleedoorn", buyer: Buyer::Vpt, purses: Purses::Euros { budget_cents: 114_000, own_cents: 500 }, ..PLAIN },
    DemoClient { file: "20-tijmkruid", name: "dhr. Tijmkruid", buyer: Buyer::Mpt, purses: Purses::Points { budget_cents: 39_000, bought_points: 0, own_cents: 1375 }, ..PLAIN },
    DemoClient { file: "21-uiltjesbloem", name: "mw. Uiltjesbloem", buyer: Buyer::Verblijf, purses: Purses::Minutes { budget_minutes: 620, own_cents: 500 }, ..PLAIN },
    DemoClient { file: "22-vlierbes", name: "dhr. Vlierbes", buyer: Buyer::Verblijf, purses: Purses::Euros { budget_cents: 123_000, own_cents: 1250 }, ..PLAIN },
    DemoClient { file: "23-wilgenroosje", name: "mw. Wilgenroosje", buyer: Buyer::Vpt, purses: Purses::Points { budget_cents: 42_000, bought_points: 400, own_cents: 1750 }, ..PLAIN },
    DemoClient { file: "24-zonnehoed", name: "dhr. Zonnehoed", buyer: Buyer::Mpt, purses: Purses::Minutes { budget_minutes: 650, own_cents: 1025 }, ..PLAIN },
    DemoClient { file: "25-anemoon", name: "mw. Anemoon", buyer: Buyer::Verblijf, purses: Purses::Euros { budget_cents: 132_000, own_cents: 2000 }, ..PLAIN },
    DemoClient { file: "26-boterbloem", name: "dhr. Boterbloem", buyer: Buyer::Verblijf, purses: Purses::Points { budget_cents: 45_000, bought_points: 0, own_cents: 2125 }, ..PLAIN },
    DemoClient { file: "27-cichorei", name: "mw. Cichorei", buyer: Buyer::Vpt, purses: Purses::Minutes { budget_minutes: 680, own_cents: 1550 }, ..PLAIN },
    DemoClient { file: "28-dotterbloem", name: "dhr. Dotterbloem", buyer: Buyer::Mpt, purses: Purses::Euros { budget_cents: 141_000, own_cents: 2750 }, ..PLAIN },
    DemoClient { file: "29-eikenblad", name: "mw. Eikenblad", buyer: Buyer::Verblijf, purses: Purses::Points { budget_cents: 48_000, bought_points: 400, own_cents: 2500 }, ..PLAIN },
    DemoClient { file: "30-foelie", name: "dhr. Foelie", buyer: Buyer::Verblijf, purses: Purses::Minutes { budget_minutes: 710, own_cents: 2075 }, ..PLAIN },
    DemoClient { file: "31-gentiaan", name: "mw. Gentiaan", buyer: Buyer::Vpt, purses: Purses::Euros { budget_cents: 150_000, own_cents: 3500 }, ..PLAIN },
    DemoClient { file: "32-hertshooi", name: "dhr. Hertshooi", buyer: Buyer::Mpt, purses: Purses::Points { budget_cents: 51_000, bought_points: 0, own_cents: 2875 }, ..PLAIN },
    DemoClient { file: "33-judaspenning", name: "mw. Judaspenning", buyer: Buyer::Verblijf, purses: Purses::Minutes { budget_minutes: 740, own_cents: 2600 }, ..PLAIN },
    DemoClient { file: "34-klaproos", name: "dhr. Klaproos", buyer: Buyer::Verblijf, purses: Purses::Euros { budget_cents: 159_000, own_cents: 250 }, ..PLAIN },
    DemoClient { file: "35-lisdodde", name: "mw. Lisdodde", buyer: Buyer::Vpt, purses: Purses::Points { budget_cents: 54_000, bought_points: 400, own_cents: 1250 }, ..PLAIN },
    DemoClient { file: "36-maartviool", name: "dhr. Maartviool", buyer: Buyer::Mpt, purses: Purses::Minutes { budget_minutes: 770, own_cents: 125 }, ..PLAIN },
    DemoClient { file: "37-narcis", name: "mw. Narcis", buyer: Buyer::Verblijf, purses: Purses::Euros { budget_cents: 168_000, own_cents: 1000 }, ..PLAIN },
    DemoClient { file: "38-ooievaarsbek", name: "dhr. Ooievaarsbek", buyer: Buyer::Verblijf, purses: Purses::Points { budget_cents: 57_000, bought_points: 0, own_cents: 1625 }, ..PLAIN },
    DemoClient { file: "39-perenbloesem", name: "mw. Perenbloesem", buyer: Buyer::Vpt, purses: Purses::Minutes { budget_minutes: 800, own_cents: 650 }, ..PLAIN },
    DemoClient { file: "40-rozemarijn", name: "dhr. Rozemarijn", buyer: Buyer::Mpt, purses: Purses::Euros { budget_cents: 177_000, own_cents: 1750 }, ..PLAIN },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn forty_clients_have_files_and_names_of_their_own() {
        assert_eq!(CLIENTS.len(), 40);
        assert_eq!(CLIENTS.iter().map(|client| client.file).collect::<BTreeSet<_>>().len(), 40);
        assert_eq!(CLIENTS.iter().map(|client| client.name).collect::<BTreeSet<_>>().len(), 40);
    }

    #[test]
    fn there_are_wallets_in_each_unit_and_one_with_own_money_only() {
        let count = |is: fn(&Purses) -> bool| CLIENTS.iter().filter(|client| is(&client.purses)).count();
        assert!(count(|purses| matches!(purses, Purses::Euros { .. })) >= 10);
        assert!(count(|purses| matches!(purses, Purses::Points { .. })) >= 10);
        assert!(count(|purses| matches!(purses, Purses::Minutes { .. })) >= 10);
        assert_eq!(count(|purses| matches!(purses, Purses::OwnMoney { .. })), 1);
    }
}
