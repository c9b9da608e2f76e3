//! What a file's rows change of what is there already, row by row.

use std::collections::HashMap;
use std::hash::Hash;

use super::{AbsenceSettingRow, AdditionRow, At, ClientRow, IndicationRow, RepresentativeRow, ServiceRow, TariffRow};
use crate::domain::indication::{Package, Period};
use crate::domain::money::Amount;
use crate::domain::offer::ServicePrice;
use crate::domain::wallet::Buyer;

/// What becomes of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Change {
    pub line: u64,
    /// What it is about.
    pub what: String,
    pub kind: ChangeKind,
}

/// How.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ChangeKind {
    Added,
    /// With the fields that change: `price 2.50 -> 2.75`.
    Changed(Vec<String>),
    Unchanged,
}

/// A row that can be compared with the one that is there.
pub trait Told: PartialEq {
    /// What it is about, in a few words.
    fn title(&self) -> String;
    /// What it says, field by field, always the same fields in the same order.
    fn fields(&self) -> Vec<(&'static str, String)>;
}

/// Compares rows with those that are there, by their key.
pub fn changes<T: Told, K: Hash + Eq>(rows: &[At<T>], there: &[T], key: impl Fn(&T) -> K) -> Vec<Change> {
    let there: HashMap<K, &T> = there.iter().map(|row| (key(row), row)).collect();
    let change = |At { line, row }: &At<T>| {
        let kind = match there.get(&key(row)) {
            None => ChangeKind::Added,
            Some(old) if *old == row => ChangeKind::Unchanged,
            Some(old) => {
                let fields = old.fields().into_iter().zip(row.fields());
                let fields = fields.filter(|((_, old), (_, new))| old != new);
                ChangeKind::Changed(fields.map(|((name, old), (_, new))| format!("{name} {old} -> {new}")).collect())
            }
        };
        Change { line: *line, what: row.title(), kind }
    };
    rows.iter().map(change).collect()
}

fn euros(amount: Amount) -> String {
    format!("{}.{:02}", amount.minor() / 100, amount.minor() % 100)
}

fn or_none<T: std::fmt::Display>(value: Option<T>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

fn yes(yes: bool) -> String {
    if yes { "ja".to_owned() } else { "nee".to_owned() }
}

fn of_package(package: &Package) -> Vec<(&'static str, String)> {
    vec![
        ("profile", package.profile.clone()),
        ("delivery", package.delivery.name().to_owned()),
        ("treatment", yes(package.treatment)),
        ("day_activities", yes(package.day_activities)),
    ]
}

fn of_period(period: Period) -> [(&'static str, String); 2] {
    [("from", period.from.to_string()), ("to", or_none(period.to))]
}

impl Told for TariffRow {
    fn title(&self) -> String {
        let Package { profile, delivery, treatment, day_activities } = &self.package;
        let with = |is: bool, what: &str| if is { format!(" with {what}") } else { String::new() };
        let (treatment, activities) = (with(*treatment, "treatment"), with(*day_activities, "day activities"));
        format!("tariff {profile} {}{treatment}{activities} from {}", delivery.name(), self.period.from)
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = vec![("code", self.code.clone())];
        fields.extend(of_package(&self.package));
        fields.extend(of_period(self.period));
        fields.extend([("price_per_day", euros(self.day)), ("source", self.source.clone())]);
        fields
    }
}

impl Told for IndicationRow {
    fn title(&self) -> String {
        format!("indication of client {} from {}", self.client, self.period.from)
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = of_package(&self.package);
        fields.extend(of_period(self.period));
        fields
    }
}

impl Told for AdditionRow {
    fn title(&self) -> String {
        format!("{} of client {} from {}", self.code, self.client, self.period.from)
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = of_period(self.period).to_vec();
        fields.push(("price_per_day", euros(self.day)));
        fields
    }
}

impl Told for ClientRow {
    fn title(&self) -> String {
        format!("client {}", self.number)
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        vec![
            ("name", self.name.clone()),
            ("scheme", self.scheme.clone()),
            ("location", or_none(self.location.as_ref())),
            ("arrived_on", or_none(self.arrived_on)),
            ("supporter", or_none(self.supporter)),
        ]
    }
}

impl Told for RepresentativeRow {
    fn title(&self) -> String {
        format!("{} of client {} from {}", self.role.name(), self.client, self.period.from)
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = vec![
            ("name", self.name.clone()),
            ("for_money", yes(self.for_money)),
            ("for_care", yes(self.for_care)),
            ("email", or_none(self.email.as_ref())),
        ];
        fields.extend(of_period(self.period));
        fields
    }
}

impl Told for ServiceRow {
    fn title(&self) -> String {
        format!("service {}", self.code)
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = vec![
            ("name", self.name.clone()),
            ("name_en", self.name_en.clone()),
            ("category", self.category.clone()),
            ("function", or_none(self.function.as_ref())),
            ("vat_percent", format!("{}.{:02}", self.vat_basis_points / 100, self.vat_basis_points % 100)),
            ("included_per_day", or_none(self.included_per_day)),
            ("from_savings", yes(self.from_savings)),
            ("council_agreed_on", or_none(self.council_agreed_on)),
            ("published_on", or_none(self.published_on)),
        ];
        let kinds = Buyer::ALL.into_iter().zip(self.kinds);
        fields
            .extend(kinds.map(|(buyer, kind)| (buyer.name(), kind.map_or("not sold", |kind| kind.name()).to_owned())));
        fields
    }
}

impl Told for AbsenceSettingRow {
    fn title(&self) -> String {
        format!("absence setting of {} from {}", self.setting.delivery.name(), self.setting.from)
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        vec![
            ("medical_days", self.setting.medical_days.to_string()),
            ("holiday_days_each", self.setting.holiday_days_each.to_string()),
            ("holiday_days_year", self.setting.holiday_days_year.to_string()),
            ("holiday_after_days", self.setting.holiday_after_days.to_string()),
            ("source", self.source.clone()),
        ]
    }
}

/// A price with the code of its service.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct CodedPrice {
    pub code: String,
    pub price: ServicePrice,
}

impl Told for CodedPrice {
    fn title(&self) -> String {
        let ServicePrice { function, from, .. } = &self.price;
        let by = if function.is_empty() { String::new() } else { format!(" by {function}") };
        format!("price of {}{by} from {from}", self.code)
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        vec![
            ("price", euros(self.price.price)),
            ("minutes", or_none(self.price.minutes.map(Amount::minor))),
            ("points", or_none(self.price.points.map(euros))),
            ("points_reason", or_none(self.price.points_reason.as_ref())),
        ]
    }
}
