//! What no file of rows says of the demo: where it is, what clients brought in themselves, their cards, and what was agreed with
//! them. All of it is fictitious.

use crate::domain::plan_line::Performer;
use crate::services::imports::FileKind;

/// An organisation's rules, as in its file, that the demo uses from long ago on.
pub(super) const SCHEMES: [&str; 3] = [
    include_str!("../../../schemes/archipel.toml"),
    include_str!("../../../schemes/amsta.toml"),
    include_str!("../../../schemes/zzg.toml"),
];

/// Files of rows in the order in which they are imported.
pub(super) const OFFER: [(FileKind, &str); 2] = [
    (FileKind::Services, include_str!("../../../demo/house/services.csv")),
    (FileKind::Prices, include_str!("../../../demo/house/prices.csv")),
];

pub(super) const PEOPLE: [(FileKind, &str); 4] = [
    (FileKind::Tariffs, include_str!("../../../demo/house/tariffs.csv")),
    (FileKind::Clients, include_str!("../../../demo/house/clients.csv")),
    (FileKind::Indications, include_str!("../../../demo/house/indications.csv")),
    (FileKind::Representatives, include_str!("../../../demo/house/representatives.csv")),
];

/// A price that changed some days ago: tills that did not hear of it show the one of before.
pub(super) const DEARER: (&str, &str) = ("appeltaart-fictief", "3,75;15");

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

/// What clients paid in, in cents.
pub(super) const OWN_MONEY: &[(i32, i64)] = &[
    (9001, 7_500),
    (9003, 3_000),
    (9004, 2_500),
    (9005, 6_000),
    (9007, 10_000),
    (9008, 4_000),
    (9009, 1_000),
    (9011, 2_250),
    (9012, 1_925),
    (9013, 3_000),
    (9014, 2_625),
    (9015, 2_450),
    (9016, 3_750),
    (9017, 1_000),
    (9018, 2_975),
    (9019, 500),
    (9020, 1_375),
    (9021, 500),
    (9022, 1_250),
    (9023, 1_750),
    (9024, 1_025),
    (9025, 2_000),
    (9026, 2_125),
    (9027, 1_550),
    (9028, 2_750),
    (9029, 2_500),
    (9030, 2_075),
    (9031, 3_500),
    (9032, 2_875),
    (9033, 2_600),
    (9034, 250),
    (9035, 1_250),
    (9036, 125),
    (9037, 1_000),
    (9038, 1_625),
    (9039, 650),
    (9040, 1_750),
];

/// Hundredths of a point that clients bought of it.
pub(super) const BOUGHT_POINTS: &[(i32, i64)] =
    &[(9003, 1_500), (9011, 400), (9017, 400), (9023, 400), (9029, 400), (9035, 400)];

/// Who has a limit a tap on the card, in cents; four times as much a day.
pub(super) const TAP_LIMIT: (i32, i64) = (9007, 1_000);
/// Whose card is out of date.
pub(super) const EXPIRED: i32 = 9009;
/// Who has left.
pub(super) const LEFT: i32 = 9010;

/// What is agreed with a client, from the first day of the month on.
pub(super) struct Agreed {
    pub client: i32,
    /// Its code.
    pub service: &'static str,
    pub performer: Performer,
    /// iCalendar RRULE.
    pub recurrence: &'static str,
    pub hour: u32,
    pub minutes: u16,
}

const fn by_staff(client: i32, service: &'static str, recurrence: &'static str, (hour, minutes): (u32, u16)) -> Agreed {
    Agreed { client, service, performer: Performer::Staff, recurrence, hour, minutes }
}

/// A daughter does the windows, and on the last day of a month what is otherwise staff's: what nobody agreed is free.
pub(super) const AGREED: &[Agreed] = &[
    by_staff(9001, "douchen-fictief", "FREQ=DAILY", (8, 30)),
    by_staff(9001, "schilderen-fictief", "FREQ=WEEKLY;BYDAY=TU", (14, 60)),
    Agreed {
        performer: Performer::Family,
        ..by_staff(9001, "ramen-fictief", "FREQ=MONTHLY;BYMONTHDAY=5,19", (10, 60))
    },
    by_staff(9002, "wandelgroep-fictief", "FREQ=WEEKLY;BYDAY=TH", (10, 45)),
    by_staff(9003, "begeleiding-fictief", ALL_BUT_THE_LAST, (9, 180)),
    by_staff(9004, "douchen-fictief", "FREQ=DAILY;INTERVAL=2", (8, 30)),
    by_staff(9004, "wandelgroep-fictief", "FREQ=WEEKLY;BYDAY=TH", (10, 45)),
    // more than the minutes of his profile: red
    by_staff(9012, "begeleiding-fictief", "FREQ=DAILY", (9, 180)),
];

const ALL_BUT_THE_LAST: &str = "FREQ=MONTHLY;BYMONTHDAY=-2,-3,-4,-5,-6,-7,-8,-9,-10,-11,-12,-13,-14,-15,-16,-17,-18,-19,\
    -20,-21,-22,-23,-24,-25,-26,-27,-28,-29,-30,-31";

/// What a card's file is called: the client's place and name (`01-appelbloesem`).
pub(super) fn file_of(client: i32, name: &str) -> String {
    let last = name.split_whitespace().last().unwrap_or_default().to_lowercase();
    format!("{:02}-{last}", client.rem_euclid(100))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn rows(kind: FileKind) -> impl Iterator<Item = Vec<&'static str>> {
        let files = || OFFER.into_iter().chain(PEOPLE).filter(move |(of, _)| *of == kind);
        files().flat_map(|(_, text)| text.lines().skip(1).map(|row| row.split(';').collect()))
    }

    #[test]
    fn forty_clients_have_files_and_names_of_their_own_in_three_schemes() {
        let names: BTreeSet<&str> = rows(FileKind::Clients).map(|row| row[1]).collect();
        let files: BTreeSet<String> =
            rows(FileKind::Clients).map(|row| file_of(row[0].parse().unwrap_or(0), row[1])).collect();
        assert_eq!((names.len(), files.len(), rows(FileKind::Clients).count()), (40, 40, 40));
        assert!(files.contains("01-appelbloesem") && files.contains("40-rozemarijn"), "{files:?}");
        for scheme in ["archipel", "amsta", "zzg"] {
            assert!(rows(FileKind::Clients).filter(|row| row[2] == scheme).count() >= 10, "{scheme}");
        }
        let clients: BTreeSet<i32> = rows(FileKind::Clients).filter_map(|row| row[0].parse().ok()).collect();
        let named = OWN_MONEY.iter().chain(BOUGHT_POINTS).chain([&TAP_LIMIT]).map(|(client, _)| *client);
        for client in named.chain([EXPIRED, LEFT]).chain(AGREED.iter().map(|agreed| agreed.client)) {
            assert!(clients.contains(&client), "{client}");
        }
    }

    #[test]
    fn each_row_says_that_it_is_fictitious() {
        let clients: BTreeSet<&str> =
            rows(FileKind::Clients).filter(|row| row[3].contains("(fictief)")).map(|row| row[0]).collect();
        assert_eq!(clients.len(), 40);
        for (kind, text) in OFFER.into_iter().chain(PEOPLE) {
            for row in text.lines().skip(1) {
                let is_of_client = row.split(';').next().is_some_and(|first| clients.contains(first));
                assert!(is_of_client || row.contains("fictief"), "{kind:?}: {row}");
            }
        }
    }
}
