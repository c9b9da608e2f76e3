//! Clients, and who acts for them.

use chrono::NaiveDate;
use uuid::Uuid;

use super::cell::{Cells, rows};
use super::sheet::{Column, needed, optional};
use super::{At, Errors, told_once};
use crate::domain::codes::stored_codes;
use crate::domain::indication::Period;

/// A client.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ClientRow {
    pub number: i32,
    pub name: String,
    /// A scheme's name: the version follows from the month.
    pub scheme: String,
    /// A location's name.
    pub location: Option<String>,
    pub arrived_on: Option<NaiveDate>,
    /// The staff member who supports this client.
    pub supporter: Option<Uuid>,
}

stored_codes! {
    /// In what capacity somebody acts.
    RepresentativeRole {
        Curator = 1 "curator",
        Bewindvoerder = 2 "bewindvoerder",
        Mentor = 3 "mentor",
        Gemachtigde = 4 "gemachtigde",
        Family = 5 "family",
        /// Pays in, and no more.
        Depositor = 6 "depositor",
    }
}

/// Who acts for a client, per subject; or only pays in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct RepresentativeRow {
    pub client: i32,
    pub name: String,
    pub role: RepresentativeRole,
    pub for_money: bool,
    pub for_care: bool,
    pub email: Option<String>,
    pub period: Period,
}

const CLIENTS: &[Column] = &[
    needed("number", "nummer"),
    needed("name", "naam"),
    needed("scheme", "methodiek"),
    optional("location", "locatie"),
    optional("arrived_on", "aankomst"),
    optional("supporter", "begeleider"),
];

const REPRESENTATIVES: &[Column] = &[
    needed("client", "client_nummer"),
    needed("name", "naam"),
    needed("role", "rol"),
    needed("for_money", "geld"),
    needed("for_care", "zorg"),
    optional("email", "e-mail"),
    needed("from", "van"),
    optional("to", "tot_en_met"),
];

/// Reads clients.
///
/// # Errors
/// All that is wrong with the file.
pub fn clients(bytes: &[u8]) -> Result<Vec<At<ClientRow>>, Errors> {
    let mut errors = Errors::default();
    let rows = rows(bytes, CLIENTS, &mut errors, |cells| {
        let (number, name, scheme) =
            (cells.client_number("number"), cells.name("name", 200), cells.text("scheme", 100));
        let (location, arrived_on) = (cells.text_or_none("location", 200), cells.date_or_none("arrived_on"));
        let supporter = supporter(cells);
        Some(ClientRow {
            number: number?,
            name: name?,
            scheme: scheme?,
            location: location?,
            arrived_on: arrived_on?,
            supporter: supporter?,
        })
    });
    told_once(&rows, |row| row.number, |row| format!("client {}", row.number), &mut errors);
    errors.or(rows)
}

#[allow(clippy::option_option)]
fn supporter(cells: &mut Cells<'_>) -> Option<Option<Uuid>> {
    let Some(text) = cells.text_or_none("supporter", 36)? else { return Some(None) };
    let id = Uuid::parse_str(&text).ok();
    if id.is_none() {
        cells.wrong("supporter", format!("`{text}` is no staff member's id (a UUID)"));
        return None;
    }
    Some(id)
}

/// Reads representatives.
///
/// # Errors
/// All that is wrong with the file.
pub fn representatives(bytes: &[u8]) -> Result<Vec<At<RepresentativeRow>>, Errors> {
    let mut errors = Errors::default();
    let rows = rows(bytes, REPRESENTATIVES, &mut errors, representative);
    let what = |row: &RepresentativeRow| {
        let role = row.role.name();
        format!("{} as {role} of client {} from {}", row.name, row.client, row.period.from)
    };
    told_once(&rows, |row| (row.client, row.name.clone(), row.role, row.period.from), what, &mut errors);
    errors.or(rows)
}

fn representative(cells: &mut Cells<'_>) -> Option<RepresentativeRow> {
    let words = [
        ("curator", RepresentativeRole::Curator),
        ("bewindvoerder", RepresentativeRole::Bewindvoerder),
        ("mentor", RepresentativeRole::Mentor),
        ("gemachtigde", RepresentativeRole::Gemachtigde),
        ("family", RepresentativeRole::Family),
        ("familie", RepresentativeRole::Family),
        ("depositor", RepresentativeRole::Depositor),
        ("inlegger", RepresentativeRole::Depositor),
    ];
    let all = "curator, bewindvoerder, mentor, gemachtigde, family or depositor";
    let (client, name, role) =
        (cells.client_number("client"), cells.name("name", 200), cells.word("role", &words, all));
    let (for_money, for_care) = (cells.yes("for_money"), cells.yes("for_care"));
    let (email, period) = (email(cells), cells.period());
    let (role, for_money, for_care) = (role?, for_money?, for_care?);
    match role {
        RepresentativeRole::Bewindvoerder if for_care => {
            cells.wrong("for_care", "a bewindvoerder has no say in care: write nee");
            return None;
        }
        RepresentativeRole::Mentor if for_money => {
            cells.wrong("for_money", "a mentor has no say in money: write nee");
            return None;
        }
        RepresentativeRole::Depositor if for_money || for_care => {
            let column = if for_money { "for_money" } else { "for_care" };
            cells.wrong(column, "a depositor pays in and acts for nobody: write nee");
            return None;
        }
        _ => {}
    }
    Some(RepresentativeRow { client: client?, name: name?, role, for_money, for_care, email: email?, period: period? })
}

#[allow(clippy::option_option)]
fn email(cells: &mut Cells<'_>) -> Option<Option<String>> {
    let Some(email) = cells.text_or_none("email", 254)? else { return Some(None) };
    let is_address =
        email.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'))
            && !email.contains(char::is_whitespace);
    if !is_address {
        cells.wrong("email", format!("`{email}` is no e-mail address"));
        return None;
    }
    Some(Some(email))
}
