//! What is sold at the terminal's location, and the greatest that it may cost.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::request::SaleLine;

/// A service that is sold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Service {
    pub id: Uuid,
    pub name: String,
    #[serde(default)]
    pub name_en: Option<String>,
    #[serde(default)]
    pub category: Option<String>,
}

/// What is sold at a location.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Catalogue {
    pub organisation: String,
    pub location: Place,
    /// What the organisation's budgets are counted in.
    #[serde(default)]
    pub units: Vec<String>,
    pub services: Vec<Service>,
}

/// Where the terminal stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Place {
    pub id: Uuid,
    pub name: String,
}

/// What one kind of buyer pays for a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Price {
    pub service: Uuid,
    pub buyer: String,
    pub kind: String,
    pub price_cents: u64,
    #[serde(default)]
    pub minutes: Option<u64>,
    /// Hundredths of a point.
    #[serde(default)]
    pub points: Option<u64>,
    #[serde(default)]
    pub vat_basis_points: Option<u32>,
}

/// A version of the location's prices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct PriceList {
    pub version: u32,
    #[serde(default)]
    pub valid_from: Option<String>,
    pub prices: Vec<Price>,
}

/// Catalogue and prices together.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Assortment {
    pub catalogue: Catalogue,
    pub price_list: PriceList,
    dearest_cents: HashMap<Uuid, u64>,
}

/// Why a service or its price is not found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum NotFound {
    #[error("nothing called `{0}` is sold here; `firmware-sim catalogue` shows what is")]
    Unknown(String),
    #[error("`{name}` may be {}; say more of the name", .candidates.join(" or "))]
    Ambiguous { name: String, candidates: Vec<String> },
    #[error("`{0}` has no price in the price list")]
    NoPrice(String),
    #[error("the basket costs more than can be written")]
    TooDear,
}

impl Assortment {
    /// Puts both together.
    pub fn new(catalogue: Catalogue, price_list: PriceList) -> Self {
        let mut dearest_cents = HashMap::new();
        for price in &price_list.prices {
            let dearest = dearest_cents.entry(price.service).or_insert(price.price_cents);
            *dearest = price.price_cents.max(*dearest);
        }
        Self { catalogue, price_list, dearest_cents }
    }

    /// The service with this id, this name (in either language, whatever the capitals), or alone in beginning so.
    ///
    /// # Errors
    /// [`NotFound`].
    pub fn find(&self, name: &str) -> Result<&Service, NotFound> {
        let services = &self.catalogue.services;
        if let Ok(id) = Uuid::parse_str(name)
            && let Some(service) = services.iter().find(|service| service.id == id)
        {
            return Ok(service);
        }
        let wanted = name.trim().to_lowercase();
        let matches = |exact: bool| -> Vec<&Service> {
            let fits = |text: &str| {
                let text = text.to_lowercase();
                if exact { text == wanted } else { text.starts_with(&wanted) }
            };
            let any = |service: &&Service| fits(&service.name) || service.name_en.as_deref().is_some_and(fits);
            services.iter().filter(any).collect()
        };
        let exact = matches(true);
        let found = if exact.is_empty() && !wanted.is_empty() { matches(false) } else { exact };
        match found.as_slice() {
            [] => Err(NotFound::Unknown(name.to_owned())),
            [service] => Ok(service),
            several => Err(NotFound::Ambiguous {
                name: name.to_owned(),
                candidates: several.iter().map(|service| service.name.clone()).collect(),
            }),
        }
    }

    /// The service with this id.
    pub fn service(&self, id: Uuid) -> Option<&Service> {
        self.catalogue.services.iter().find(|service| service.id == id)
    }

    /// Whether the price list has a price of it, for any buyer.
    pub fn has_price(&self, id: Uuid) -> bool {
        self.dearest_cents.contains_key(&id)
    }

    /// Whether this is care or included for every buyer that has a price of it.
    fn is_free_of_limits(&self, service: Uuid) -> bool {
        let mut prices = self.price_list.prices.iter().filter(|price| price.service == service);
        prices.all(|price| matches!(&*price.kind, "care" | "included"))
    }

    /// The greatest that these lines may cost, without those that are care or included whoever buys them.
    ///
    /// # Errors
    /// As [`greatest_cents`](Self::greatest_cents).
    pub fn limited_cents(&self, lines: &[SaleLine]) -> Result<u64, NotFound> {
        let limited: Vec<SaleLine> = lines
            .iter()
            .filter(|line| !self.has_price(line.service) || !self.is_free_of_limits(line.service))
            .copied()
            .collect();
        self.greatest_cents(&limited)
    }

    /// The greatest that these lines may cost: each at its dearest price for any buyer.
    ///
    /// # Errors
    /// [`NotFound::NoPrice`], [`NotFound::TooDear`].
    pub fn greatest_cents(&self, lines: &[SaleLine]) -> Result<u64, NotFound> {
        let mut sum = 0_u64;
        for line in lines {
            let dearest = self.dearest_cents.get(&line.service).ok_or_else(|| {
                let name = self.service(line.service).map(|service| service.name.clone());
                NotFound::NoPrice(name.unwrap_or_else(|| line.service.to_string()))
            })?;
            let cents = dearest.checked_mul(line.quantity.into()).ok_or(NotFound::TooDear)?;
            sum = sum.checked_add(cents).ok_or(NotFound::TooDear)?;
        }
        Ok(sum)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn service(tag: u8) -> Uuid {
        Uuid::from_bytes([tag; 16])
    }

    pub(crate) fn assortment() -> Assortment {
        let named = |tag, name: &str, name_en: &str| Service {
            id: service(tag),
            name: name.to_owned(),
            name_en: Some(name_en.to_owned()),
            category: Some("dranken".to_owned()),
        };
        let catalogue = Catalogue {
            organisation: "Zorggroep".to_owned(),
            location: Place { id: service(99), name: "De Linde".to_owned() },
            units: vec!["EUR".to_owned()],
            services: vec![
                named(1, "Koffie", "Coffee"),
                named(2, "Koffie verkeerd", "Latte"),
                named(3, "Glas wijn", "Glass of wine"),
                named(4, "Glas water", "Glass of water"),
            ],
        };
        let price = |tag, buyer: &str, price_cents| Price {
            service: service(tag),
            buyer: buyer.to_owned(),
            kind: "extra".to_owned(),
            price_cents,
            minutes: None,
            points: None,
            vat_basis_points: Some(900),
        };
        let prices = vec![price(1, "verblijf", 200), price(1, "mpt", 250), price(1, "vpt", 0), price(3, "vpt", 400)];
        Assortment::new(catalogue, PriceList { version: 3, valid_from: None, prices })
    }

    fn line(tag: u8, quantity: u32) -> SaleLine {
        SaleLine { service: service(tag), quantity, hold: None }
    }

    #[test]
    fn a_service_is_found_by_id_name_in_either_language_or_beginning() {
        let assortment = assortment();
        let id = service(3).to_string();
        for (name, tag) in [("KOFFIE", 1), ("latte", 2), ("glas wi", 3), (id.as_str(), 3), (" coffee ", 1)] {
            assert_eq!(assortment.find(name).unwrap().id, service(tag), "{name}");
        }
    }

    #[test]
    fn a_beginning_of_two_names_is_refused_with_both() {
        let error = assortment().find("glas").unwrap_err().to_string();
        assert!(error.contains("Glas wijn") && error.contains("Glas water"), "{error}");
        assert_eq!(assortment().find(""), Err(NotFound::Unknown(String::new())));
        assert_eq!(assortment().find("thee"), Err(NotFound::Unknown("thee".to_owned())));
    }

    #[test]
    fn the_greatest_amount_takes_each_line_at_its_dearest_price() {
        let assortment = assortment();
        assert_eq!(assortment.greatest_cents(&[line(1, 2), line(3, 1)]), Ok(900));
        assert_eq!(assortment.greatest_cents(&[]), Ok(0));
        assert!(
            matches!(assortment.greatest_cents(&[line(4, 1)]), Err(NotFound::NoPrice(name)) if name == "Glas water")
        );
    }
}
