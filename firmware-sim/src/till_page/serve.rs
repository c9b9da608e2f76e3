//! The local server of the page: for the browser on this machine and no other.
//!
//! It listens on a loopback address alone and answers nobody who calls it by another name (a page from elsewhere whose name was
//! made to point here), and takes nothing from a page of another origin.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::{BodyExt as _, Either, Full, Limited};
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderValue, ORIGIN, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::driver::{Deed, NotNow, Staff};
use super::snapshot::Snapshot;
use super::{assets, view, words};
use crate::files::PinDigits;
use crate::phrases::Language;
use crate::request::SaleLine;

/// What a page may send at once.
const BODY_MAX: usize = 64 * 1024;
/// Pages that are open at once, with what they read; each hears of changes over a connection of its own.
const CONNECTIONS_MAX: usize = 256;
/// A page that hears nothing for longer than this thinks that the till has gone.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Clients that are shown for a search.
const FOUND_MAX: usize = 20;

type Answer = Response<Either<Full<Bytes>, Events>>;

/// Views, one after the other.
#[derive(Debug)]
pub struct Events(mpsc::Receiver<Bytes>);

impl Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// Where the page is.
#[derive(Debug)]
pub struct Page {
    listener: TcpListener,
    address: SocketAddr,
    staff: Staff,
}

impl Page {
    /// Listens; port 0 takes a free one.
    ///
    /// # Errors
    /// An address that others could reach, or one that is taken.
    pub async fn listen(address: SocketAddr, staff: Staff) -> std::io::Result<Page> {
        if !address.ip().is_loopback() {
            let why = "the till's page is for the browser on this machine: say 127.0.0.1 and a port";
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, why));
        }
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Page { listener, address, staff })
    }

    /// For the browser.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Serves for ever.
    pub async fn serve(self) {
        let (page, permits) = (Arc::new(self), Arc::new(Semaphore::new(CONNECTIONS_MAX)));
        loop {
            let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
            let Ok((stream, _)) = page.listener.accept().await else {
                // out of handles: others end soon
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let page = Arc::clone(&page);
            tokio::spawn(async move {
                page.connected(stream).await;
                drop(permit);
            });
        }
    }

    async fn connected(self: Arc<Self>, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let service = service_fn(move |request| {
            let page = Arc::clone(&self);
            async move { Ok::<_, Infallible>(page.answer(request).await) }
        });
        // a browser that goes away is no fault
        let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
    }

    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let language = language_of(&request);
        if !self.is_called_by_its_name(&request) {
            return plain(StatusCode::MISDIRECTED_REQUEST, "text/plain; charset=utf-8", "not here");
        }
        let path = request.uri().path().to_owned();
        match (request.method(), path.as_str()) {
            (&Method::GET, "/api/view") => json(StatusCode::OK, &view::view(&self.now(), language)),
            (&Method::GET, "/api/words") => json(StatusCode::OK, &words::messages(language)),
            (&Method::GET, "/api/assortment") => self.assortment(language),
            (&Method::GET, "/api/clients") => self.clients(&request, language),
            (&Method::GET, "/api/events") => self.events(language),
            (&Method::GET, _) => match assets::find(&path, language) {
                Some((kind, bytes)) => plain(StatusCode::OK, kind, bytes),
                None => plain(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "not found"),
            },
            (&Method::POST, _) => self.deed(request, &path, language).await,
            _ => plain(StatusCode::METHOD_NOT_ALLOWED, "text/plain; charset=utf-8", "GET or POST"),
        }
    }

    fn now(&self) -> Arc<Snapshot> {
        Arc::clone(&self.staff.snapshots().borrow())
    }

    fn is_called_by_its_name(&self, request: &Request<Incoming>) -> bool {
        let names = [self.address.to_string(), format!("localhost:{}", self.address.port())];
        let header = |name| request.headers().get(name).map(HeaderValue::as_bytes);
        let is_host = |host: &[u8]| names.iter().any(|name| name.as_bytes() == host);
        let is_origin = |origin: &[u8]| origin.strip_prefix(b"http://").is_some_and(is_host);
        header(HOST).is_some_and(is_host) && header(ORIGIN).is_none_or(is_origin)
    }

    fn assortment(&self, language: Language) -> Answer {
        let Some(assortment) = self.now().assortment.clone() else {
            let words = language.pick(
                "De kassa kent de prijzen nog niet. Zodra er verbinding is, haalt hij ze op.",
                "The till does not know prices yet. It reads them as soon as there is a connection.",
            );
            return json(StatusCode::NOT_FOUND, &json!({ "words": words }));
        };
        let prices = |service: Uuid| -> Vec<_> {
            let prices = assortment.price_list.prices.iter().filter(|price| price.service == service);
            // what there is not is left out: a page of hundreds of services is read on slow machines too
            let shown = prices.map(|price| {
                let mut shown = json!({ "buyer": price.buyer, "kind": price.kind, "price_cents": price.price_cents });
                for (unit, minor) in [("minutes", price.minutes), ("points", price.points)] {
                    if let Some(minor) = minor {
                        shown[unit] = minor.into();
                    }
                }
                shown
            });
            shown.collect()
        };
        let services = assortment.catalogue.services.iter().filter(|service| assortment.has_price(service.id));
        let services: Vec<_> = services
            .map(|service| {
                json!({ "id": service.id, "name": service.name, "name_en": service.name_en, "category": service.category,
                        "barcode": null, "asks_age": false, "prices": prices(service.id) })
            })
            .collect();
        json(
            StatusCode::OK,
            &json!({ "organisation": assortment.catalogue.organisation, "location": assortment.catalogue.location.name,
                     "units": assortment.catalogue.units, "version": assortment.price_list.version, "services": services }),
        )
    }

    /// Clients whose name has all the words that were typed: for who is signed on alone.
    fn clients(&self, request: &Request<Incoming>, language: Language) -> Answer {
        let now = self.now();
        if now.staff.is_none() {
            return self.refused(&NotNow::NeedsStaff, language);
        }
        let search = query(request, "search").unwrap_or_default().to_lowercase();
        let found = now.clients.iter().filter(|(_, name)| {
            let name = name.to_lowercase();
            search.split_whitespace().all(|word| name.contains(word))
        });
        let found: Vec<_> =
            found.take(FOUND_MAX).map(|(wallet, name)| json!({ "wallet": wallet, "name": name })).collect();
        json(StatusCode::OK, &found)
    }

    fn events(&self, language: Language) -> Answer {
        let (sender, receiver) = mpsc::channel(4);
        let mut snapshots = self.staff.snapshots();
        snapshots.mark_changed();
        tokio::spawn(async move {
            loop {
                let changed = tokio::time::timeout(HEARTBEAT, snapshots.changed()).await;
                let text = match changed {
                    // the till has ended
                    Ok(Err(_)) => return,
                    Ok(Ok(())) => {
                        let snapshot = Arc::clone(&snapshots.borrow_and_update());
                        let Ok(text) = serde_json::to_string(&view::view(&snapshot, language)) else { return };
                        format!("data: {text}\n\n")
                    }
                    Err(_) => ": here\n\n".to_owned(),
                };
                // the page has gone
                if sender.send(Bytes::from(text)).await.is_err() {
                    return;
                }
            }
        });
        let mut answer = Response::new(Either::Right(Events(receiver)));
        decorate(&mut answer, "text/event-stream");
        answer
    }

    async fn deed(&self, request: Request<Incoming>, path: &str, language: Language) -> Answer {
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
        let is_json = header("content-type").is_some_and(|kind| kind.starts_with("application/json"));
        if !is_json || header("x-pasje") != Some("till") {
            return plain(StatusCode::FORBIDDEN, "text/plain; charset=utf-8", "only the till's page may ask this");
        }
        let Ok(body) = Limited::new(request.into_body(), BODY_MAX).collect().await else {
            return malformed(language, "too large");
        };
        let body = Zeroizing::new(body.to_bytes().to_vec());
        let deed = match read(path, &body) {
            None => return plain(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "not found"),
            Some(Err(why)) => return malformed(language, &why),
            Some(Ok(deed)) => deed,
        };
        match self.staff.ask(deed).await {
            Ok(()) => json(StatusCode::ACCEPTED, &json!({})),
            Err(not_now) => self.refused(&not_now, language),
        }
    }

    fn refused(&self, not_now: &NotNow, language: Language) -> Answer {
        let status = match not_now {
            NotNow::NeedsStaff => StatusCode::FORBIDDEN,
            NotNow::UnknownCard | NotNow::UnknownSale => StatusCode::NOT_FOUND,
            NotNow::Busy | NotNow::Revoked | NotNow::Failed(_) => StatusCode::CONFLICT,
        };
        json(status, &json!({ "words": not_now.words(language) }))
    }
}

impl NotNow {
    /// What staff read.
    pub fn words(&self, language: Language) -> String {
        let (dutch, english) = match self {
            NotNow::Busy => ("Er is nog een verkoop bezig.", "A sale is still under way."),
            NotNow::Revoked => ("Deze kassa is ingetrokken; bel beheer.", "This till was withdrawn; call the office."),
            NotNow::NeedsStaff => ("Meld u eerst aan.", "Sign on first."),
            NotNow::UnknownCard => ("Dit pasje ligt niet in het bakje.", "This card is not in the tray."),
            NotNow::UnknownSale => ("Deze verkoop staat niet op deze kassa.", "This sale is not on this till."),
            NotNow::Failed(why) => {
                return format!("{} ({why})", language.pick("Dat lukt nu niet.", "That does not work now."));
            }
        };
        language.pick(dutch, english).to_owned()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SaleBody {
    lines: Vec<LineBody>,
    #[serde(default)]
    wallet: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LineBody {
    service: Uuid,
    quantity: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TapBody {
    card: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PinBody {
    #[serde(default)]
    digits: Option<PinDigits>,
    #[serde(default)]
    without: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VoidBody {
    sale: Uuid,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StaffBody {
    #[serde(default)]
    staff: Option<Uuid>,
    #[serde(default)]
    off: bool,
}

/// What is asked by this path; none if nothing is.
fn read(path: &str, body: &[u8]) -> Option<Result<Deed, String>> {
    fn of<'a, B: Deserialize<'a>>(
        body: &'a [u8],
        deed: impl FnOnce(B) -> Result<Deed, String>,
    ) -> Result<Deed, String> {
        serde_json::from_slice(body).map_err(|error| error.to_string()).and_then(deed)
    }
    Some(match path {
        "/api/sale" => of(body, |body: SaleBody| {
            let lines = body.lines.iter();
            let lines =
                lines.map(|line| SaleLine { service: line.service, quantity: line.quantity, hold: None }).collect();
            Ok(Deed::Sell { lines, wallet: body.wallet })
        }),
        "/api/tap" => of(body, |body: TapBody| Ok(Deed::Tap(body.card))),
        "/api/pin" => of(body, |body: PinBody| match (body.digits, body.without) {
            (Some(digits), false) => Ok(Deed::Pin(digits.0)),
            (None, true) => Ok(Deed::WithoutPin),
            _ => Err("digits, or without".to_owned()),
        }),
        "/api/cancel" => Ok(Deed::Cancel),
        "/api/dismiss" => Ok(Deed::Dismiss),
        "/api/void" => of(body, |body: VoidBody| Ok(Deed::Void(body.sale))),
        "/api/staff" => of(body, |body: StaffBody| match (body.staff, body.off) {
            (Some(staff), false) => Ok(Deed::Staff(Some(staff))),
            (None, true) => Ok(Deed::Staff(None)),
            _ => Err("staff, or off".to_owned()),
        }),
        _ => return None,
    })
}

fn query(request: &Request<Incoming>, name: &str) -> Option<String> {
    let pairs = request.uri().query()?.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.into_iter().find(|(known, _)| *known == name)?;
    Some(decoded(value))
}

/// Percent-decoded; what is no UTF-8 is nothing that a client is called.
fn decoded(value: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), value.as_bytes());
    while let Some((first, more)) = rest.split_first() {
        let digits = more.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match (first, digits.and_then(|two| u8::from_str_radix(two, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = more.get(2..).unwrap_or_default();
                continue;
            }
            (b'+', _) => bytes.push(b' '),
            _ => bytes.push(*first),
        }
        rest = more;
    }
    String::from_utf8(bytes).unwrap_or_default()
}

fn language_of(request: &Request<Incoming>) -> Language {
    match query(request, "lang").as_deref() {
        Some("en") => Language::English,
        _ => Language::Dutch,
    }
}

fn malformed(language: Language, why: &str) -> Answer {
    let words = language.pick("De kassa begrijpt dit niet", "The till does not understand this");
    json(StatusCode::UNPROCESSABLE_ENTITY, &json!({ "words": format!("{words} ({why}).") }))
}

fn json(status: StatusCode, body: &impl serde::Serialize) -> Answer {
    // what is shown holds no map with keys that are no text
    let text = serde_json::to_vec(body).unwrap_or_default();
    plain(status, "application/json", text)
}

fn plain(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Either::Left(Full::new(body.into())));
    *answer.status_mut() = status;
    decorate(&mut answer, kind);
    answer
}

fn decorate(answer: &mut Answer, kind: &'static str) {
    let csp = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(csp));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
}
