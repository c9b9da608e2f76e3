//! A terminal that has no key yet: hands in a public key, and asks whether somebody accepted its code.

use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, get, post};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::enrolment::EnrolmentCode;
use crate::domain::hex::{from_hex, to_hex};
use crate::http::Service;
use crate::http::problem::{ENROLMENT_UNKNOWN, Problem, REQUEST_MALFORMED};
use crate::http::unsigned::Unsigned;
use crate::services::enrolments;

/// A terminal's public key.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EnrolmentRequest {
    /// X25519 (RFC 7748), 64 hexadecimal digits.
    public_key: String,
}

/// A code that waits to be accepted.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Enrolment)]
pub struct EnrolmentBody {
    /// The first 50 bits of SHA-256("PASJE enrolment" || public key) in Crockford's base 32: `ABCDE-FGHJK`.
    code: String,
    expires_at: DateTime<Utc>,
    /// The CA of the service's certificate, as PEM. Not to be believed before it came sealed too.
    ca: Option<String>,
}

/// What the terminal gets: HPKE (RFC 9180), base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = SealedTerminal)]
pub struct SealedBody {
    /// 64 hexadecimal digits.
    encapsulated: String,
    /// Ciphertext of `{"terminal","location","name","key","ca"}`; info `PASJE enrolment 1`, aad the code's ASCII.
    sealed: String,
}

/// Hands in a public key. Good for ten minutes; a key pair is used once. Not signed.
#[utoipa::path(
    post, path = "/api/v1/enrolments", tag = "enrolment",
    request_body = EnrolmentRequest,
    responses((status = 201, description = "Show the code", body = EnrolmentBody))
)]
#[post("/enrolments")]
pub async fn enrol(service: Data<Service>, request: Unsigned<EnrolmentRequest>) -> Result<HttpResponse, Problem> {
    let key = from_hex::<32>(&request.0.public_key);
    let key = key.ok_or_else(|| Problem::with(&REQUEST_MALFORMED, "public_key: it is not 64 hexadecimal digits"))?;
    let offered = enrolments::offer(&service.database, &key, service.ca.as_deref()).await?;
    let enrolments::Offered { code, expires_at } = offered;
    Ok(HttpResponse::Created().json(EnrolmentBody { code: code.to_string(), expires_at, ca: service.ca.clone() }))
}

/// Whether a code was accepted. Not signed.
#[utoipa::path(
    get, path = "/api/v1/enrolments/{code}", tag = "enrolment",
    params(("code" = String, Path, description = "As it is shown")),
    responses(
        (status = 202, description = "Nobody accepted it yet"),
        (status = 200, description = "Somebody did: what only the terminal can open", body = SealedBody)
    )
)]
#[get("/enrolments/{code}")]
pub async fn poll(service: Data<Service>, code: Path<String>) -> Result<HttpResponse, Problem> {
    let code = EnrolmentCode::parse(&code).map_err(|_| Problem::new(&ENROLMENT_UNKNOWN))?;
    Ok(match enrolments::ask(&service.database, &code).await? {
        None => HttpResponse::Accepted().finish(),
        Some(answer) => HttpResponse::Ok()
            .json(SealedBody { encapsulated: to_hex(&answer.encapsulated), sealed: to_hex(&answer.sealed) }),
    })
}
