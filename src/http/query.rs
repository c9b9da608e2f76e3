//! What a path, a query and the texts of a body say.

use actix_web::HttpRequest;
use actix_web::web::Query;
use chrono::{Datelike, NaiveDate};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::problem::{CLIENT_UNKNOWN, PATH_MALFORMED, Problem, REQUEST_MALFORMED};
use crate::domain::money::Amount;
use crate::domain::month_grant::Month;
use crate::domain::operation::OperationId;
use crate::domain::request::is_sensible;

/// Reads the query into a struct; unknown names and names that are there twice are refused.
///
/// # Errors
/// `path-malformed`.
pub fn query<T: DeserializeOwned>(request: &HttpRequest) -> Result<T, Problem> {
    let read = Query::<T>::from_query(request.query_string());
    read.map(Query::into_inner).map_err(|error| Problem::with(&PATH_MALFORMED, format!("the query: {error}")))
}

/// A client's number in a path.
///
/// # Errors
/// `path-malformed`; `client-unknown` for a number that no client can have.
pub fn client_number(text: &str) -> Result<i32, Problem> {
    if text.is_empty() || text.len() > 20 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Problem::with(&PATH_MALFORMED, "a client's number is digits alone"));
    }
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| Problem::new(&CLIENT_UNKNOWN))
}

/// The id of an operation in a path.
///
/// # Errors
/// `path-malformed`.
pub fn operation_id(what: &str, text: &str) -> Result<OperationId, Problem> {
    let id =
        Uuid::try_parse(text).map_err(|_| Problem::with(&PATH_MALFORMED, format!("the {what}'s id is no UUID")))?;
    OperationId::new(id).map_err(|error| Problem::with(&PATH_MALFORMED, error.to_string()))
}

/// A month in a path or a query, as its first day.
///
/// # Errors
/// `path-malformed`.
pub fn month(text: &str) -> Result<NaiveDate, Problem> {
    let month = Month::parse(text).map(Month::first).filter(|first| (2000..=2199).contains(&first.year()));
    month.ok_or_else(|| Problem::with(&PATH_MALFORMED, "a month is written as 2026-04, from 2000-01 to 2199-12"))
}

/// A day in a query.
///
/// # Errors
/// `path-malformed`.
pub fn day(asked: Option<NaiveDate>) -> Result<Option<NaiveDate>, Problem> {
    if asked.is_none_or(is_sensible) {
        return Ok(asked);
    }
    Err(Problem::with(&PATH_MALFORMED, "a day lies between 2000 and 2200"))
}

/// How many rows a page has.
///
/// # Errors
/// `path-malformed`.
pub fn limit(asked: Option<u16>) -> Result<u16, Problem> {
    match asked.unwrap_or(100) {
        limit @ 1..=500 => Ok(limit),
        _ => Err(Problem::with(&PATH_MALFORMED, "limit is 1 to 500")),
    }
}

/// Minor units in a body that must be more than nothing.
///
/// # Errors
/// `request-malformed`.
pub fn above_zero(field: &str, minor: i64) -> Result<i64, Problem> {
    let most = Amount::MAX_MINOR;
    if (1..=most).contains(&minor) {
        return Ok(minor);
    }
    Err(Problem::with(&REQUEST_MALFORMED, format!("{field}: a whole number from 1 to {most}")))
}

/// A text of a body: 1 to `most` signs, none of them a control character.
///
/// # Errors
/// `request-malformed`, with the field's name and not what stood in it.
pub fn text<'a>(field: &str, text: &'a str, most: usize) -> Result<&'a str, Problem> {
    let is_right = (1..=most).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if is_right && !text.trim().is_empty() {
        return Ok(text);
    }
    Err(Problem::with(&REQUEST_MALFORMED, format!("{field}: 1 to {most} signs, without control characters")))
}
