//! Wiring: the service on its addresses, from start to a stop that loses nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::middleware::{self, from_fn};
use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse, HttpServer};
use chrono::Utc;
use metrics_exporter_prometheus::PrometheusHandle;

use crate::db::connect::Database;
use crate::http::rate_limit::{RateLimits, Rates};
use crate::http::{self, Service};
use crate::jobs;
use crate::services::authorise::{Authoriser, Settings};
use crate::services::card_proof::CardMac;
use crate::services::card_scripts::CardScripts;
use crate::services::certificates::{self, CertificateError, CertificatePlaces, Certificates};
use crate::services::forwards::{self, Forwards};
use crate::services::integration_keys::IntegrationKeys;
use crate::services::key_store::{KeyStore as _, Keys};
use crate::services::months::Watch;
use crate::services::terminals::Terminals;

/// How the service listens.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Listen {
    pub address: SocketAddr,
    /// Where it listens with TLS, and where the certificate comes from.
    pub tls: Option<(SocketAddr, CertificatePlaces)>,
    /// Where metrics are read: an address of its own.
    pub metrics: SocketAddr,
    /// Hosts and ports it is known by, beside the address itself.
    pub authorities: Vec<String>,
    pub rates: Rates,
    /// Of the authoriser.
    pub lanes: usize,
}

/// Why it does not listen.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// An address cannot be had.
    #[error(
        "cannot listen on {address}: {source}. Is another service running there? Choose another address with {option}"
    )]
    #[allow(missing_docs)]
    Address { address: SocketAddr, option: &'static str, source: std::io::Error },
    /// The server failed.
    #[error("the server failed")]
    Server(#[from] std::io::Error),
    /// No certificate to show.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// Metrics cannot be kept.
    #[error("metrics cannot be kept")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
}

/// How soon a rotation of keys is seen.
const KEYS_EVERY: Duration = Duration::from_secs(1);
/// Longer than a head takes that is sent in good faith.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// A till that is used keeps its connection between two clients.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// Far above what a sale takes; a stop waits this long for requests under way.
const SHUTDOWN_TIMEOUT_S: u64 = 30;
/// Connections of one worker: far above a house's terminals, far below what memory holds.
const CONNECTIONS_MAX: usize = 4096;

/// How often it is seen whether the certificate is still good for long.
const RENEW_EVERY: Duration = Duration::from_secs(3600);
/// What a crash or an outage left is judged this soon.
const JUDGE_EVERY: Duration = Duration::from_secs(2);

/// A service that listens.
pub struct Running {
    /// Where it listens, with the port that was given where 0 was asked for.
    pub address: SocketAddr,
    /// Where it listens with TLS.
    pub tls: Option<SocketAddr>,
    /// Where metrics are read.
    pub metrics: SocketAddr,
    api: (ServerHandle, tokio::task::JoinHandle<std::io::Result<()>>),
    metrics_server: (ServerHandle, tokio::task::JoinHandle<std::io::Result<()>>),
    upkeep: tokio::task::JoinHandle<()>,
    /// What is read again each second.
    kept: Vec<tokio::task::JoinHandle<()>>,
    renewing: Option<tokio::task::JoinHandle<()>>,
    judging: tokio::task::JoinHandle<()>,
    months: (Arc<Watch>, tokio::task::JoinHandle<()>),
    authoriser: Arc<Authoriser>,
}

/// Starts to listen.
///
/// # Errors
/// [`AppError`].
pub fn start(database: Database, keys: Arc<Keys>, listen: &Listen) -> Result<Running, AppError> {
    let recorder = http::metrics::install()?;
    let settings = Settings { lanes: listen.lanes, ..Settings::default() };
    let proof = Arc::new(CardMac(keys.clone()));
    let authoriser = Arc::new(Authoriser::start(database.clone(), proof, settings));
    let scripts = Arc::new(CardScripts::new(database.clone(), keys.clone()));
    let kept = vec![tokio::spawn(scripts.clone().keep()), tokio::spawn(keep_keys(database.clone(), keys.clone()))];
    let (socket, address) = bind(listen.address, "--listen")?;
    let (metrics_socket, metrics) = bind(listen.metrics, "--metrics")?;
    let tls = listen.tls.as_ref().map(|(address, places)| Tls::open(*address, places, listen)).transpose()?;
    let tls_address = tls.as_ref().map(|tls| tls.address);
    let forwards = Forwards::new(
        database.clone(),
        authoriser.clone(),
        http::api::forwards::read_sale,
        forwards::Settings::default(),
    );
    let forwards = Arc::new(forwards);
    let judging = tokio::spawn(keep_judging(forwards.clone()));
    let watch = Arc::new(Watch::default());
    let months = (watch.clone(), tokio::spawn(jobs::keep_months(database.clone(), watch)));
    let service = Data::new(Service {
        terminals: Terminals::new(database.clone(), keys.clone()),
        integrations: IntegrationKeys::new(database.clone(), keys.clone()),
        database,
        authoriser: authoriser.clone(),
        forwards,
        keys,
        scripts,
        authorities: authorities(listen, &[Some(address), tls_address].into_iter().flatten().collect::<Vec<_>>()),
        ca: tls.as_ref().map(|tls| tls.certificates.ca().to_owned()),
        rates: RateLimits::new(listen.rates),
        readiness: http::health::Readiness::default(),
    });
    let upkeep = tokio::spawn(upkeep(service.clone(), recorder.clone()));
    let app = move || {
        App::new()
            .app_data(service.clone())
            .wrap(middleware::DefaultHeaders::new().add(("x-content-type-options", "nosniff")))
            .wrap(from_fn(http::rate_limit::count_address))
            .wrap(from_fn(http::metrics::count))
            .configure(http::routes)
    };
    let api = HttpServer::new(app)
        .client_request_timeout(HEAD_TIMEOUT)
        .keep_alive(KEEP_ALIVE)
        .max_connections(CONNECTIONS_MAX)
        .shutdown_timeout(SHUTDOWN_TIMEOUT_S)
        .disable_signals()
        .listen(socket)?;
    let (api, renewing) = match tls {
        Some(tls) => {
            let api = api.listen_rustls_0_23(tls.socket, tls.certificates.settings()?)?;
            (api, Some(tokio::spawn(keep_renewing(tls.certificates))))
        }
        None => (api, None),
    };
    let api = api.run();
    let page = move || {
        let recorder = recorder.clone();
        let render = move || {
            let text = recorder.render();
            async move { HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(text) }
        };
        App::new().route("/metrics", web::get().to(render))
    };
    let metrics_server = HttpServer::new(page).workers(1).disable_signals().listen(metrics_socket)?.run();
    Ok(Running {
        address,
        tls: tls_address,
        metrics,
        api: (api.handle(), tokio::spawn(api)),
        metrics_server: (metrics_server.handle(), tokio::spawn(metrics_server)),
        upkeep,
        kept,
        renewing,
        judging,
        months,
        authoriser,
    })
}

impl Running {
    /// Takes no more requests, answers those under way, books what waits, and ends.
    ///
    /// # Errors
    /// [`AppError::Server`].
    pub async fn stop(self) -> Result<(), AppError> {
        self.upkeep.abort();
        self.kept.iter().for_each(tokio::task::JoinHandle::abort);
        if let Some(renewing) = &self.renewing {
            renewing.abort();
        }
        // Broken off anywhere, it is taken up by who comes next.
        self.judging.abort();
        // It ends between two chunks.
        self.months.0.stop();
        self.api.0.stop(true).await;
        self.metrics_server.0.stop(false).await;
        for task in [self.api.1, self.metrics_server.1] {
            task.await.map_err(std::io::Error::other)??;
        }
        // The workers are gone and with them who else could sell.
        let _ = self.upkeep.await;
        let _ = self.judging.await;
        let _ = self.months.1.await;
        match Arc::into_inner(self.authoriser) {
            Some(authoriser) => authoriser.stop().await,
            None => tracing::warn!("a request outlives its server; what waits is booked all the same"),
        }
        Ok(())
    }
}

fn bind(address: SocketAddr, option: &'static str) -> Result<(std::net::TcpListener, SocketAddr), AppError> {
    let bound = std::net::TcpListener::bind(address).and_then(|socket| {
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        Ok((socket, address))
    });
    bound.map_err(|source| AppError::Address { address, option, source })
}

/// The hosts and ports that the service goes by. On the default port of HTTPS a request's host has none.
fn authorities(listen: &Listen, addresses: &[SocketAddr]) -> Vec<String> {
    let mut authorities = listen.authorities.clone();
    for address in addresses {
        let mut hosts = vec![address.to_string()];
        if address.ip().is_loopback() {
            hosts.push(format!("localhost:{}", address.port()));
        }
        let without_port: Vec<String> =
            hosts.iter().filter_map(|host| host.strip_suffix(":443").map(str::to_owned)).collect();
        authorities.extend(hosts.into_iter().chain(without_port));
    }
    authorities
}

/// Whoever rotates the keys does so beside the running service, which must not be started anew for it.
async fn keep_keys(database: Database, keys: Arc<Keys>) {
    let mut is_failing = false;
    loop {
        let read = keys.refresh(&database).await;
        match &read {
            Ok(false) => {}
            Ok(true) => {
                tracing::info!(generation = keys.generation(), "the generations of keys changed: read them again")
            }
            // Once: a database that is away for long would fill the log.
            Err(error) if !is_failing => {
                tracing::error!(%error, "the keys could not be read again; trying each second")
            }
            Err(_) => {}
        }
        is_failing = read.is_err();
        tokio::time::sleep(KEYS_EVERY).await;
    }
}

/// The listener with TLS.
struct Tls {
    socket: std::net::TcpListener,
    address: SocketAddr,
    certificates: Certificates,
}

impl Tls {
    fn open(address: SocketAddr, places: &CertificatePlaces, listen: &Listen) -> Result<Self, AppError> {
        let (socket, address) = bind(address, "--listen-tls")?;
        if address.ip().is_unspecified() && listen.authorities.is_empty() {
            tracing::warn!(
                "PASJE_AUTHORITIES is not set: the certificate is good for localhost alone, and terminals elsewhere refuse it"
            );
        }
        let names = certificates::names(&listen.authorities, address);
        let certificates = Certificates::open(places.clone(), names, Utc::now())?;
        Ok(Self { socket, address, certificates })
    }
}

/// Each hour, a month ahead of need: a failed hour is made good by the next.
async fn keep_renewing(certificates: Certificates) {
    loop {
        tokio::time::sleep(RENEW_EVERY).await;
        match certificates.renew(Utc::now()) {
            Ok(false) => {}
            Ok(true) => tracing::info!("the service shows a new certificate from now on"),
            Err(error) => tracing::error!(%error, "the certificate could not be renewed; trying again in an hour"),
        }
    }
}

async fn upkeep(service: Data<Service>, recorder: PrometheusHandle) {
    loop {
        tokio::time::sleep(Duration::from_secs(5)).await;
        recorder.run_upkeep();
        service.rates.forget_old();
    }
}

/// Judges forwarded sales that wait, and tells how many there are.
async fn keep_judging(forwards: Arc<Forwards>) {
    loop {
        let waiting = async {
            forwards.judge_waiting().await?;
            forwards.counts().await
        };
        match waiting.await {
            Ok((pending, open)) => http::metrics::count_waiting(pending, open),
            Err(error) => tracing::warn!(%error, "forwarded sales wait; trying again soon"),
        }
        tokio::time::sleep(JUDGE_EVERY).await;
    }
}
