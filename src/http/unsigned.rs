//! What somebody sends who has no key yet: counted more strictly, as nobody vouches for it.
//!
//! The order: the address's rate (of every route, then of enrolments), the host, the type, the body, its JSON.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::web::{self, Data};
use actix_web::{FromRequest, HttpRequest};
use serde::de::DeserializeOwned;

use super::Service;
use super::auth::{BODY_BYTES_MAX, is_json, parse, read};
use super::problem::{AUTHORITY_UNKNOWN, CONTENT_TYPE_WRONG, INTERNAL, JSON_MALFORMED, Problem};

/// A body that nobody signed.
#[derive(Debug)]
pub struct Unsigned<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Unsigned<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), web::Payload::from_request(request, payload).into_inner());
        Box::pin(async move {
            let service = request.app_data::<Data<Service>>().ok_or_else(|| Problem::new(&INTERNAL))?;
            service.rates.count_enrolment(request.peer_addr().map(|address| address.ip()))?;
            // a terminal that enrolled under a name that the service does not go by could sign nothing afterwards
            let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
            if !service.is_known_as(host) {
                return Err(Problem::new(&AUTHORITY_UNKNOWN));
            }
            if !is_json(request.headers()) {
                return Err(Problem::new(&CONTENT_TYPE_WRONG));
            }
            let payload = payload.map_err(|_| Problem::with(&JSON_MALFORMED, "there is no body"))?;
            Ok(Self(parse(&read(payload, BODY_BYTES_MAX).await?)?))
        })
    }
}
