//! Which other system asks: one that signed the request with its key, and whose key is for what the route does.
//!
//! The order is that of terminals (see `auth`), with the key in the place of the terminal: signature, the key (of one that is
//! not there: the same answer after the same work), revoked or expired, the key's rate, and then its scope, before anything
//! of a body is read. What a route asks for stands in its handler's type, so no handler can forget it.

use std::marker::PhantomData;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use card_protocol::Secret;
use chrono::Utc;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::auth::{BODY_BYTES_MAX, Extracted, Signer, parse, receive_body, repeated_id, service_of, signed_by};
use super::problem::{ID_MISMATCH, KEY_REVOKED, Problem, SCOPE_MISSING};
use super::signature::Policy;
use crate::domain::account::OrganisationId;
use crate::domain::integration_key::Scope;
use crate::domain::operation::OperationId;
use crate::services::integration_keys::KnownKey;

/// Bytes of a list of rows, at most.
pub const ROWS_BYTES_MAX: usize = 1024 * 1024;

/// What a route demands of a key.
pub trait Demand {
    /// The scope.
    const SCOPE: Scope;
    /// Bytes of a body, at most.
    const BYTES_MAX: usize = BODY_BYTES_MAX;
}

macro_rules! demands {
    ($($name:ident: $bytes:expr;)+) => {$(
        /// The route demands the scope of this name.
        #[derive(Debug)]
        pub enum $name {}

        impl Demand for $name {
            const SCOPE: Scope = Scope::$name;
            const BYTES_MAX: usize = $bytes;
        }
    )+};
}

demands! {
    ClientsRead: BODY_BYTES_MAX;
    ClientsWrite: ROWS_BYTES_MAX;
    TariffsWrite: ROWS_BYTES_MAX;
    CatalogueWrite: ROWS_BYTES_MAX;
    PlansRead: BODY_BYTES_MAX;
    PlansWrite: BODY_BYTES_MAX;
    MonthsRead: BODY_BYTES_MAX;
    MoneyWrite: BODY_BYTES_MAX;
    TasksRead: BODY_BYTES_MAX;
    TasksWrite: BODY_BYTES_MAX;
    ReportsRead: BODY_BYTES_MAX;
}

/// Who asks.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Integration {
    pub key: Uuid,
    /// Rows of another organisation do not exist for it.
    pub organisation: OrganisationId,
    scopes: Vec<Scope>,
}

impl Integration {
    /// Whether the key has a scope beside the one that the route demands.
    pub fn has(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }
}

/// A request without a body, signed with a key that is for it.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct AskedBy<D> {
    pub by: Integration,
    demand: PhantomData<D>,
}

/// A request with a body, signed with a key that is for it.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct SentBy<D, T> {
    pub by: Integration,
    pub body: T,
    idempotency_key: Uuid,
    demand: PhantomData<D>,
}

impl<D, T> SentBy<D, T> {
    /// The id of what the request makes: a UUIDv7 in `Idempotency-Key`, so that sent twice it makes one.
    ///
    /// # Errors
    /// `request-malformed` for an id that is no UUIDv7.
    pub fn id(&self) -> Result<OperationId, Problem> {
        Ok(OperationId::new(self.idempotency_key)?)
    }
}

impl<D: Demand + 'static> FromRequest for AskedBy<D> {
    type Error = Problem;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let by = authenticate::<D>(&request, &Policy::INTEGRATION_WITHOUT_BODY).await?;
            Ok(Self { by, demand: PhantomData })
        })
    }
}

impl<D: Demand + 'static, T: DeserializeOwned + 'static> FromRequest for SentBy<D, T> {
    type Error = Problem;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), web::Payload::from_request(request, payload).into_inner());
        Box::pin(async move {
            let by = authenticate::<D>(&request, &Policy::INTEGRATION_WITH_BODY).await?;
            let (body, idempotency_key) = receive_body(&request, payload, D::BYTES_MAX).await?;
            let idempotency_key = repeated_id(&idempotency_key);
            let idempotency_key = idempotency_key
                .ok_or_else(|| Problem::with(&ID_MISMATCH, "Idempotency-Key holds no UUID in double quotes"))?;
            Ok(Self { by, body: parse(&body)?, idempotency_key, demand: PhantomData })
        })
    }
}

impl Signer for KnownKey {
    fn key(&self) -> &Secret {
        &self.key
    }
}

async fn authenticate<D: Demand>(request: &HttpRequest, policy: &Policy) -> Result<Integration, Problem> {
    let service = service_of(request)?;
    let known = signed_by(request, policy, D::BYTES_MAX, async |id| service.integrations.get(id).await).await?;
    if !known.is_good_at(Utc::now()) {
        return Err(Problem::new(&KEY_REVOKED));
    }
    service.rates.count_key(known.row.id)?;
    let by = Integration { key: known.row.id, organisation: known.row.organisation, scopes: known.row.scopes.clone() };
    if !by.has(D::SCOPE) {
        return Err(Problem::with(&SCOPE_MISSING, format!("the key lacks the scope {}", D::SCOPE.name())));
    }
    Ok(by)
}
