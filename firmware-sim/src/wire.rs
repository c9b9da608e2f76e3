//! One connection over which requests go one at a time: HTTP/1.1 that is kept open, over TLS or on this machine.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{DATE, ETAG, HOST, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::address::Address;
use crate::client::NoAnswer;
use crate::tls;

/// The longest answer that is read. The catalogue is the longest of all.
const ANSWER_LENGTH_MAX: usize = 8 * 1024 * 1024;

/// What came back.
#[derive(Clone, Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// All of it.
    pub body: Bytes,
    headers: HeaderMap,
}

impl Reply {
    /// A reply that came in another way than over a connection.
    pub fn new(status: u16, body: impl Into<Bytes>, headers: HeaderMap) -> Self {
        Self { status, body: body.into(), headers }
    }

    /// What the card is to change, in hexadecimal digits.
    pub fn card_script(&self) -> Option<&str> {
        self.header("pasje-card-script")
    }

    fn known(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The version of what came.
    pub fn etag(&self) -> Option<&str> {
        self.known(&ETAG)
    }

    /// The service's clock.
    pub fn date(&self) -> Option<&str> {
        self.known(&DATE)
    }

    /// How long the service wants to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        self.known(&RETRY_AFTER)?.parse().ok().map(Duration::from_secs)
    }
}

/// A connection, made when something is sent and kept.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) address: Address,
    tls: Option<Arc<ClientConfig>>,
    timeout: Duration,
    sender: Option<SendRequest<Full<Bytes>>>,
    pub(crate) connections: u64,
}

impl Wire {
    pub(crate) const fn new(address: Address, tls: Option<Arc<ClientConfig>>, timeout: Duration) -> Self {
        Self { address, tls, timeout, sender: None, connections: 0 }
    }

    /// Sends a request, made anew for each try, and reads the answer.
    pub(crate) async fn exchange(
        &mut self,
        mut make: impl FnMut() -> Result<hyper::Request<Full<Bytes>>, NoAnswer>,
    ) -> Result<Reply, NoAnswer> {
        let span = self.timeout;
        // out of `self` while it is used: whatever goes wrong, a connection in the middle of an answer is never used again
        let mut sender = self.sender.take();
        let exchange = async {
            let kept = match sender.take() {
                Some(mut kept) => kept.ready().await.ok().map(|()| kept),
                None => None,
            };
            let mut connection = match kept {
                Some(kept) => kept,
                None => self.connect().await?,
            };
            let reply = match connection.send_request(self.with_host(make()?)?).await {
                // the service closed it before it read anything
                Err(error) if error.is_canceled() => {
                    connection = self.connect().await?;
                    connection.send_request(self.with_host(make()?)?).await
                }
                other => other,
            };
            let reply = read(reply.map_err(|error| NoAnswer::Lost(error.to_string()))?).await?;
            Ok::<_, NoAnswer>((connection, reply))
        };
        let (connection, reply) = timeout(span, exchange).await.map_err(|_| NoAnswer::TimedOut(span))??;
        self.sender = Some(connection);
        Ok(reply)
    }

    fn with_host(&self, mut request: hyper::Request<Full<Bytes>>) -> Result<hyper::Request<Full<Bytes>>, NoAnswer> {
        let host = HeaderValue::from_str(&self.address.authority);
        request.headers_mut().insert(HOST, host.map_err(|error| NoAnswer::NotMade(error.to_string()))?);
        Ok(request)
    }

    async fn connect(&mut self) -> Result<SendRequest<Full<Bytes>>, NoAnswer> {
        let not_sent = |error: std::io::Error| match tls::refusal(&error) {
            Some(why) => NoAnswer::Untrusted(why),
            None => NoAnswer::NotSent(error.to_string()),
        };
        let stream = TcpStream::connect((self.address.host.as_str(), self.address.port)).await.map_err(not_sent)?;
        stream.set_nodelay(true).map_err(not_sent)?;
        self.connections += 1;
        let Some(config) = &self.tls else { return speak(stream).await };
        let name = ServerName::try_from(self.address.host.clone());
        let name = name.map_err(|error| NoAnswer::NotMade(error.to_string()))?;
        speak(TlsConnector::from(Arc::clone(config)).connect(name, stream).await.map_err(not_sent)?).await
    }
}

async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Result<SendRequest<Full<Bytes>>, NoAnswer> {
    let made = handshake(TokioIo::new(stream)).await;
    let (sender, connection) = made.map_err(|error| NoAnswer::NotSent(error.to_string()))?;
    // its end is seen by who sends next
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

async fn read(response: hyper::Response<Incoming>) -> Result<Reply, NoAnswer> {
    let (head, body) = response.into_parts();
    let body = Limited::new(body, ANSWER_LENGTH_MAX).collect().await;
    let body = body.map_err(|error| NoAnswer::Lost(error.to_string()))?.to_bytes();
    Ok(Reply { status: head.status.as_u16(), body, headers: head.headers })
}
