//! Rows as other systems send them, and as lines of the file that each could stand in. Money and points are minor units here, and
//! decimals there.

use chrono::NaiveDate;
use serde::Deserialize;
use uuid::Uuid;

use crate::services::imports::FileKind;

/// What a client is indicated for, from a day on.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IndicationRow {
    /// The client's number.
    client: u32,
    /// ZZP code.
    profile: String,
    /// `verblijf`, `vpt` or `mpt`.
    delivery: String,
    treatment: bool,
    day_activities: bool,
    from: NaiveDate,
    /// The last day; left out: none is known.
    to: Option<NaiveDate>,
}

/// A client's dated extra.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdditionRow {
    /// The client's number.
    client: u32,
    /// Product code.
    code: String,
    day_cents: u32,
    from: NaiveDate,
    /// The last day; left out: none is known.
    to: Option<NaiveDate>,
}

/// Who acts for a client, per subject; or only pays in.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RepresentativeRow {
    /// The client's number.
    client: u32,
    name: String,
    /// `curator`, `bewindvoerder`, `mentor`, `gemachtigde`, `family` or `depositor`.
    role: String,
    for_money: bool,
    for_care: bool,
    email: Option<String>,
    from: NaiveDate,
    /// The last day; left out: none is known.
    to: Option<NaiveDate>,
}

/// Cents a day for a product code in a period, as contracted.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TariffRow {
    /// Product code.
    code: String,
    /// ZZP code.
    profile: String,
    /// `verblijf`, `vpt` or `mpt`.
    delivery: String,
    treatment: bool,
    day_activities: bool,
    day_cents: u32,
    from: NaiveDate,
    /// The last day; left out: none is known.
    to: Option<NaiveDate>,
    /// Where it stands.
    source: String,
}

/// Who has a wallet.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientRow {
    /// Random, 1 to 9 digits; never a BSN.
    number: u32,
    name: String,
    /// A scheme's name.
    scheme: String,
    /// A location's name.
    location: Option<String>,
    arrived_on: Option<NaiveDate>,
    /// The staff member who supports this client, and so gives this client no care.
    supporter: Option<Uuid>,
}

/// What is sold, and what it is for each buyer: `care`, `included`, `activity`, `extra`, `own`; left out: not sold to this buyer.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct ServiceRow {
    /// Letters, digits, `-`, `_` and `.`.
    code: String,
    name: String,
    name_en: String,
    /// The group of tiles.
    category: String,
    /// The staff function that performs it, where nobody says otherwise.
    function: Option<String>,
    vat_basis_points: u32,
    /// How many a day the package includes; left out: no bound.
    included_per_day: Option<u32>,
    /// Care that a client may agree to pay from savings.
    #[serde(default)]
    from_savings: bool,
    council_agreed_on: Option<NaiveDate>,
    published_on: Option<NaiveDate>,
    verblijf: Option<String>,
    vpt: Option<String>,
    mpt: Option<String>,
    no_wlz: Option<String>,
    guest: Option<String>,
    staff: Option<String>,
}

/// What one of a service costs when this function performs it, from a day on.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceRow {
    /// Its code.
    service: String,
    /// Left out where the service has none.
    function: Option<String>,
    from: NaiveDate,
    price_cents: u32,
    minutes: Option<u32>,
    /// Hundredths of a point, only where they do not follow from the price; needs a reason.
    points: Option<u32>,
    points_reason: Option<String>,
}

/// How long absence is funded, for a delivery form from a day on.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AbsenceSettingRow {
    /// `verblijf`, `vpt` or `mpt`.
    delivery: String,
    from: NaiveDate,
    /// Of medical absence, one after the other.
    medical_days: u32,
    /// Of one holiday.
    holiday_days_each: u32,
    /// Of all holidays of a calendar year.
    holiday_days_year: u32,
    /// Days of stay before a holiday is funded at all.
    holiday_after_days: u32,
    /// Where it stands.
    source: String,
}

/// A row as a line of the file that it could stand in.
pub(super) trait AsLine {
    const KIND: FileKind;
    /// Columns of the file; where the field has another name, that is the second.
    const COLUMNS: &'static [(&'static str, &'static str)];
    fn cells(&self) -> Vec<String>;
}

fn yes(yes: bool) -> String {
    if yes { "ja" } else { "nee" }.to_owned()
}

/// Hundredths as a number with two decimals.
fn hundredths(minor: u32) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

fn number(number: Option<u32>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}

fn day(day: Option<NaiveDate>) -> String {
    day.map(|day| day.to_string()).unwrap_or_default()
}

macro_rules! same {
    ($($name:literal),+) => { &[$(($name, $name)),+] };
}

impl AsLine for IndicationRow {
    const KIND: FileKind = FileKind::Indications;
    const COLUMNS: &'static [(&'static str, &'static str)] =
        same!("client", "profile", "delivery", "treatment", "day_activities", "from", "to");

    fn cells(&self) -> Vec<String> {
        let (treatment, activities) = (yes(self.treatment), yes(self.day_activities));
        let (profile, delivery) = (self.profile.clone(), self.delivery.clone());
        vec![self.client.to_string(), profile, delivery, treatment, activities, self.from.to_string(), day(self.to)]
    }
}

impl AsLine for AdditionRow {
    const KIND: FileKind = FileKind::Additions;
    const COLUMNS: &'static [(&'static str, &'static str)] =
        &[("client", "client"), ("code", "code"), ("price_per_day", "day_cents"), ("from", "from"), ("to", "to")];

    fn cells(&self) -> Vec<String> {
        let (code, price) = (self.code.clone(), hundredths(self.day_cents));
        vec![self.client.to_string(), code, price, self.from.to_string(), day(self.to)]
    }
}

impl AsLine for RepresentativeRow {
    const KIND: FileKind = FileKind::Representatives;
    const COLUMNS: &'static [(&'static str, &'static str)] =
        same!("client", "name", "role", "for_money", "for_care", "email", "from", "to");

    fn cells(&self) -> Vec<String> {
        let (client, name, role) = (self.client.to_string(), self.name.clone(), self.role.clone());
        let (money, care, email) = (yes(self.for_money), yes(self.for_care), self.email.clone().unwrap_or_default());
        vec![client, name, role, money, care, email, self.from.to_string(), day(self.to)]
    }
}

impl AsLine for TariffRow {
    const KIND: FileKind = FileKind::Tariffs;
    const COLUMNS: &'static [(&'static str, &'static str)] = &[
        ("code", "code"),
        ("profile", "profile"),
        ("delivery", "delivery"),
        ("treatment", "treatment"),
        ("day_activities", "day_activities"),
        ("price_per_day", "day_cents"),
        ("from", "from"),
        ("to", "to"),
        ("source", "source"),
    ];

    fn cells(&self) -> Vec<String> {
        let (code, profile, delivery) = (self.code.clone(), self.profile.clone(), self.delivery.clone());
        let (treatment, activities, price) =
            (yes(self.treatment), yes(self.day_activities), hundredths(self.day_cents));
        let (from, to, source) = (self.from.to_string(), day(self.to), self.source.clone());
        vec![code, profile, delivery, treatment, activities, price, from, to, source]
    }
}

impl AsLine for ClientRow {
    const KIND: FileKind = FileKind::Clients;
    const COLUMNS: &'static [(&'static str, &'static str)] =
        same!("number", "name", "scheme", "location", "arrived_on", "supporter");

    fn cells(&self) -> Vec<String> {
        let (name, scheme, location) = (self.name.clone(), self.scheme.clone(), self.location.clone());
        let supporter = self.supporter.map(|id| id.to_string()).unwrap_or_default();
        vec![self.number.to_string(), name, scheme, location.unwrap_or_default(), day(self.arrived_on), supporter]
    }
}

impl AsLine for ServiceRow {
    const KIND: FileKind = FileKind::Services;
    const COLUMNS: &'static [(&'static str, &'static str)] = &[
        ("code", "code"),
        ("name", "name"),
        ("name_en", "name_en"),
        ("category", "category"),
        ("function", "function"),
        ("vat_percent", "vat_basis_points"),
        ("included_per_day", "included_per_day"),
        ("from_savings", "from_savings"),
        ("council_agreed_on", "council_agreed_on"),
        ("published_on", "published_on"),
        ("verblijf", "verblijf"),
        ("vpt", "vpt"),
        ("mpt", "mpt"),
        ("no_wlz", "no_wlz"),
        ("guest", "guest"),
        ("staff", "staff"),
    ];

    fn cells(&self) -> Vec<String> {
        let kinds = [&self.verblijf, &self.vpt, &self.mpt, &self.no_wlz, &self.guest, &self.staff];
        let mut cells = vec![
            self.code.clone(),
            self.name.clone(),
            self.name_en.clone(),
            self.category.clone(),
            self.function.clone().unwrap_or_default(),
            hundredths(self.vat_basis_points),
            number(self.included_per_day),
            yes(self.from_savings),
            day(self.council_agreed_on),
            day(self.published_on),
        ];
        cells.extend(kinds.map(|kind| kind.clone().unwrap_or_default()));
        cells
    }
}

impl AsLine for PriceRow {
    const KIND: FileKind = FileKind::Prices;
    const COLUMNS: &'static [(&'static str, &'static str)] = &[
        ("service", "service"),
        ("function", "function"),
        ("from", "from"),
        ("price", "price_cents"),
        ("minutes", "minutes"),
        ("points", "points"),
        ("points_reason", "points_reason"),
    ];

    fn cells(&self) -> Vec<String> {
        let (service, function) = (self.service.clone(), self.function.clone().unwrap_or_default());
        let points = self.points.map(hundredths).unwrap_or_default();
        let reason = self.points_reason.clone().unwrap_or_default();
        let (from, price, minutes) = (self.from.to_string(), hundredths(self.price_cents), number(self.minutes));
        vec![service, function, from, price, minutes, points, reason]
    }
}

impl AsLine for AbsenceSettingRow {
    const KIND: FileKind = FileKind::AbsenceSettings;
    const COLUMNS: &'static [(&'static str, &'static str)] = same!(
        "delivery",
        "from",
        "medical_days",
        "holiday_days_each",
        "holiday_days_year",
        "holiday_after_days",
        "source"
    );

    fn cells(&self) -> Vec<String> {
        let days =
            [self.medical_days, self.holiday_days_each, self.holiday_days_year, self.holiday_after_days].map(Some);
        let mut cells = vec![self.delivery.clone(), self.from.to_string()];
        cells.extend(days.map(number));
        cells.push(self.source.clone());
        cells
    }
}
